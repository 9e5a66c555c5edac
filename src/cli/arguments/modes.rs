//! Rounding and overflow modes that a format or a flag states.

use crate::cli::errors::Failure;
use anyhow::anyhow;
use hwmodel::number::format_text::FixedType;
use hwmodel::{Overflow, Rounding};
use std::fmt::Display;

/// The format that flag `flag` gives. Read here and not by clap, so that an error is one line.
///
/// # Errors
/// If `text` is not a format.
pub(in crate::cli) fn fixed_type(text: &str, flag: &str) -> Result<FixedType, Failure> {
    text.parse().map_err(|error| Failure::usage(anyhow!("`{flag}` has {error}")))
}

/// The modes of `fixed`, which flag `flag` gave, or else those of `--rounding` and `--overflow`; nearest even and saturated without
/// either.
///
/// # Errors
/// If format and flags both state a mode, or the format cannot have the overflow mode.
pub(in crate::cli) fn one_of_each(
    fixed: &FixedType,
    flag: &str,
    rounding: Option<Rounding>,
    overflow: Option<Overflow>,
) -> Result<(Rounding, Overflow), Failure> {
    let twice = |name: &str, mode: &dyn Display| {
        Failure::usage(anyhow!(
            "`--{name} {mode}` and `{flag} {fixed}` both state a mode: leave out `--{name}`, or write the format as WL,FL"
        ))
    };
    if let (Some(mode), Some(_)) = (rounding, fixed.rounding) {
        return Err(twice("rounding", &mode));
    }
    if let (Some(mode), Some(_)) = (overflow, fixed.overflow) {
        return Err(twice("overflow", &mode));
    }
    let overflow = fixed.overflow.or(overflow).unwrap_or(Overflow::Saturate);
    overflow.check(fixed.format.word()).map_err(Failure::usage)?;
    Ok((fixed.rounding.or(rounding).unwrap_or(Rounding::NearestEven), overflow))
}
