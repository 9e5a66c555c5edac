//! Formats of layers as a TOML file: `hwsim calibrate` writes it, people edit it, `--layer-formats @FILE` reads it.
//!
//! A table is a layer, its keys are the tensors of the layer, values are formats in any notation; a layer that is a key with a
//! format has it in all tensors. Tables may be nested, since a dot in a name is one between tables: `[block.conv1]` and
//! `["block.conv1"]` are the same layer.

use crate::precision::{LayerFormats, LayerFormatsError, LayerTensor};
use hwmodel::number::format_text::{FixedType, FormatTextError};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The largest file that is read.
const MOST_BYTES: u64 = 1 << 24;

/// A file of formats that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FormatFileError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[source] io::Error),
    /// It is too large.
    #[error("it has more than {} MiB: give a file of formats", MOST_BYTES >> 20)]
    TooLarge,
    /// It is not TOML.
    #[error("line {line}: not TOML: {message}")]
    Toml {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value is not a text.
    #[error(
        "line {line}: `{name}` is not a format: write a text, as in weight = \"8,4\" or weight = \"ap_fixed<8,4>\""
    )]
    Value {
        /// The line, from 1.
        line: usize,
        /// The layer or tensor.
        name: String,
    },
    /// A text is not a format.
    #[error("line {line}: `{name}`: {source}")]
    Format {
        /// The line, from 1.
        line: usize,
        /// The layer or tensor.
        name: String,
        /// The problem.
        source: FormatTextError,
    },
    /// A name stands twice.
    #[error(transparent)]
    List(#[from] LayerFormatsError),
    /// It has no formats.
    #[error("it has no formats: write the layers as tables, as in [conv1] and weight = \"8,4\"")]
    Empty,
}

/// Reads the file `path`.
///
/// # Errors
/// If it cannot be read, is not TOML, or a value is not a format.
pub fn read(path: &Path) -> Result<LayerFormats, FormatFileError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(FormatFileError::Read)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(FormatFileError::Read)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(FormatFileError::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        FormatFileError::Read(io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
    })?;
    parse(&text)
}

fn parse(text: &str) -> Result<LayerFormats, FormatFileError> {
    let table = DeTable::parse(text).map_err(|error| FormatFileError::Toml {
        line: line_at(text, error.span().map_or(0, |span| span.start)),
        // Some messages have a list of what is expected on lines of their own.
        message: error.message().lines().collect::<Vec<_>>().join(", "),
    })?;
    let mut entries = Vec::new();
    collect(text, "", table.get_ref(), &mut entries)?;
    if entries.is_empty() {
        return Err(FormatFileError::Empty);
    }
    entries.sort_by_key(|(place, ..)| *place);
    let entries = entries.into_iter().map(|(_, name, format)| (name, format));
    Ok(LayerFormats::new(entries)?)
}

/// Adds the formats of `table`, whose keys stand behind `prefix`, with their places in the text.
fn collect(
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    entries: &mut Vec<(usize, String, FixedType)>,
) -> Result<(), FormatFileError> {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        let place = key.span().start;
        match value.get_ref() {
            DeValue::Table(inner) => collect(text, &format!("{name}."), inner, entries)?,
            DeValue::String(format) => match format.parse() {
                Ok(format) => entries.push((place, name, format)),
                Err(source) => {
                    return Err(FormatFileError::Format {
                        line: line_at(text, place),
                        name,
                        source,
                    });
                }
            },
            _ => return Err(FormatFileError::Value { line: line_at(text, place), name }),
        }
    }
    Ok(())
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// A format of a tensor, for [`text`].
#[derive(Debug, Clone)]
pub struct FormatEntry<'a> {
    /// The layer.
    pub layer: &'a str,
    /// Its tensor.
    pub tensor: LayerTensor,
    /// The format.
    pub format: FixedType,
    /// What a reader should know about it; one line.
    pub comment: String,
}

/// The text of a file with these lines as comments at its head. Entries of a layer stand together.
pub fn text(head: &[String], entries: &[FormatEntry<'_>]) -> String {
    let mut text = String::new();
    for line in head {
        let _ = writeln!(text, "# {}", one_line(line));
    }
    let mut before = None;
    for FormatEntry { layer, tensor, format, comment } in entries {
        if before.replace(layer) != Some(layer) {
            let _ = writeln!(text, "\n[{}]", key(layer));
        }
        let value = format!("\"{format}\"");
        let _ = writeln!(text, "{:<6} = {value:<10}  # {}", tensor.name(), one_line(comment));
    }
    text
}

/// Comments have no control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name as a TOML key.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        return name.to_owned();
    }
    let mut quoted = String::from('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_layers_and_dots_join_names() {
        let text = "[conv1]\nweight = '8,7'\ninput = 'u8,8'\n[\"block.conv2\"]\noutput = 'ap_fixed<8,4>'\n[block.fc]\nbias = '16,12'\n";
        let list = parse(text).unwrap();
        let expected = "conv1.weight=8,7;conv1.input=u8,8;block.conv2.output=8,4,floor,wrap;block.fc.bias=16,12";
        assert_eq!(list.to_string(), expected);
        assert_eq!(parse("fc = '8,4'").unwrap().to_string(), "fc=8,4");
    }

    #[test]
    fn what_is_written_is_read() {
        let names = ["conv1", "block.conv2", "/a b/\"Conv\"\\;=", "zähler\n"];
        let format: FixedType = "u8,4".parse().unwrap();
        let entries: Vec<_> = names
            .iter()
            .flat_map(|layer| {
                [LayerTensor::Weight, LayerTensor::Output].map(|tensor| FormatEntry {
                    layer,
                    tensor,
                    format,
                    comment: "0 to 1\nnext".to_owned(),
                })
            })
            .collect();
        let list = parse(&text(&["head\nline".to_owned()], &entries)).unwrap();
        let found: Vec<_> = list.iter().map(|(name, found)| (name.to_owned(), found)).collect();
        let expected: Vec<_> = entries
            .iter()
            .map(|entry| (format!("{}.{}", entry.layer, entry.tensor.name()), format))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn errors_are_one_line_and_name_the_place() {
        let refused = |text: &str| {
            let error = parse(text).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
            error
        };
        insta::assert_snapshot!(refused("[conv1]\nweight = '8,4"), @"line 2: not TOML: invalid literal string, expected `'`");
        insta::assert_snapshot!(refused("[conv1]\nweight = '8,4'\nweight = '8,5'"), @"line 3: not TOML: duplicate key");
        insta::assert_snapshot!(refused("[conv1]\n\nweight = 8"), @r#"line 3: `conv1.weight` is not a format: write a text, as in weight = "8,4" or weight = "ap_fixed<8,4>""#);
        insta::assert_snapshot!(refused("[conv1]\nweight = '8'"), @"line 2: `conv1.weight`: `8`: not a number format: write WL,FL as in 8,4 (u8,4 is unsigned), ap_fixed<16,6,AP_RND,AP_SAT>, ac_fixed<16,6,true>, fixed<16,6>, FIXED<16,6> or INT8");
        insta::assert_snapshot!(refused("[conv1"), @"line 1: not TOML: unclosed table, expected `]`");
        insta::assert_snapshot!(refused("a.b = '8,4'\n'a.b' = '8,5'"), @"layer `a.b` is named twice: keep one of its formats");
        insta::assert_snapshot!(refused("# nothing\n[conv1]"), @r#"it has no formats: write the layers as tables, as in [conv1] and weight = "8,4""#);
    }
}
