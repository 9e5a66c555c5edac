//! Reader of the PyTorch golden vectors, `torch_ops.csv` and `torch_nets.csv`.
//!
//! Line 1 is `#` and a JSON object. A case starts with `case,<id>,<kind>,<key>=<value>,...`; the lines
//! `tensor,<name>,<dtype>,<shape>,<values>` that follow belong to it. f32 and f64 values are the big-endian
//! hexadecimal digits of their bits, i64 decimal; a shape is its sizes joined by `x`. PyTorch's layouts
//! (NCHW activations, OIHW filters) are converted to this library's (NHWC, OHWI) by [`Tensor`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One golden file.
#[derive(Debug, Clone, PartialEq)]
pub struct TorchVectors {
    /// The JSON object of line 1: versions, seed, counts.
    pub header: serde_json::Map<String, serde_json::Value>,
    /// The cases in file order.
    pub cases: Vec<Case>,
}

/// One layer or network with its parameters, inputs and reference results.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Number of the case.
    pub id: usize,
    /// Kind of layer (`maxpool`, ...) or network (the value of `net`).
    pub kind: String,
    /// Parameters of the case line.
    pub keys: BTreeMap<String, String>,
    /// Tensors by name, for instance `in.x` or `f64.grad.x`.
    pub tensors: BTreeMap<String, Tensor>,
}

/// A tensor as PyTorch printed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// Elements, row-major.
    pub values: Values,
}

/// Elements of a [`Tensor`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `f32`.
    F32(Vec<f32>),
    /// `f64`.
    F64(Vec<f64>),
    /// `i64`.
    I64(Vec<i64>),
}

/// A golden file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TorchError {
    /// The file cannot be read.
    #[error("cannot read golden vectors `{path}`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not of the form that the module describes.
    #[error("line {line}: {reason}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The header promises another number of cases.
    #[error("the header promises {promised} cases, the file has {found}: it may be truncated")]
    Truncated {
        /// `n_cases` of the header.
        promised: u64,
        /// Cases read.
        found: usize,
    },
    /// A case is followed by no tensor.
    #[error("case {0} has no tensors: the file may be truncated")]
    Empty(usize),
    /// A case lacks a parameter or it is no number.
    #[error("case {case} has no number `{key}`")]
    Key {
        /// The case.
        case: usize,
        /// The parameter.
        key: String,
    },
    /// A case lacks a tensor.
    #[error("case {case} has no tensor `{name}`")]
    Missing {
        /// The case.
        case: usize,
        /// Its name.
        name: String,
    },
    /// A tensor has another element type or number of axes than the caller needs.
    #[error("a tensor of shape {shape:?} with elements {dtype} was found where {needed} is needed")]
    Tensor {
        /// Its shape.
        shape: Vec<usize>,
        /// Its element type.
        dtype: &'static str,
        /// What was needed.
        needed: &'static str,
    },
}

impl TorchVectors {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or [`TorchVectors::parse`] fails.
    pub fn read(path: &Path) -> Result<Self, TorchError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TorchError::Read { path: path.to_path_buf(), source })?;
        Self::parse(&text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// If a line is malformed, a tensor's values are not those of its shape, a name occurs twice in a case,
    /// a case has no tensors, or there are fewer or more cases than the header's `n_cases`.
    pub fn parse(text: &str) -> Result<Self, TorchError> {
        let mut lines = text.lines().enumerate();
        let header = lines.next().and_then(|(_, line)| line.strip_prefix('#'));
        let header = header.ok_or_else(|| at(0, "must be `#` and a JSON object"))?;
        let header: serde_json::Map<_, _> =
            serde_json::from_str(header).map_err(|error| at(0, error.to_string()))?;
        let mut cases: Vec<Case> = Vec::new();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            match line.split_once(',') {
                Some(("case", rest)) => {
                    cases.push(case(rest).map_err(|reason| at(number, reason))?)
                }
                Some(("tensor", rest)) => {
                    let (name, tensor) = tensor(rest).map_err(|reason| at(number, reason))?;
                    let case =
                        cases.last_mut().ok_or_else(|| at(number, "a tensor before a case"))?;
                    if case.tensors.insert(name.clone(), tensor).is_some() {
                        return Err(at(number, format!("a second tensor `{name}`")));
                    }
                }
                _ => return Err(at(number, "must begin with `case,` or `tensor,`")),
            }
        }
        let promised = header.get("n_cases").and_then(serde_json::Value::as_u64);
        let promised = promised.ok_or_else(|| at(0, "has no number `n_cases`"))?;
        if promised != cases.len() as u64 {
            return Err(TorchError::Truncated { promised, found: cases.len() });
        }
        match cases.iter().find(|case| case.tensors.is_empty()) {
            Some(case) => Err(TorchError::Empty(case.id)),
            None => Ok(Self { header, cases }),
        }
    }

    /// The cases of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Case> {
        self.cases.iter().filter(move |case| case.kind == kind)
    }
}

impl Case {
    /// The parameter `key` as a number.
    ///
    /// # Errors
    /// If it is absent or no such number.
    pub fn number<T: std::str::FromStr>(&self, key: &str) -> Result<T, TorchError> {
        let value = self.keys.get(key).and_then(|value| value.parse().ok());
        value.ok_or_else(|| TorchError::Key { case: self.id, key: key.to_owned() })
    }

    /// The tensor `name`.
    ///
    /// # Errors
    /// If it is absent.
    pub fn tensor(&self, name: &str) -> Result<&Tensor, TorchError> {
        let missing = || TorchError::Missing { case: self.id, name: name.to_owned() };
        self.tensors.get(name).ok_or_else(missing)
    }
}

impl Tensor {
    /// The elements as float32.
    ///
    /// # Errors
    /// If they are of another type.
    pub fn f32(&self) -> Result<&[f32], TorchError> {
        match &self.values {
            Values::F32(values) => Ok(values),
            _ => Err(self.unfit("f32")),
        }
    }

    /// The elements as float64.
    ///
    /// # Errors
    /// If they are of another type.
    pub fn f64(&self) -> Result<&[f64], TorchError> {
        match &self.values {
            Values::F64(values) => Ok(values),
            _ => Err(self.unfit("f64")),
        }
    }

    /// The elements as integers.
    ///
    /// # Errors
    /// If they are of another type.
    pub fn i64(&self) -> Result<&[i64], TorchError> {
        match &self.values {
            Values::I64(values) => Ok(values),
            _ => Err(self.unfit("i64")),
        }
    }

    /// Labels as this library takes them.
    ///
    /// # Errors
    /// If the elements are not i64 or not 0 to 65535.
    pub fn labels(&self) -> Result<Vec<u16>, TorchError> {
        let label = |&label| u16::try_from(label).map_err(|_| self.unfit("labels of 0 to 65535"));
        self.i64()?.iter().map(label).collect()
    }

    /// [n, c, h, w] → [n, h, w, c].
    ///
    /// # Errors
    /// If there are not four axes.
    pub fn nchw_to_nhwc(&self) -> Result<Self, TorchError> {
        let &[images, channels, height, width] = self.shape.as_slice() else {
            return Err(self.unfit("a tensor of four axes"));
        };
        let pixels = height * width;
        Ok(Self {
            shape: vec![images, height, width, channels],
            values: match &self.values {
                Values::F32(values) => Values::F32(channels_last(values, channels, pixels)),
                Values::F64(values) => Values::F64(channels_last(values, channels, pixels)),
                Values::I64(values) => Values::I64(channels_last(values, channels, pixels)),
            },
        })
    }

    /// Filters [o, i, kh, kw] → [o, kh, kw, i].
    ///
    /// # Errors
    /// If there are not four axes.
    pub fn oihw_to_ohwi(&self) -> Result<Self, TorchError> {
        self.nchw_to_nhwc()
    }

    fn unfit(&self, needed: &'static str) -> TorchError {
        let dtype = match self.values {
            Values::F32(_) => "f32",
            Values::F64(_) => "f64",
            Values::I64(_) => "i64",
        };
        TorchError::Tensor { shape: self.shape.clone(), dtype, needed }
    }
}

/// [.., channels, pixels] → [.., pixels, channels].
fn channels_last<T: Copy>(values: &[T], channels: usize, pixels: usize) -> Vec<T> {
    let mut result = Vec::with_capacity(values.len());
    // An empty tensor has no images to visit.
    for image in values.chunks_exact((channels * pixels).max(1)) {
        for pixel in 0..pixels {
            result.extend(image.iter().skip(pixel).step_by(pixels));
        }
    }
    result
}

fn at(index: usize, reason: impl Into<String>) -> TorchError {
    TorchError::Line { line: index + 1, reason: reason.into() }
}

fn case(rest: &str) -> Result<Case, String> {
    let mut fields = rest.split(',');
    let id = fields.next().unwrap_or_default();
    let id = id.parse().map_err(|_| format!("case number `{id}` is not a number"))?;
    let mut keys = BTreeMap::new();
    let mut kind = None;
    for field in fields {
        match field.split_once('=') {
            Some((key, value)) => {
                if keys.insert(key.to_owned(), value.to_owned()).is_some() {
                    return Err(format!("a second `{key}`"));
                }
            }
            None if kind.is_none() => kind = Some(field.to_owned()),
            None => return Err(format!("`{field}` is neither the kind nor key=value")),
        }
    }
    let kind = kind.or_else(|| keys.get("net").cloned());
    let kind = kind.ok_or("a case needs a kind or `net=`")?;
    Ok(Case { id, kind, keys, tensors: BTreeMap::new() })
}

fn tensor(rest: &str) -> Result<(String, Tensor), String> {
    let mut fields = rest.splitn(4, ',');
    let mut field = |what| fields.next().ok_or(format!("a tensor needs a {what}"));
    let (name, dtype, sizes) = (field("name")?, field("type")?, field("shape")?);
    let values = field("list of values")?;
    let shape = sizes.split('x').map(|size| size.parse::<usize>().ok());
    let shape: Vec<usize> =
        shape.collect::<Option<_>>().ok_or(format!("shape `{sizes}` is not sizes joined by x"))?;
    let hex = |value: &str, digits: usize| {
        // `from_str_radix` alone would also take a sign and fewer digits.
        let valid = value.len() == digits && value.bytes().all(|digit| digit.is_ascii_hexdigit());
        if valid { u64::from_str_radix(value, 16).ok() } else { None }
    };
    let parsed = match dtype {
        "f32" => list(values, |value| hex(value, 8).map(|bits| f32::from_bits(bits as u32)))
            .map(Values::F32),
        "f64" => list(values, |value| hex(value, 16).map(f64::from_bits)).map(Values::F64),
        "i64" => list(values, |value| value.parse().ok()).map(Values::I64),
        other => return Err(format!("type `{other}` is not f32, f64 or i64")),
    }?;
    let found = match &parsed {
        Values::F32(values) => values.len(),
        Values::F64(values) => values.len(),
        Values::I64(values) => values.len(),
    };
    let needed = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    if needed != Some(found) {
        return Err(format!("tensor `{name}` of shape {sizes} has {found} values"));
    }
    Ok((name.to_owned(), Tensor { shape, values: parsed }))
}

fn list<T>(values: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    values.split(',').map(|value| parse(value).ok_or(format!("`{value}` is not a value"))).collect()
}

#[cfg(test)]
mod tests;
