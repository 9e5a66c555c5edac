//! What `hwsim eval` refuses because it has no effect, and what it warns of.

use super::errors::Failure;
use crate::network::Network;
use anyhow::anyhow;
use hwmodel::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, FixedTensor, width};

/// Whether any layer computes in fixed point.
pub(super) fn is_fixed(network: &Network) -> bool {
    network.parameters.iter().any(|parameter| parameter.quantised.is_some())
}

/// Refuses the first of the flags `given`, all of which are about integers, for a network without any.
pub(super) fn has_effect<'a>(
    network: &Network,
    mut given: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    match given.next() {
        Some(flag) if !is_fixed(network) => Err(Failure::usage(anyhow!(
            "`--{flag}` has no effect: the model is float32 in every layer; leave it out, or train a model with a controller other than \
             float32"
        ))),
        _ => Ok(()),
    }
}

/// What to say of an accumulator that overflowed because products have more fractional bits than it has bits below its sign,
/// so that it holds no sum of 1 or more.
pub(super) fn too_narrow(
    network: &Network,
    accumulator: Accumulator,
    events: u64,
) -> Option<String> {
    let AccumulatorWidth::Bits(bits) = accumulator.width else { return None };
    let bits = u32::from(bits);
    if events == 0 {
        return None;
    }
    let mut worst: Option<(&str, i32)> = None;
    let mut sufficient = 0;
    for layer in network.mac_layers.iter().filter(|layer| layer.has_weight()) {
        let parameter = &network.parameters[layer.weight];
        let input = parameter.formats.activation.fixed();
        let (Some(input), Some(weight)) = (input, parameter.quantised.as_ref()) else { continue };
        let product = input.fl() + weight.format().fl();
        let terms = parameter.shape.iter().skip(1).product::<usize>() as u64;
        let weight = FixedTensor::format(weight);
        sufficient = sufficient.max(width::any_words(input, weight, Some(weight), terms));
        if product >= bits as i32 && worst.is_none_or(|(_, most)| product > most) {
            worst = Some((&layer.name, product));
        }
    }
    let (layer, product) = worst?;
    Some(format!(
        "the products of layer `{layer}` have {product} fractional bits, and an accumulator of {bits} bits holds no sum of 1 or more with \
         them: {events} additions overflowed; `--accumulator {sufficient}` suffices for any input, and --accumulator-study finds the smallest"
    ))
}
