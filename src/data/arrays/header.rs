//! The header of a `.npy` file: a dictionary in Python's notation with the keys `descr`, `fortran_order` and `shape`.

use super::MAX_ELEMENTS;
use super::error::ArrayProblem;
use crate::tensor::ElementType;
use std::io::Read;

/// The first bytes of a `.npy` file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header that is read; NumPy writes some hundred bytes for arrays of numbers.
const MAX_HEADER: u32 = 1 << 16;

/// The most axes, as in NumPy.
const MAX_AXES: usize = 64;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) element: ElementType,
    pub(super) big_endian: bool,
    /// Whether the first axis runs fastest.
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
}

/// Element types with their letters: `descr` without the byte order.
const TYPES: [(&str, ElementType); 12] = [
    ("f2", ElementType::Float16),
    ("f4", ElementType::Float32),
    ("f8", ElementType::Float64),
    ("b1", ElementType::Bool),
    ("i1", ElementType::Int8),
    ("i2", ElementType::Int16),
    ("i4", ElementType::Int32),
    ("i8", ElementType::Int64),
    ("u1", ElementType::UInt8),
    ("u2", ElementType::UInt16),
    ("u4", ElementType::UInt32),
    ("u8", ElementType::UInt64),
];

/// The letters of the type in which elements of `element` are written: the smallest that NumPy has.
pub(super) fn letters(element: ElementType) -> &'static str {
    let stored = match element {
        ElementType::BFloat16 => ElementType::Float32,
        ElementType::Int2 | ElementType::Int4 => ElementType::Int8,
        ElementType::UInt2 | ElementType::UInt4 => ElementType::UInt8,
        other => other,
    };
    let found = TYPES.iter().find(|(_, element)| *element == stored);
    found.expect("every other type is listed").0
}

impl Header {
    /// Reads a header up to the first element.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, ArrayProblem> {
        let mut start = [0; 8];
        from.read_exact(&mut start).map_err(|_| ArrayProblem::NotArray)?;
        if !start.starts_with(MAGIC) {
            return Err(ArrayProblem::NotArray);
        }
        let length = match (start[6], start[7]) {
            (1, 0) => u32::from(u16::from_le_bytes(bytes(from)?)),
            (2 | 3, 0) => u32::from_le_bytes(bytes(from)?),
            (major, minor) => return Err(ArrayProblem::Version(major, minor)),
        };
        if length > MAX_HEADER {
            return Err(ArrayProblem::Header("it is longer than 65,536 bytes"));
        }
        let mut text = vec![0; length as usize];
        from.read_exact(&mut text).map_err(|_| ArrayProblem::Header("the file ends in it"))?;
        let text = String::from_utf8_lossy(&text);
        Dictionary { rest: &text }.header()
    }

    /// The header that NumPy would write for an array in C order, padded to a multiple of 64 bytes.
    pub(super) fn written(element: ElementType, shape: &[usize]) -> Vec<u8> {
        let letters = letters(element);
        let order = if letters.ends_with('1') { '|' } else { '<' };
        let sizes: String = match shape {
            [size] => format!("{size},"),
            sizes => sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
        };
        let mut text = format!(
            "{{'descr': '{order}{letters}', 'fortran_order': False, 'shape': ({sizes}), }}"
        );
        // Magic, version and length are 10 bytes, the line feed one.
        let end = (10 + text.len() + 1).next_multiple_of(64);
        text.push_str(&" ".repeat(end - 10 - text.len() - 1));
        text.push('\n');
        let mut header = MAGIC.to_vec();
        header.extend([1, 0]);
        let length = u16::try_from(text.len()).expect("64 axes of 20 digits fit");
        header.extend(length.to_le_bytes());
        header.extend(text.as_bytes());
        header
    }
}

fn bytes<const N: usize>(from: &mut impl Read) -> Result<[u8; N], ArrayProblem> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(|_| ArrayProblem::Header("the file ends in it"))?;
    Ok(bytes)
}

/// What of the dictionary is not yet read.
struct Dictionary<'a> {
    rest: &'a str,
}

impl<'a> Dictionary<'a> {
    fn header(mut self) -> Result<Header, ArrayProblem> {
        let (mut kind, mut fortran, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.take('}') {
            let key = self.text()?;
            self.expect(':')?;
            match key {
                "descr" if self.peek() == Some('[') => {
                    return Err(ArrayProblem::Type {
                        descr: "a record of several fields".to_owned(),
                    });
                }
                "descr" => kind = Some(element(self.text()?)?),
                "fortran_order" => fortran = Some(self.truth()?),
                "shape" => shape = Some(self.sizes()?),
                _ => return Err(ArrayProblem::Header("it has an unknown key")),
            }
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return Err(ArrayProblem::Header("text follows the dictionary"));
        }
        let missing = ArrayProblem::Header("descr, fortran_order or shape is missing");
        let (Some((element, big_endian)), Some(fortran), Some(sizes)) = (kind, fortran, shape)
        else {
            return Err(missing);
        };
        let count = if sizes.contains(&0) {
            Some(0)
        } else {
            sizes.iter().try_fold(1u64, |count, &size| count.checked_mul(size))
        };
        if sizes.len() > MAX_AXES || count.is_none_or(|count| count > MAX_ELEMENTS as u64) {
            return Err(ArrayProblem::TooLarge(sizes));
        }
        let shape = sizes.into_iter().map(hwmodel::cast::index).collect();
        Ok(Header { element, big_endian, fortran, shape })
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, symbol: char) -> bool {
        self.peek();
        self.rest.strip_prefix(symbol).map(|rest| self.rest = rest).is_some()
    }

    fn expect(&mut self, symbol: char) -> Result<(), ArrayProblem> {
        let taken = self.take(symbol);
        taken.then_some(()).ok_or(ArrayProblem::Header("it is not a dictionary of Python"))
    }

    fn text(&mut self) -> Result<&'a str, ArrayProblem> {
        let wrong = ArrayProblem::Header("a key or a type is not a text");
        let Some(quote @ ('\'' | '"')) = self.peek() else { return Err(wrong) };
        let Some((text, rest)) = self.rest[1..].split_once(quote) else { return Err(wrong) };
        self.rest = rest;
        Ok(text)
    }

    fn truth(&mut self) -> Result<bool, ArrayProblem> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(ArrayProblem::Header("fortran_order is neither True nor False"))
    }

    fn sizes(&mut self) -> Result<Vec<u64>, ArrayProblem> {
        let wrong = || ArrayProblem::Header("shape is not a list of sizes");
        if !self.take('(') {
            return Err(wrong());
        }
        let mut sizes = Vec::new();
        while !self.take(')') {
            self.peek();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            sizes.push(digits.parse().map_err(|_| wrong())?);
            // Python 2 wrote long integers as 10L.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            if !self.take(',') {
                if self.take(')') {
                    break;
                }
                return Err(wrong());
            }
        }
        Ok(sizes)
    }
}

/// Type and byte order of `descr`.
fn element(descr: &str) -> Result<(ElementType, bool), ArrayProblem> {
    let order = descr.chars().next().filter(|c| "<>|=".contains(*c));
    let letters = if order.is_some() { &descr[1..] } else { descr };
    if letters.starts_with('O') {
        return Err(ArrayProblem::Objects);
    }
    let found = TYPES.iter().find(|(name, _)| *name == letters);
    let (_, element) = found.ok_or_else(|| ArrayProblem::Type { descr: shown(descr) })?;
    let big = order == Some('>') || (order != Some('<') && cfg!(target_endian = "big"));
    Ok((*element, big))
}

/// A text of a file as an error shows it.
fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}
