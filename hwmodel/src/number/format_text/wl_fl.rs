//! hwsim's notation: `8,4`, `u8,4`, `8,4,narrow`, `8,4,half-up,wrap`.

use super::{FixedType, FormatText, FormatTextError};
use crate::{Overflow, Rounding};

/// `[u]WL,FL[,narrow][,rounding][,overflow]`. A text that does not begin with a number belongs to no notation.
pub(super) fn read(text: &str) -> Option<Result<FormatText, FormatTextError>> {
    let (signed, rest) = match text.strip_prefix(['u', 'U']) {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix(['s', 'S']).unwrap_or(text)),
    };
    let mut parts = rest.split(',').map(str::trim);
    let wl = parts.next()?.parse().ok()?;
    let fl = parts.next()?.parse().ok()?;
    let mut read = FormatText { wl, fl, signed, narrow: false, rounding: None, overflow: None };
    for part in parts {
        let rounding = part.parse::<Rounding>().ok().filter(|_| read.rounding.is_none());
        let overflow = part.parse::<Overflow>().ok().filter(|_| read.overflow.is_none());
        match (part, rounding, overflow) {
            ("narrow", ..) if !read.narrow => read.narrow = true,
            (_, Some(mode), _) => read.rounding = Some(mode),
            (_, None, Some(mode)) => read.overflow = Some(mode),
            _ => {
                return Some(Err(FormatTextError::Form {
                    text: text.to_owned(),
                    form: "[u]WL,FL[,narrow][,ROUNDING][,OVERFLOW], as in 8,4 or u8,8,half-up,saturate",
                }));
            }
        }
    }
    Some(Ok(read))
}

pub(super) fn write(fixed: &FixedType) -> String {
    let FixedType { format, rounding, overflow } = fixed;
    let unsigned = if format.is_signed() { "" } else { "u" };
    let narrow = if format.is_narrow() { ",narrow" } else { "" };
    let mut text = format!("{unsigned}{},{}{narrow}", format.wl(), format.fl());
    let modes = [rounding.map(|mode| mode.to_string()), overflow.map(|mode| mode.to_string())];
    for mode in modes.into_iter().flatten() {
        text.push(',');
        text.push_str(&mode);
    }
    text
}
