//! Quantisers of ONNX itself: `QuantizeLinear`, `DequantizeLinear`, and `Clip` where words are shorter than a type.

use super::error::Refusal;
use super::tensor::{Quantiser, check_words};
use super::writing::Writing;
use crate::tensor::ElementType;
use hwmodel::{FixedTensor, Format};

/// The bias has the type of integer convolutions.
const BIAS: ElementType = ElementType::Int32;

/// Version of ONNX's operators; 16-bit words exist from the second on.
pub(super) const OPSETS: (i64, i64) = (13, 21);

/// The type of words of `format`.
fn element(format: Format) -> ElementType {
    match (format.wl() <= 8, format.is_signed()) {
        (true, true) => ElementType::Int8,
        (true, false) => ElementType::UInt8,
        (false, true) => ElementType::Int16,
        (false, false) => ElementType::UInt16,
    }
}

/// The numbers `real` as words, and these as the numbers `name`.
pub(super) fn words(writing: &mut Writing<'_>, real: &str, name: &str, to: Quantiser) -> String {
    let element = element(to.format);
    let own = element.integer_range();
    let is_limited = own != Some(to.range);
    let fl = to.format.fl();
    let mut source = real.to_owned();
    // Programs limit integers of 8 bits only; a limit on the grid is the same before the rounding.
    let limits_words = is_limited && element.bits() == 8;
    if is_limited && !limits_words {
        let limits = [to.range.0, to.range.1].map(|raw| writing.number(raw, fl));
        source = writing.node("Clip", name, &[&source, &limits[0], &limits[1]], "limited", &[]);
    }
    let (scale, zero) = (writing.scale(fl), writing.zero(element));
    let made = if limits_words { "rounded" } else { "words" };
    let mut raw = writing.node("QuantizeLinear", name, &[&source, &scale, &zero], made, &[]);
    if limits_words {
        let limits = [to.range.0, to.range.1].map(|raw| writing.limit(element, raw));
        raw = writing.node("Clip", name, &[&raw, &limits[0], &limits[1]], "words", &[]);
    }
    writing.node("DequantizeLinear", name, &[&raw, &scale, &zero], "", &[])
}

/// The weights `values` in the order of the file as integers and numbers.
pub(super) fn weight(
    writing: &mut Writing<'_>,
    name: &str,
    (shape, values): (&[usize], Vec<i64>),
    format: Format,
) -> Result<String, Refusal> {
    check_words(format, writing.target)?;
    Ok(constant(writing, name, (shape, values), element(format), format.fl()))
}

/// A bias of integers at the scale 2^-`fl` of sums.
pub(super) fn bias(
    writing: &mut Writing<'_>,
    name: &str,
    values: &[i64],
    fl: i32,
    _: &FixedTensor,
) -> Result<String, Refusal> {
    let fits = |value: &i64| i32::try_from(*value).is_ok();
    if !values.iter().all(fits) {
        return Err(Refusal::Bias);
    }
    Ok(constant(writing, name, (&[values.len()], values.to_vec()), BIAS, fl))
}

fn constant(
    writing: &mut Writing<'_>,
    name: &str,
    (shape, values): (&[usize], Vec<i64>),
    element: ElementType,
    fl: i32,
) -> String {
    let integers = writing.integers(&format!("{name}.words"), element, shape, values);
    let (scale, zero) = (writing.scale(fl), writing.zero(element));
    writing.node("DequantizeLinear", name, &[&integers, &scale, &zero], "", &[])
}
