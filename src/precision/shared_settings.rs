//! Settings that several controllers have.

use super::Variant;
use super::static_formats::FORMAT_SCHEDULE;
use crate::setting::{Need, Refusal, Setting, Unmet, text, whole, word};
use hwmodel::Format;
use hwmodel::number::format::{MAX_FRACTIONAL_LENGTH, MAX_WORD_LENGTH};
use hwmodel::number::format_text::FixedType;

/// The heading of settings that several controllers have.
pub const HEADING: &str = "Precision controller";

/// A format schedule that has a format for the first epoch leaves `--wl` and `--fl` without effect.
const WITHOUT_SCHEDULE: Need = Need::Other(|given| {
    let schedule = FORMAT_SCHEDULE.unchecked(given).filter(|formats| formats.begins_at_once())?;
    let needs = "a format schedule that begins after epoch 0".to_owned();
    Some(Unmet::Value { needs, found: format!("--format-schedule {schedule}") })
});

/// A format in words leaves `--wl` and `--fl` without effect.
const WITHOUT_NUMBER_FORMAT: Need = Need::Other(|given| {
    let fixed = NUMBER_FORMAT.unchecked(given)?;
    let needs = "no other start format".to_owned();
    Some(Unmet::Value { needs, found: format!("--number-format {fixed}") })
});

/// Word length of the start format.
pub const WL: Setting<u32> = whole(
    "wl",
    "Word length in bits: adapt starts with it, static keeps it",
    (1, MAX_WORD_LENGTH as i64),
)
.placeholder("BITS")
.aliases(&["word-length", "bits-per-word"])
.default(|| START.wl())
.needs(&[WITHOUT_SCHEDULE, WITHOUT_NUMBER_FORMAT]);

/// Fractional length of the start format.
pub const FL: Setting<i32> = whole(
    "fl",
    "Fractional length in bits: adapt starts with it, static keeps it",
    (-MAX_FRACTIONAL_LENGTH as i64, MAX_FRACTIONAL_LENGTH as i64),
)
.placeholder("BITS")
.aliases(&["fractional-length", "frac-bits"])
.range("adapt 0 to 31, static -64 to 64")
.default(|| START.fl())
.needs(&[WITHOUT_SCHEDULE, WITHOUT_NUMBER_FORMAT]);

/// Start format in any notation.
pub const NUMBER_FORMAT: Setting<FixedType> = text(
    "number-format",
    "static: format of all layers in place of --wl and --fl, as in u8,4, ap_fixed<16,6,AP_RND,AP_SAT> or ac_fixed<16,6,true>; its \
     modes hold for what is quantised to it",
)
.placeholder("FORMAT")
.example("ap_fixed<16,6,AP_RND,AP_SAT>")
.needs(&[WITHOUT_SCHEDULE]);

/// ⟨8, 4⟩, the paper's format at the start.
pub const START: Format = match Format::new(8, 4) {
    Ok(format) => format,
    Err(_) => unreachable!(),
};

/// Paper or released code.
pub const VARIANT: Setting<Variant> = word(
    "variant",
    "adapt, adept and muppet: follow the paper's equations or the released code where they disagree",
)
.default(|| Variant::Paper);

/// ⟨WL, FL⟩ of `--wl` and `--fl`.
///
/// # Errors
/// If one of them is out of range.
pub fn format(given: &dyn crate::setting::Given) -> Result<Format, Refusal> {
    let (wl, fl) = (WL.get(given)?, FL.get(given)?);
    Format::new(wl, fl).map_err(|error| WL.refuse(wl, error.to_string()))
}

/// The format of `--number-format`, else of `--wl` and `--fl`.
///
/// # Errors
/// If one of them is out of range.
pub fn number_format(given: &dyn crate::setting::Given) -> Result<FixedType, Refusal> {
    match NUMBER_FORMAT.optional(given)? {
        Some(fixed) => Ok(fixed),
        None => Ok(format(given)?.into()),
    }
}
