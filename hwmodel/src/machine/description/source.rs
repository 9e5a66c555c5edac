//! The text of a description under check: values and messages with lines.

use crate::machine::MachineError;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;

/// The text under check, for messages.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) name: &'a str,
}

impl Source<'_> {
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        1 + before.filter(|&&byte| byte == b'\n').count()
    }

    pub(super) fn toml(&self, error: &toml::de::Error) -> MachineError {
        let line = error.span().map_or(1, |span| self.line(&span));
        let text = self.text.lines().nth(line - 1).unwrap_or("").trim();
        MachineError::Toml {
            file: self.name.to_owned(),
            line,
            message: format!("{} in `{text}`", error.message().trim_end().replace('\n', "; ")),
        }
    }

    pub(super) fn refuse<T, V>(
        &self,
        key: &'static str,
        found: &Spanned<V>,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> Result<T, MachineError> {
        Err(MachineError::Value {
            file: self.name.to_owned(),
            line: self.line(&found.span()),
            key,
            value: value.to_string(),
            allowed: allowed.into(),
        })
    }

    pub(super) fn integer(
        &self,
        key: &'static str,
        found: &Spanned<i64>,
        range: RangeInclusive<i64>,
    ) -> Result<u64, MachineError> {
        let value = *found.get_ref();
        match u64::try_from(value) {
            Ok(number) if range.contains(&value) => Ok(number),
            _ => self.refuse(key, found, value, format!("{} to {}", range.start(), range.end())),
        }
    }

    /// The integer in `found`, or `default` if the key is not there.
    pub(super) fn integer_or(
        &self,
        key: &'static str,
        found: Option<&Spanned<i64>>,
        range: RangeInclusive<i64>,
        default: u64,
    ) -> Result<u64, MachineError> {
        found.map_or(Ok(default), |found| self.integer(key, found, range))
    }

    /// A number above `low` (or equal to it, if `inclusive`) and at most `high`.
    pub(super) fn number(
        &self,
        key: &'static str,
        found: &Spanned<f64>,
        low: f64,
        high: f64,
        inclusive: bool,
    ) -> Result<f64, MachineError> {
        let value = *found.get_ref();
        if (value > low || (inclusive && value >= low)) && value <= high {
            return Ok(value);
        }
        let from = if inclusive { "at least" } else { "above" };
        self.refuse(key, found, value, format!("a number {from} {low} and at most {high}"))
    }

    /// The one of `choices` named by `found`.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        found: &Spanned<String>,
        choices: &[(&str, T)],
    ) -> Result<T, MachineError> {
        let word = found.get_ref().as_str();
        if let Some(&(_, choice)) = choices.iter().find(|(name, _)| *name == word) {
            return Ok(choice);
        }
        let names: Vec<&str> = choices.iter().map(|&(name, _)| name).collect();
        self.refuse(key, found, format!("`{word}`"), names.join(", "))
    }
}
