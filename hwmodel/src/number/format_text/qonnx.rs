//! QONNX's data types: `FIXED<W,I>`, `INT8`, `UINT4`, `BINARY`, `TERNARY` (`qonnx/core/datatype.py`).
//!
//! They carry no modes: those belong to the Quant node.

use super::template::{Name, arguments, whole};
use super::{FixedType, FormatText, FormatTextError};

const NAMES: [Name; 1] =
    [Name { name: "FIXED", form: "FIXED<W,I>, as in FIXED<16,6>", arguments: (2, 2) }];

pub(super) fn read(text: &str) -> Option<Result<FormatText, FormatTextError>> {
    if let Some(found) = arguments(text, &NAMES) {
        return Some(found.and_then(|(_, arguments)| {
            let wl = whole(text, "the word length W", arguments[0])?;
            let integer_bits = whole(text, "the number of integer bits I", arguments[1])?;
            Ok(words(wl, wl.saturating_sub(integer_bits), true))
        }));
    }
    let of_length = |rest: &str, signed| {
        let digits = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| whole(text, "the word length", rest).map(|wl| words(wl, 0, signed)))
    };
    match text {
        "BINARY" => Some(Ok(words(1, 0, false))),
        "TERNARY" => Some(Ok(FormatText { narrow: true, ..words(2, 0, true) })),
        "BIPOLAR" => {
            let why = "its words are -1 and +1, which is not a range of integers: 2,0,narrow holds both, and 0";
            Some(Err(FormatTextError::Unsupported { text: text.to_owned(), why: why.to_owned() }))
        }
        _ => match text.strip_prefix("UINT") {
            Some(rest) => of_length(rest, false),
            None => of_length(text.strip_prefix("INT")?, true),
        },
    }
}

const fn words(wl: i64, fl: i64, signed: bool) -> FormatText {
    FormatText { wl, fl, signed, narrow: false, rounding: None, overflow: None }
}

pub(super) fn write(fixed: &FixedType) -> Result<String, FormatTextError> {
    let format = fixed.format;
    let wl = format.wl();
    let unwritable = |why: &str| FormatTextError::Unwritable {
        fixed: fixed.to_string(),
        notation: "qonnx",
        why: why.to_owned(),
    };
    match (format.is_signed(), format.is_narrow(), format.fl()) {
        (true, true, 0) if wl == 2 => Ok("TERNARY".to_owned()),
        (_, true, _) => Err(unwritable("it has no narrow words but TERNARY")),
        (true, _, 0) => Ok(format!("INT{wl}")),
        (true, ..) => Ok(format!("FIXED<{wl},{}>", fixed.integer_bits())),
        (false, _, 0) if wl == 1 => Ok("BINARY".to_owned()),
        (false, _, 0) => Ok(format!("UINT{wl}")),
        (false, ..) => Err(unwritable("its FIXED is signed")),
    }
}
