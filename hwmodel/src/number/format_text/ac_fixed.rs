//! `ac_fixed<W,I,S,Q,O>` and `ac_int<W,S>` of Catapult (`ac_fixed.h`): as ap_fixed, with the sign as an argument.

use super::ap_fixed;
use super::template::{Name, arguments};
use super::{FixedType, FormatText, FormatTextError};

const FORM: &str = "ac_fixed<W,I> or ac_fixed<W,I,signed,rounding,overflow>, as in ac_fixed<16,6,true,AC_RND,AC_SAT>";
const NAMES: [Name; 2] = [
    Name { name: "ac_fixed", form: FORM, arguments: (2, 5) },
    Name {
        name: "ac_int",
        form: "ac_int<W> or ac_int<W,signed>, as in ac_int<8,false>",
        arguments: (1, 2),
    },
];

pub(super) fn read(text: &str) -> Option<Result<FormatText, FormatTextError>> {
    let found = arguments(text, &NAMES)?;
    Some(found.and_then(|(name, mut arguments)| {
        let position = if name == "ac_int" { 1 } else { 2 };
        let sign = if arguments.len() > position { arguments.remove(position) } else { "true" };
        let signed = match sign {
            "true" | "1" => true,
            "false" | "0" => false,
            other => {
                return Err(FormatTextError::Mode {
                    text: text.to_owned(),
                    given: other.to_owned(),
                    what: "a sign",
                    allowed: "true, false".to_owned(),
                });
            }
        };
        ap_fixed::of_arguments(text, signed, &arguments, "AC_")
    }))
}

pub(super) fn write(fixed: &FixedType) -> Result<String, FormatTextError> {
    let modes = ap_fixed::modes(fixed, "ac_fixed", "AC_", "AC_")?;
    let signed = fixed.format.is_signed();
    Ok(format!("ac_fixed<{},{},{signed}{modes}>", fixed.format.wl(), fixed.integer_bits()))
}
