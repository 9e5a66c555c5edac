//! `fixed<W,I,Q,O>`, `ufixed`, `int<W>` and `uint<W>` of hls4ml's configurations: ap_fixed, whose modes may lack `AP_`.

use super::ap_fixed;
use super::template::{Name, arguments};
use super::{FixedType, FormatText, FormatTextError};

const FORM: &str = "fixed<W,I> or fixed<W,I,rounding,overflow>, as in fixed<16,6,RND,SAT>";
const INTEGER: &str = "int<W>, as in int<8>";
const NAMES: [Name; 4] = [
    Name { name: "fixed", form: FORM, arguments: (2, 5) },
    Name { name: "ufixed", form: FORM, arguments: (2, 5) },
    Name { name: "int", form: INTEGER, arguments: (1, 1) },
    Name { name: "uint", form: INTEGER, arguments: (1, 1) },
];

pub(super) fn read(text: &str) -> Option<Result<FormatText, FormatTextError>> {
    let found = arguments(text, &NAMES)?;
    Some(found.and_then(|(name, arguments)| {
        ap_fixed::of_arguments(text, !name.starts_with('u'), &arguments, "AP_")
    }))
}

pub(super) fn write(fixed: &FixedType) -> Result<String, FormatTextError> {
    let modes = ap_fixed::modes(fixed, "hls4ml", "AP_", "")?;
    let unsigned = if fixed.format.is_signed() { "" } else { "u" };
    Ok(format!("{unsigned}fixed<{},{}{modes}>", fixed.format.wl(), fixed.integer_bits()))
}
