//! Activations.

use super::name;
use crate::network::exported::error::Refusal;
use crate::network::exported::tensor::{Quantiser, Tensor, Words};
use crate::network::exported::writing::Writing;
use crate::onnx::model::Attribute;
use hwmodel::Format;
use hwmodel::cast::toward_zero;
use hwmodel::elementwise::{Slope, largest_raw_at_most};

/// The bound of ReLU6.
const SIX: u16 = 6;

/// The largest word that ReLU6 lets through.
fn bound(six: bool, format: Format) -> Option<i64> {
    largest_raw_at_most(SIX, format).filter(|_| six)
}

/// The range of words behind a rectifier.
fn rectified(words: Words, six: bool) -> Words {
    let most = bound(six, words.format).unwrap_or(i64::MAX);
    let (low, high) = words.range;
    Words { range: (low.max(0), high.max(0).min(most)), ..words }
}

/// The node of a rectifier of the numbers `real`, which are or become words of `format`.
fn node(
    writing: &mut Writing<'_>,
    name: &str,
    real: &str,
    six: bool,
    format: Option<Format>,
) -> String {
    let limit = match format {
        Some(format) => bound(six, format).map(|raw| (raw, format.fl())),
        None => six.then_some((SIX.into(), 0)),
    };
    match limit {
        None => writing.node("Relu", name, &[real], "real", &[]),
        Some((raw, fl)) => {
            let limits = [writing.number(0, 0), writing.number(raw, fl)];
            writing.node("Clip", name, &[real, &limits[0], &limits[1]], "real", &[])
        }
    }
}

/// The result of layer `index`, the numbers `real`, as words: of the rectifier that alone reads it, if there is one, since
/// limits that are words commute with rounding.
pub(super) fn rectified_and_quantised(
    writing: &mut Writing<'_>,
    index: usize,
    real: Tensor,
    to: Quantiser,
) {
    let Some((rectifier, six)) = writing.rectifier_after(index) else {
        let name = name(writing, index);
        let (name, words) = writing.quantised(&real.name.clone(), &name, to);
        writing.set(index, Tensor { name, words: Some(words), ..real });
        return;
    };
    let name = name(writing, rectifier);
    let limited = node(writing, &name, &real.name.clone(), six, Some(to.format));
    let (name, words) = writing.quantised(&limited, &name, to);
    let tensor = Tensor { name, words: Some(rectified(words, six)), ..real };
    // No other layer reads the value before the rectifier.
    writing.set(index, tensor.clone());
    writing.set(rectifier, tensor);
}

pub(super) fn relu(writing: &mut Writing<'_>, index: usize, six: bool) -> Result<(), Refusal> {
    let (name, input) = (name(writing, index), writing.input(index, 0));
    let real = node(writing, &name, &input.name, six, input.words.map(|words| words.format));
    let tensor = match input.words {
        None => Tensor { name: real, ..input },
        Some(words) => {
            let words = rectified(words, six);
            Tensor { name: writing.same_words(real, &name, words), words: Some(words), ..input }
        }
    };
    writing.set(index, tensor);
    Ok(())
}

pub(super) fn leaky_relu(
    writing: &mut Writing<'_>,
    index: usize,
    slope: Slope,
) -> Result<(), Refusal> {
    let (name, input) = (name(writing, index), writing.input(index, 0));
    let alpha = [("alpha", Attribute::Real(slope.value()))];
    let real = writing.node("LeakyRelu", &name, &[&input.name], "real", &alpha);
    let tensor = match input.words {
        None => Tensor { name: real, ..input },
        Some(words) => {
            // A product of a word and the multiplier, at most 2^16, before it is rounded.
            let multiplier = f64::from(slope.value()) * f64::from(1u32 << Slope::LONGEST_SHIFT);
            let multiplier = toward_zero::<u32>(multiplier);
            // Powers of two in it cost no bits.
            let odd = (multiplier >> multiplier.trailing_zeros().min(16)).max(1);
            writing.needs(index, u128::from(words.magnitude()) * u128::from(odd));
            // The result is a word; only the rounding of the layer matters.
            let to = writing.requantiser(index, words.format)?;
            let (name, _) = writing.quantised(&real, &name, to);
            Tensor { name, words: Some(words), ..input }
        }
    };
    writing.set(index, tensor);
    Ok(())
}
