//! `name<argument,…>`: what the types of C++, hls4ml and QONNX have in common.

use super::FormatTextError;
use crate::{Overflow, Rounding};

/// A type's name and what is known of its form.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) form: &'static str,
    /// The least and most arguments.
    pub(super) arguments: (usize, usize),
}

/// The arguments between the brackets of one of `names`, and which it is; `None` if the text begins with no name.
pub(super) fn arguments<'a>(
    text: &'a str,
    names: &[Name],
) -> Option<Result<(&'static str, Vec<&'a str>), FormatTextError>> {
    let letters = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let (head, tail) = text.split_at(letters.unwrap_or(text.len()));
    let known = names.iter().find(|known| known.name == head)?;
    let form = || FormatTextError::Form { text: text.to_owned(), form: known.form };
    let inside = tail.trim_start().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let Some(inside) = inside else { return Some(Err(form())) };
    let arguments: Vec<&str> = inside.split(',').map(str::trim).collect();
    let (least, most) = known.arguments;
    let fits = (least..=most).contains(&arguments.len());
    Some(if fits { Ok((known.name, arguments)) } else { Err(form()) })
}

/// A whole number.
pub(super) fn whole(text: &str, what: &'static str, given: &str) -> Result<i64, FormatTextError> {
    given.parse().map_err(|_| FormatTextError::Number {
        text: text.to_owned(),
        what,
        given: given.to_owned(),
        range: "",
    })
}

/// A mode by its name in C++ with or without `AP_` or `AC_`, as hls4ml reads it. `prefix` is what the notation writes.
pub(super) fn rounding(text: &str, given: &str, prefix: &str) -> Result<Rounding, FormatTextError> {
    let name = format!("{prefix}{}", bare(given));
    let of_prefix = |mode: &Rounding| rounding_name(*mode, prefix) == Some(name.as_str());
    Rounding::ALL.into_iter().find(of_prefix).ok_or_else(|| FormatTextError::Mode {
        text: text.to_owned(),
        given: given.to_owned(),
        what: "a rounding mode",
        allowed: names(prefix),
    })
}

/// As [`rounding`], for an overflow mode without saturated bits.
pub(super) fn overflow(text: &str, given: &str, prefix: &str) -> Result<Overflow, FormatTextError> {
    let name = format!("{prefix}{}", bare(given));
    let known = Overflow::PLAIN.into_iter();
    let mut found = known.filter(|mode| overflow_name(*mode, prefix) == Some(name.as_str()));
    found.next().ok_or_else(|| FormatTextError::Mode {
        text: text.to_owned(),
        given: given.to_owned(),
        what: "an overflow mode",
        allowed: Overflow::PLAIN
            .into_iter()
            .filter_map(|mode| overflow_name(mode, prefix))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The name that the tool with this prefix has for a rounding mode.
pub(super) fn rounding_name(mode: Rounding, prefix: &str) -> Option<&'static str> {
    mode.aliases().iter().copied().find(|alias| alias.starts_with(prefix))
}

/// The name that the tool with this prefix has for an overflow mode, saturated bits left out.
pub(super) fn overflow_name(mode: Overflow, prefix: &str) -> Option<&'static str> {
    mode.aliases().iter().copied().find(|alias| alias.starts_with(prefix))
}

fn names(prefix: &str) -> String {
    let all = Rounding::ALL.into_iter().filter_map(|mode| rounding_name(mode, prefix));
    all.collect::<Vec<_>>().join(", ")
}

fn bare(mode: &str) -> String {
    let upper = mode.to_ascii_uppercase();
    let bare = upper.strip_prefix("AP_").or_else(|| upper.strip_prefix("AC_"));
    bare.map_or_else(|| upper.clone(), str::to_owned)
}
