//! Checks ap_fixed.csv: values cast by compiled ap_fixed and ac_fixed types in every quantisation and overflow mode.

use super::{Checker, GoldenError, Line, Report, Table};
use hwmodel::cast::nearest_f32;
use hwmodel::number::quantise::{Cast, Quantiser};
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{BitWidth, FixedTensor, Format, Overflow, RawData, Rounding, SimdLevel, Word};
use std::path::Path;

/// Quantisation modes by their names in the columns and in C++.
const ROUNDINGS: [(&str, &str); 8] = [
    ("RND", "AP_RND"),
    ("RND_ZERO", "AP_RND_ZERO"),
    ("RND_MIN_INF", "AP_RND_MIN_INF"),
    ("RND_INF", "AP_RND_INF"),
    ("RND_CONV", "AP_RND_CONV"),
    ("TRN", "AP_TRN"),
    ("TRN_ZERO", "AP_TRN_ZERO"),
    ("ac_RND_CONV_ODD", "AC_RND_CONV_ODD"),
];
/// Overflow modes likewise; `_N` has the row's saturation bits.
const OVERFLOWS: [(&str, &str); 7] = [
    ("SAT", "AP_SAT"),
    ("SAT_ZERO", "AP_SAT_ZERO"),
    ("SAT_SYM", "AP_SAT_SYM"),
    ("WRAP", "AP_WRAP"),
    ("WRAP_N", "AP_WRAP"),
    ("WRAP_SM", "AP_WRAP_SM"),
    ("WRAP_SM_N", "AP_WRAP_SM"),
];
/// A value that is not defined.
const NOTHING: &str = "-";
/// ac_fixed has these.
const OF_AC_FIXED: usize = 4;

const ADDRESS: RandomAddress = RandomAddress::new(0, 0, 0, Role::Output);

/// Recomputes every row of a file in the layout of ap_fixed.csv.
///
/// Every value is compared with [`Cast`], the scalar definition, which also has to refuse the modes that the types do not have.
/// Where words have at most 32 bits, consecutive rows of the same types are converted as one tensor too, at every SIMD
/// level: integers by [`Requantiser::tensor`], doubles that are float32 numbers by [`Quantiser::slice`].
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_ap_fixed(path: &Path) -> Result<Report, GoldenError> {
    check(&Table::read(path)?, &SimdLevel::available())
}

pub(super) fn check(table: &Table, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let modes = modes(table)?;
    let columns = Columns::new(table)?;
    let mut checker = Checker::at_levels(table.file().name(), levels);
    let mut group: Vec<Row<'_>> = Vec::new();
    for line in table.rows() {
        let row = columns.row(line?)?;
        checker.row_of(if row.source.is_float() { "dbl" } else { "fix" });
        check_scalar(&mut checker, &row, &modes)?;
        if group.last().is_some_and(|last| last.types() != row.types()) {
            check_tensor(&mut checker, &std::mem::take(&mut group), &modes)?;
        }
        group.push(row);
    }
    check_tensor(&mut checker, &group, &modes)?;
    checker.finish(table.file(), &["fix", "dbl"])
}

/// The modes of a column.
struct Mode {
    column: usize,
    name: String,
    rounding: Rounding,
    overflow: Overflow,
    /// Whether the overflow mode has the row's saturation bits.
    saturated_bits: bool,
    /// Whether it is a mode of ac_fixed alone, which was not asked about doubles.
    of_ac_fixed: bool,
}

impl Mode {
    fn overflow(&self, bits: u8) -> Overflow {
        let bits = if self.saturated_bits { bits } else { 0 };
        self.overflow.with_saturated_bits(bits).unwrap_or(self.overflow)
    }
}

fn modes(table: &Table) -> Result<Vec<Mode>, GoldenError> {
    let mut modes = Vec::new();
    for (rounding_name, rounding) in ROUNDINGS {
        let of_ac_fixed = rounding.starts_with("AC");
        let count = if of_ac_fixed { OF_AC_FIXED } else { OVERFLOWS.len() };
        for (overflow_name, overflow) in &OVERFLOWS[..count] {
            let name = format!("{rounding_name}_{overflow_name}");
            modes.push(Mode {
                column: table.column(&name)?,
                name,
                rounding: rounding.parse().expect("an alias of a rounding mode"),
                overflow: overflow.parse().expect("an alias of an overflow mode"),
                saturated_bits: overflow_name.ends_with("_N"),
                of_ac_fixed,
            });
        }
    }
    Ok(modes)
}

/// A type `ap_[u]fixed<W, I>`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FixedType {
    word: Word,
    fl: i32,
}

impl FixedType {
    /// The format of a tensor, if it can have one.
    fn format(self) -> Option<Format> {
        let bits = self.word.width.get();
        let format = if self.word.signed { Format::new } else { Format::unsigned };
        format(bits, self.fl).ok()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Source {
    Fixed(i128, FixedType),
    Float(f64),
}

impl Source {
    fn is_float(self) -> bool {
        matches!(self, Self::Float(_))
    }
}

struct Row<'a> {
    line: Line<'a>,
    source: Source,
    target: FixedType,
    saturated_bits: u8,
}

impl Row<'_> {
    fn types(&self) -> (Option<FixedType>, FixedType, u8) {
        let from = match self.source {
            Source::Fixed(_, from) => Some(from),
            Source::Float(_) => None,
        };
        (from, self.target, self.saturated_bits)
    }
}

struct Columns {
    source: usize,
    from: [usize; 3],
    to: [usize; 3],
    bits: usize,
    x: usize,
}

impl Columns {
    fn new(table: &Table) -> Result<Self, GoldenError> {
        let column = |name| table.column(name);
        Ok(Self {
            source: column("source")?,
            from: [column("S2")?, column("W2")?, column("I2")?],
            to: [column("S")?, column("W")?, column("I")?],
            bits: column("N")?,
            x: column("x")?,
        })
    }

    fn row<'a>(&self, line: Line<'a>) -> Result<Row<'a>, GoldenError> {
        let source = match line.text(self.source, "source")? {
            "fix" => {
                let from = fixed_type(&line, self.from)?;
                let raw: i64 = line.value(self.x, "raw integer")?;
                if !from.word.contains(raw.into()) {
                    return Err(line.error(format!("{raw} is outside a {}", from.word)));
                }
                Source::Fixed(raw.into(), from)
            }
            "dbl" => Source::Float(line.float64(self.x, "x")?),
            other => return Err(line.error(format!("`{other}` is not a source, fix or dbl"))),
        };
        let target = fixed_type(&line, self.to)?;
        let saturated_bits: u8 = line.value(self.bits, "saturation bits")?;
        Ok(Row { line, source, target, saturated_bits })
    }
}

fn fixed_type(
    line: &Line<'_>,
    [signed, bits, integer]: [usize; 3],
) -> Result<FixedType, GoldenError> {
    let signed: u8 = line.value(signed, "sign")?;
    let (bits, integer): (u32, i32) =
        (line.value(bits, "width")?, line.value(integer, "integer bits")?);
    let width = BitWidth::new(bits).map_err(|error| line.error(error.to_string()))?;
    let word = if signed == 0 { Word::unsigned(width) } else { Word::signed(width) };
    let fl = bits.cast_signed().checked_sub(integer);
    let fl = fl.ok_or_else(|| line.error(format!("{integer} integer bits")))?;
    Ok(FixedType { word, fl })
}

fn check_scalar(checker: &mut Checker, row: &Row<'_>, modes: &[Mode]) -> Result<(), GoldenError> {
    let Row { line, source, target: FixedType { word, fl }, saturated_bits } = row;
    for mode in modes {
        let (rounding, overflow) = (mode.rounding, mode.overflow(*saturated_bits));
        let expected = line.text(mode.column, "raw integer")?;
        if mode.of_ac_fixed && expected == NOTHING {
            continue;
        }
        let found = match overflow.check(*word) {
            Err(_) => NOTHING.to_owned(),
            Ok(()) => {
                let cast = Cast { fl: *fl, word: *word, rounding, overflow };
                let converted = match *source {
                    Source::Fixed(raw, from) => cast.of_raw(raw, from.fl, 0),
                    Source::Float(x) => {
                        cast.of_float(x, 0).map_err(|error| line.error(error.to_string()))?
                    }
                };
                converted.raw.to_string()
            }
        };
        checker.equal(line, &mode.name, expected, &found);
    }
    Ok(())
}

/// Converts `rows`, which have the same types, as one tensor.
fn check_tensor(
    checker: &mut Checker,
    rows: &[Row<'_>],
    modes: &[Mode],
) -> Result<(), GoldenError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let Some(format) = first.target.format() else { return Ok(()) };
    let Some((rows, operand)) = Operand::new(rows)? else { return Ok(()) };
    for mode in modes {
        let (rounding, overflow) = (mode.rounding, mode.overflow(first.saturated_bits));
        let absent = mode.of_ac_fixed && first.source.is_float();
        if absent || overflow.check(format.word()).is_err() {
            continue;
        }
        for simd in checker.levels() {
            let data = operand.converted(simd, format, rounding, overflow);
            let data = data.map_err(|error| first.line.error(error))?;
            for (index, row) in rows.iter().enumerate() {
                let expected = row.line.value::<i64>(mode.column, "raw integer")?;
                let what = format_args!("{} as a tensor ({simd})", mode.name);
                checker.equal(&row.line, what, expected, data.get(index));
            }
        }
    }
    Ok(())
}

enum Operand {
    Fixed(FixedTensor),
    Float(Vec<f32>),
}

impl Operand {
    /// The sources that a tensor can have, with their rows; `None` if there are none.
    fn new<'r, 'a>(rows: &'r [Row<'a>]) -> Result<Option<(Vec<&'r Row<'a>>, Self)>, GoldenError> {
        let mut kept = Vec::new();
        let (mut raw, mut floats) = (Vec::new(), Vec::new());
        let mut format = None;
        for row in rows {
            match row.source {
                Source::Fixed(value, from) => {
                    let Some(of) = from.format() else { continue };
                    format = Some(of);
                    raw.push(i64::try_from(value).expect("a word of at most 32 bits"));
                }
                Source::Float(x) => {
                    let narrow = nearest_f32(x);
                    if f64::from(narrow).to_bits() != x.to_bits() {
                        continue;
                    }
                    floats.push(narrow);
                }
            }
            kept.push(row);
        }
        let operand = match (kept.first(), format) {
            (None, _) => return Ok(None),
            (Some(_), None) => Self::Float(floats),
            (Some(row), Some(format)) => {
                let tensor = FixedTensor::from_raw(&[raw.len()], format, &raw);
                Self::Fixed(tensor.map_err(|error| row.line.error(error.to_string()))?)
            }
        };
        Ok(Some((kept, operand)))
    }

    fn converted(
        &self,
        simd: SimdLevel,
        format: Format,
        rounding: Rounding,
        overflow: Overflow,
    ) -> Result<RawData, String> {
        match self {
            Self::Fixed(tensor) => {
                let unit = Requantiser { simd, format, rounding, overflow, address: ADDRESS };
                Ok(unit.tensor(tensor).0.into_data())
            }
            Self::Float(x) => {
                let unit = Quantiser { simd, format, rounding, overflow, address: ADDRESS };
                unit.slice(x).map(|(data, _)| data).map_err(|error| error.to_string())
            }
        }
    }
}
