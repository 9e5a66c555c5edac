//! Quantisers of QONNX: `Quant` nodes, whose constants are the numbers themselves.

use super::error::Refusal;
use super::tensor::{Quantiser, check_words};
use super::writing::Writing;
use crate::onnx::model::Attribute;
use hwmodel::affine::qonnx::QonnxRounding;
use hwmodel::cast::{nearest_f32, toward_zero};
use hwmodel::{FixedTensor, Format, Rounding};

/// The domain of `Quant`, version 1.
pub(super) const DOMAIN: &str = "qonnx.custom_op.general";

/// Bits of a bias at the scale of the sums.
const BIAS_BITS: u32 = 32;

/// The numbers `real` quantised as the numbers `name`.
pub(super) fn words(writing: &mut Writing<'_>, real: &str, name: &str, to: Quantiser) -> String {
    let (signed, narrow) = (to.format.is_signed(), to.range != (full(to.format)));
    let word = (to.format.wl(), to.format.fl());
    quant(writing, real, name, word, (signed, narrow, to.rounding))
}

/// The weights `values` in the order of the file as numbers with their quantiser.
pub(super) fn weight(
    writing: &mut Writing<'_>,
    name: &str,
    (shape, values): (&[usize], Vec<i64>),
    format: Format,
) -> Result<String, Refusal> {
    check_words(format, writing.target)?;
    Ok(constant(writing, name, (shape, &values), format))
}

/// A bias, `values` at the scale 2^-`fl` of sums: in its own format where that is as exact, else in 32 bits.
pub(super) fn bias(
    writing: &mut Writing<'_>,
    name: &str,
    values: &[i64],
    fl: i32,
    stored: &FixedTensor,
) -> Result<String, Refusal> {
    let shape = [values.len()];
    let own = stored.format();
    if own.fl() <= fl && check_words(own, writing.target).is_ok() {
        return Ok(constant(writing, name, (&shape, &stored.data().to_i64()), own));
    }
    let format = Format::new(BIAS_BITS, 0).expect("a possible word length");
    let is_exact = |value: i64| toward_zero::<i64>(nearest_f32(value as f64).into()) == value;
    let fits = |&value: &i64| i32::try_from(value).is_ok() && is_exact(value);
    if !values.iter().all(fits) {
        return Err(Refusal::Bias);
    }
    let real = writing.reals_of(&format!("{name}.values"), &shape, values, fl);
    let word = (format.wl(), fl);
    Ok(quant(writing, &real, name, word, (true, false, Rounding::NearestEven)))
}

fn constant(
    writing: &mut Writing<'_>,
    name: &str,
    (shape, values): (&[usize], &[i64]),
    format: Format,
) -> String {
    let real = writing.reals_of(&format!("{name}.values"), shape, values, format.fl());
    let narrow = (format.min_raw(), format.max_raw()) != full(format);
    let word = (format.wl(), format.fl());
    quant(writing, &real, name, word, (format.is_signed(), narrow, Rounding::NearestEven))
}

/// All words of the length of `format`.
fn full(format: Format) -> (i64, i64) {
    let most = if format.is_signed() { format.wl() - 1 } else { format.wl() };
    let low = if format.is_signed() { -(1i64 << most) } else { 0 };
    (low, (1i64 << most) - 1)
}

fn quant(
    writing: &mut Writing<'_>,
    real: &str,
    name: &str,
    (bits, fl): (u32, i32),
    (signed, narrow, rounding): (bool, bool, Rounding),
) -> String {
    let mode = QonnxRounding::ALL.into_iter().find(|mode| mode.exact() == rounding);
    let mode = mode.map_or_else(|| "ROUND".to_owned(), |mode| mode.to_string());
    let attributes = [
        ("signed", Attribute::Integer(signed.into())),
        ("narrow", Attribute::Integer(narrow.into())),
        ("rounding_mode", Attribute::Text(mode)),
    ];
    let (scale, zero) = (writing.scale(fl), writing.number(0, 0));
    let bits = writing.number(bits.into(), 0);
    writing.node_of(DOMAIN, "Quant", name, &[real, &scale, &zero, &bits], "", &attributes)
}
