//! Block files: `case,<id>,key=value,...` followed by named lines.

use super::{GoldenError, Line};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

/// The text of a golden-vector file with its header.
#[derive(Debug)]
pub struct BlockFile {
    name: String,
    text: String,
    header: Value,
}

/// A case of a block file.
#[derive(Debug)]
pub struct Case<'a> {
    /// The `case` line itself, for messages.
    pub line: Line<'a>,
    /// Its identifier.
    pub id: &'a str,
    /// Fields of the case line without `=`.
    pub flags: Vec<&'a str>,
    keys: HashMap<&'a str, &'a str>,
    /// The lines of the case in their order.
    pub lines: Vec<Line<'a>>,
}

impl BlockFile {
    /// Reads `path`.
    ///
    /// # Errors
    /// If the file cannot be read or its first line is not `#` and a JSON object.
    pub fn read(path: &Path) -> Result<Self, GoldenError> {
        let bytes = std::fs::read(path)
            .map_err(|source| GoldenError::Read { path: path.to_owned(), source })?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            GoldenError::Line { file: file.clone(), line, reason: "the line is not UTF-8".into() }
        })?;
        Self::from_text(&file, text)
    }

    /// Takes the `text` of a file called `name` in messages.
    ///
    /// # Errors
    /// If the first line is not `#` and a JSON object.
    pub fn from_text(name: &str, text: String) -> Result<Self, GoldenError> {
        let first = text.lines().next().unwrap_or("");
        let wrong = |reason: String| GoldenError::Line { file: name.to_owned(), line: 1, reason };
        let json = first.strip_prefix('#').ok_or_else(|| wrong("no `#` header".into()))?;
        let header: Value = serde_json::from_str(json)
            .map_err(|error| wrong(format!("the header is no JSON: {error}")))?;
        if !header.is_object() {
            return Err(wrong("the header is no JSON object".into()));
        }
        Ok(Self { name: name.to_owned(), text, header })
    }

    /// The file's name as in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The header.
    pub fn header(&self) -> &Value {
        &self.header
    }

    /// A count of the header (`n_cases` and so on), if it has it.
    pub fn count(&self, key: &str) -> Option<u64> {
        self.header.get(key).and_then(Value::as_u64)
    }

    /// All lines after the header.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let numbered = self.text.lines().enumerate().skip(1);
        numbered.map(|(index, text)| Line::new(&self.name, index + 1, text))
    }

    /// The cases in their order.
    ///
    /// # Errors
    /// If a line is empty, precedes every case, or is a case without identifier or with a repeated
    /// key.
    pub fn cases(&self) -> Result<Vec<Case<'_>>, GoldenError> {
        let mut cases: Vec<Case<'_>> = Vec::new();
        for line in self.lines() {
            if line.tag() == "case" {
                cases.push(Case::new(line)?);
            } else if line.tag().is_empty() {
                return Err(line.error("the line has no name"));
            } else if let Some(case) = cases.last_mut() {
                case.lines.push(line);
            } else {
                return Err(line.error("the line comes before every case"));
            }
        }
        Ok(cases)
    }
}

impl<'a> Case<'a> {
    fn new(line: Line<'a>) -> Result<Self, GoldenError> {
        let id = line.text(1, "identifier of the case")?;
        let (mut flags, mut keys) = (Vec::new(), HashMap::new());
        for &field in line.fields().iter().skip(2) {
            match field.split_once('=') {
                None => flags.push(field),
                Some((key, value)) => {
                    if keys.insert(key, value).is_some() {
                        return Err(line.error(format!("`{key}` is given twice")));
                    }
                }
            }
        }
        Ok(Self { line, id, flags, keys, lines: Vec::new() })
    }

    /// The text after `key=`.
    ///
    /// # Errors
    /// If the case line has no such key.
    pub fn text(&self, key: &str) -> Result<&'a str, GoldenError> {
        let found = self.keys.get(key).copied();
        found.ok_or_else(|| self.line.error(format!("`{key}=` is missing")))
    }

    /// The lines of the case, which must have these names in this order.
    ///
    /// # Errors
    /// If a line has another name, or there are fewer or more.
    pub fn named<const N: usize>(&self, names: [&str; N]) -> Result<[&Line<'a>; N], GoldenError> {
        let found: Vec<&str> = self.lines.iter().map(Line::tag).collect();
        let lines: Vec<&Line<'a>> = self.lines.iter().collect();
        match lines.try_into() {
            Ok(lines) if found == names => Ok(lines),
            _ => {
                let (found, names) = (found.join(", "), names.join(", "));
                Err(self.line.error(format!("the case has the lines {found}, not {names}")))
            }
        }
    }

    /// The value after `key=`.
    ///
    /// # Errors
    /// If the case line has no such key or the value cannot be read.
    pub fn value<T: FromStr>(&self, key: &str) -> Result<T, GoldenError> {
        let text = self.text(key)?;
        text.parse().map_err(|_| self.line.error(format!("`{text}` is no value of `{key}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<BlockFile, GoldenError> {
        BlockFile::from_text("f.csv", text.to_owned())
    }

    #[test]
    fn cases_with_keys_flags_and_lines() {
        let file =
            file("#{\"n_cases\": 2}\ncase,0,conv2d,N=3,lr=0.5\nx,1,2\nb,\ncase,1\n").unwrap();
        assert_eq!((file.count("n_cases"), file.count("n_rows")), (Some(2), None));
        let cases = file.cases().unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!((cases[0].id, cases[0].flags.as_slice()), ("0", &["conv2d"][..]));
        assert_eq!(cases[0].value::<u32>("N").unwrap(), 3);
        assert_eq!(cases[0].value::<f64>("lr").unwrap(), 0.5);
        assert_eq!(cases[0].lines[0].number(), 3);
        assert!(cases[1].lines.is_empty());
        let [x, b] = cases[0].named(["x", "b"]).unwrap();
        assert_eq!((x.number(), b.tag()), (3, "b"));
        let wrong = cases[0].named(["b", "x"]).unwrap_err().to_string();
        assert_eq!(wrong, "f.csv, line 2: the case has the lines x, b, not b, x");
        assert!(cases[0].named(["x"]).is_err() && cases[1].named(["x"]).is_err());
        let missing = cases[0].value::<u32>("M").unwrap_err().to_string();
        assert_eq!(missing, "f.csv, line 2: `M=` is missing");
    }

    #[test]
    fn what_is_no_block_file() {
        for text in ["", "case,0\n", "#nothing\n", "#3\n"] {
            assert!(file(text).is_err(), "{text:?}");
        }
        for text in ["#{}\nx,1\n", "#{}\ncase\n", "#{}\ncase,0,a=1,a=2\n", "#{}\ncase,0\n\nx,1\n"] {
            let error = file(text).unwrap().cases().unwrap_err().to_string();
            assert!(error.starts_with("f.csv, line "), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = BlockFile::read(Path::new("no-such-file.csv")).unwrap_err();
        assert!(error.to_string().starts_with("no-such-file.csv: "));
    }
}
