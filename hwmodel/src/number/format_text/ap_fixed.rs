//! `ap_fixed<W,I,Q,O,N>`, `ap_ufixed`, `ap_int<W>` and `ap_uint<W>` of Vitis HLS (`ap_fixed_base.h`).
//!
//! W bits, I of them before the binary point, the sign among them: FL = W - I. I may be negative or exceed W. Q is
//! AP_TRN and O AP_WRAP if they are left out; N, bits that wrapping saturates, is 0.

use super::template::{self, Name, arguments, whole};
use super::{FixedType, FormatText, FormatTextError};
use crate::{Overflow, Rounding};

const FORM: &str =
    "ap_fixed<W,I> or ap_fixed<W,I,rounding,overflow,N>, as in ap_fixed<16,6,AP_RND,AP_SAT>";
const INTEGER: &str = "ap_int<W>, as in ap_int<8>";
const NAMES: [Name; 4] = [
    Name { name: "ap_fixed", form: FORM, arguments: (2, 5) },
    Name { name: "ap_ufixed", form: FORM, arguments: (2, 5) },
    Name { name: "ap_int", form: INTEGER, arguments: (1, 1) },
    Name { name: "ap_uint", form: INTEGER, arguments: (1, 1) },
];

pub(super) fn read(text: &str) -> Option<Result<FormatText, FormatTextError>> {
    let found = arguments(text, &NAMES)?;
    Some(found.and_then(|(name, arguments)| {
        let signed = !name.starts_with("ap_u");
        of_arguments(text, signed, &arguments, "AP_")
    }))
}

/// W and I (or W alone, an integer), then Q, O and N.
pub(super) fn of_arguments(
    text: &str,
    signed: bool,
    arguments: &[&str],
    prefix: &str,
) -> Result<FormatText, FormatTextError> {
    let wl = whole(text, "the word length W", arguments[0])?;
    let integer_bits = match arguments.get(1) {
        Some(given) => whole(text, "the number of integer bits I", given)?,
        None => wl,
    };
    let mut read = FormatText {
        wl,
        fl: wl.saturating_sub(integer_bits),
        signed,
        narrow: false,
        rounding: Some(Rounding::Floor),
        overflow: Some(Overflow::Wrap),
    };
    if let Some(given) = arguments.get(2) {
        read.rounding = Some(template::rounding(text, given, prefix)?);
    }
    if let Some(given) = arguments.get(3) {
        read.overflow = Some(template::overflow(text, given, prefix)?);
    }
    if let (Some(given), Some(mode)) = (arguments.get(4), read.overflow) {
        let what = "the number of saturated bits N";
        let number = whole(text, what, given)?;
        let bits = u8::try_from(number).map_err(|_| FormatTextError::Number {
            text: text.to_owned(),
            what,
            given: (*given).to_owned(),
            range: " from 0 to W",
        })?;
        // The header ignores N where nothing wraps.
        read.overflow = Some(mode.with_saturated_bits(bits).unwrap_or(mode));
    }
    Ok(read)
}

pub(super) fn write(fixed: &FixedType) -> Result<String, FormatTextError> {
    let modes = modes(fixed, "ap_fixed", "AP_", "AP_")?;
    let unsigned = if fixed.format.is_signed() { "" } else { "u" };
    Ok(format!("ap_{unsigned}fixed<{},{}{modes}>", fixed.format.wl(), fixed.integer_bits()))
}

/// `,Q,O,N` of a type, as much of it as is stated. An overflow without a rounding takes the rounding that is implied.
pub(super) fn modes(
    fixed: &FixedType,
    notation: &'static str,
    prefix: &str,
    written: &str,
) -> Result<String, FormatTextError> {
    let unwritable =
        |why: String| FormatTextError::Unwritable { fixed: fixed.to_string(), notation, why };
    if fixed.format.is_narrow() {
        return Err(unwritable("it has no narrow words".to_owned()));
    }
    let FixedType { rounding, overflow, .. } = *fixed;
    let mut text = String::new();
    let rounding = rounding.or(overflow.map(|_| Rounding::Floor));
    if let Some(mode) = rounding {
        let name = template::rounding_name(mode, prefix);
        let name = name.ok_or_else(|| unwritable(format!("it has no rounding mode {mode}")))?;
        text = format!(",{written}{}", name.trim_start_matches(prefix));
    }
    if let Some(mode) = overflow {
        let name = template::overflow_name(mode, prefix);
        let bits = mode.saturated_bits();
        // ac_fixed has no saturated bits.
        let name = name.filter(|_| bits == 0 || prefix == "AP_");
        let name = name.ok_or_else(|| unwritable(format!("it has no overflow mode {mode}")))?;
        text = format!("{text},{written}{}", name.trim_start_matches(prefix));
        if bits > 0 {
            text = format!("{text},{bits}");
        }
    }
    Ok(text)
}
