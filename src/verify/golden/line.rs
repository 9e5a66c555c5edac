//! One comma-separated line and its typed fields.

use super::GoldenError;
use hwmodel::cast::{exact, nearest_f32};
use std::str::FromStr;

/// A line of a golden-vector file.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    file: &'a str,
    number: usize,
    fields: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// Splits `text`, line `number` of `file`.
    pub(crate) fn new(file: &'a str, number: usize, text: &'a str) -> Self {
        Self { file, number, fields: text.split(',').collect() }
    }

    /// Number of the line, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The fields.
    pub fn fields(&self) -> &[&'a str] {
        &self.fields
    }

    /// The first field, which says what kind of line it is.
    pub fn tag(&self) -> &'a str {
        self.fields.first().copied().unwrap_or("")
    }

    /// An error at this line.
    pub fn error(&self, reason: impl Into<String>) -> GoldenError {
        GoldenError::Line { file: self.file.to_owned(), line: self.number, reason: reason.into() }
    }

    /// Field `index`, called `name` in messages.
    ///
    /// # Errors
    /// If the line is shorter.
    pub fn text(&self, index: usize, name: &str) -> Result<&'a str, GoldenError> {
        self.fields
            .get(index)
            .copied()
            .ok_or_else(|| self.error(format!("field {} ({name}) is missing", index + 1)))
    }

    /// Field `index` as a decimal number or any other type that is read from text.
    ///
    /// # Errors
    /// If the field is missing or cannot be read.
    pub fn value<T: FromStr>(&self, index: usize, name: &str) -> Result<T, GoldenError> {
        let text = self.text(index, name)?;
        text.parse().map_err(|_| self.error(format!("`{text}` is no {name}")))
    }

    /// Field `index` as the 8 hexadecimal digits of a float32, or `inf`, `-inf`, `nan`.
    ///
    /// # Errors
    /// If the field is missing or is neither.
    pub fn float32(&self, index: usize, name: &str) -> Result<f32, GoldenError> {
        let text = self.text(index, name)?;
        match word(text) {
            Some(value) => Ok(nearest_f32(value)),
            None => self.bits(text, 8, name).map(|bits| f32::from_bits(exact::<u32>(bits))),
        }
    }

    /// Field `index` as the 16 hexadecimal digits of a float64, or `inf`, `-inf`, `nan`.
    ///
    /// # Errors
    /// If the field is missing or is neither.
    pub fn float64(&self, index: usize, name: &str) -> Result<f64, GoldenError> {
        let text = self.text(index, name)?;
        match word(text) {
            Some(value) => Ok(value),
            None => self.bits(text, 16, name).map(f64::from_bits),
        }
    }

    /// All fields from `index` on with `read`; a single empty field means none.
    ///
    /// # Errors
    /// If a field cannot be read.
    pub fn rest<T>(
        &self,
        index: usize,
        read: impl Fn(&Self, usize) -> Result<T, GoldenError>,
    ) -> Result<Vec<T>, GoldenError> {
        match self.fields.get(index..) {
            None | Some([""]) => Ok(Vec::new()),
            Some(rest) => (index..index + rest.len()).map(|i| read(self, i)).collect(),
        }
    }

    /// Exactly `count` decimal numbers from field `index` on.
    ///
    /// # Errors
    /// If there are more or fewer, or one cannot be read.
    pub fn list<T: FromStr>(
        &self,
        index: usize,
        count: usize,
        name: &str,
    ) -> Result<Vec<T>, GoldenError> {
        let values = self.rest(index, |line, i| line.value(i, name))?;
        if values.len() == count {
            return Ok(values);
        }
        Err(self.error(format!("{} values ({name}), expected {count}", values.len())))
    }

    /// Requires exactly `count` fields, the tag included.
    ///
    /// # Errors
    /// If there are more or fewer.
    pub fn expect_fields(&self, count: usize) -> Result<(), GoldenError> {
        if self.fields.len() == count {
            return Ok(());
        }
        Err(self.error(format!("{} fields, expected {count}", self.fields.len())))
    }

    fn bits(&self, text: &str, digits: usize, name: &str) -> Result<u64, GoldenError> {
        let hexadecimal =
            text.len() == digits && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        hexadecimal
            .then(|| u64::from_str_radix(text, 16).ok())
            .flatten()
            .ok_or_else(|| self.error(format!("`{text}` is no {name} of {digits} hex digits")))
    }
}

fn word(text: &str) -> Option<f64> {
    match text {
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_fields() {
        let line = Line::new("f.csv", 7, "row,3f800000,3ff0000000000000,-12,nan,inf");
        assert_eq!((line.tag(), line.number()), ("row", 7));
        assert_eq!(line.float32(1, "x").unwrap(), 1.0);
        assert_eq!(line.float64(2, "x").unwrap(), 1.0);
        assert_eq!(line.value::<i32>(3, "n").unwrap(), -12);
        assert!(line.float32(4, "x").unwrap().is_nan());
        assert_eq!(line.float64(5, "x").unwrap(), f64::INFINITY);
    }

    #[test]
    fn messages_name_file_line_and_field() {
        let line = Line::new("f.csv", 7, "row,3f80000,+f800000,1.5");
        let message = |result: Result<f32, GoldenError>| result.unwrap_err().to_string();
        let expected = "f.csv, line 7: `3f80000` is no weight of 8 hex digits";
        assert_eq!(message(line.float32(1, "weight")), expected);
        assert!(line.float32(2, "weight").is_err(), "a sign is no hex digit");
        assert!(line.value::<u32>(3, "count").is_err());
        let expected = "f.csv, line 7: field 10 (weight) is missing";
        assert_eq!(message(line.float32(9, "weight")), expected);
        assert!(line.expect_fields(4).is_ok() && line.expect_fields(5).is_err());
    }

    #[test]
    fn an_absent_array_is_empty() {
        let read = |line: &Line<'_>, i| line.value::<i32>(i, "n");
        assert_eq!(Line::new("f", 1, "b,").rest(1, read).unwrap(), Vec::<i32>::new());
        assert_eq!(Line::new("f", 1, "b").rest(1, read).unwrap(), Vec::<i32>::new());
        assert_eq!(Line::new("f", 1, "b,1,-2").rest(1, read).unwrap(), [1, -2]);
        assert!(Line::new("f", 1, "b,1,,2").rest(1, read).is_err());
        assert_eq!(Line::new("f", 1, "b,1,-2").list::<i32>(1, 2, "n").unwrap(), [1, -2]);
        let error = Line::new("f", 1, "b,1").list::<i32>(1, 2, "n").unwrap_err().to_string();
        assert_eq!(error, "f, line 1: 1 values (n), expected 2");
    }
}
