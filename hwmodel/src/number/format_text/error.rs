//! Errors of a format's text, and the check of what it says.

use super::FormatText;
use crate::{Format, FormatError};
use std::fmt::Display;

/// A text that is not a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatTextError {
    /// It has the form of no notation.
    #[error(
        "`{0}`: not a number format: write WL,FL as in 8,4 (u8,4 is unsigned), ap_fixed<16,6,AP_RND,AP_SAT>, ac_fixed<16,6,true>, fixed<16,6>, FIXED<16,6> or INT8"
    )]
    Unknown(String),
    /// A type of C++ or hls4ml without its arguments in brackets, or with too few or too many.
    #[error("`{text}`: write {form}")]
    Form {
        /// The text.
        text: String,
        /// What it should look like.
        form: &'static str,
    },
    /// A number that is none, or that no format has.
    #[error("`{text}`: {what} is `{given}`, not a whole number{range}")]
    Number {
        /// The text.
        text: String,
        /// Which number.
        what: &'static str,
        /// What stands there.
        given: String,
        /// The numbers that are allowed.
        range: &'static str,
    },
    /// A part that is not a mode of the notation.
    #[error("`{text}`: `{given}` is not {what}: use one of {allowed}")]
    Mode {
        /// The text.
        text: String,
        /// What stands there.
        given: String,
        /// What should stand there.
        what: &'static str,
        /// The names that are allowed.
        allowed: String,
    },
    /// Modes that do not go together.
    #[error("`{text}`: {why}")]
    Unsupported {
        /// The text.
        text: String,
        /// Why not.
        why: String,
    },
    /// The format is impossible.
    #[error("`{text}`: {source}{}", if .text.contains('<') { " (FL = W - I)" } else { "" })]
    Format {
        /// The text.
        text: String,
        /// The problem.
        source: FormatError,
    },
    /// A notation that cannot say a type.
    #[error("{fixed} cannot be written as {notation}: {why}")]
    Unwritable {
        /// The type, as WL,FL.
        fixed: String,
        /// Name of the notation.
        notation: &'static str,
        /// Why not.
        why: String,
    },
}

/// The format of a text that was read.
pub(super) fn checked(text: &str, read: FormatText) -> Result<Format, FormatTextError> {
    let number = |what, given: &dyn Display, range| FormatTextError::Number {
        text: text.to_owned(),
        what,
        given: given.to_string(),
        range,
    };
    let wl =
        u32::try_from(read.wl).map_err(|_| number("the word length", &read.wl, " from 1 to 32"))?;
    let fl = i32::try_from(read.fl)
        .map_err(|_| number("the fractional length", &read.fl, " from -64 to 64"))?;
    let impossible = |source| FormatTextError::Format { text: text.to_owned(), source };
    let format = match read.signed {
        true => Format::new(wl, fl),
        false => Format::unsigned(wl, fl),
    };
    let format = format.map_err(impossible)?;
    let format = if read.narrow { format.narrow() } else { format };
    if let Some(overflow) = read.overflow {
        overflow.check(format.word()).map_err(|error| FormatTextError::Unsupported {
            text: text.to_owned(),
            why: error.to_string(),
        })?;
    }
    Ok(format)
}
