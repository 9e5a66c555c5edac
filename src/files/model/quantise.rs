//! Post-training quantisation of a saved network.

use crate::network::{Network, NetworkError, Parameter};
use crate::precision::{Modes, NumberFormat, RoleFormats};
use hwmodel::number::block_float;
use hwmodel::number::quantise::{QuantiseCounts, Quantiser};
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, RandomSource, Role};
use hwmodel::{FixedTensor, Format, Rounding, SimdLevel};

/// Gives every parameter tensor (weights, biases, γ and β of a batch norm), and with the first of a layer its activations and
/// results, the formats that `format` has for its name; `None` leaves a tensor as it is.
///
/// The values that the hardware holds are rounded to nearest, ties to even, and saturated, or by the modes of the format, exactly: a tensor that
/// has the format already keeps its bits. [`NumberFormat::DynamicFixed`] takes for each parameter tensor the largest
/// fractional length at which its values fit ([`block_float::tensor_format`]), and for activations one for each
/// tensor and batch.
///
/// # Errors
/// If a value is not finite.
pub fn quantise(
    network: &mut Network,
    simd: SimdLevel,
    format: impl Fn(&Parameter) -> Option<RoleFormats>,
) -> Result<QuantiseCounts, NetworkError> {
    let mut counts = QuantiseCounts::default();
    for parameter in &mut network.parameters {
        let Some(wanted) = format(parameter) else { continue };
        let format = match wanted.weight {
            NumberFormat::Float32 => None,
            NumberFormat::Fixed(format) => Some(format),
            NumberFormat::DynamicFixed { wl } => {
                let values = parameter.hardware_values(simd);
                let format = block_float::tensor_format(&values, wl);
                Some(format.map_err(|source| NetworkError::Scale {
                    what: "weights",
                    layer: parameter.name.clone(),
                    source,
                })?)
            }
        };
        let quantised = match format {
            None => None,
            Some(format) => {
                let (tensor, counted) = tensor(parameter, simd, format, wanted.modes)?;
                counts += counted;
                Some(tensor)
            }
        };
        parameter.quantised = quantised;
        parameter.formats = wanted;
    }
    Ok(counts)
}

fn tensor(
    parameter: &Parameter,
    simd: SimdLevel,
    format: Format,
    modes: Modes,
) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
    // Nothing is drawn: the rounding is deterministic.
    let address = RandomAddress {
        seed: 0,
        step: 0,
        layer: 0,
        part: None,
        role: Role::Weight,
        source: RandomSource::default(),
    };
    let rounding = modes.rounding.unwrap_or(Rounding::NearestEven);
    let overflow = modes.overflow.unwrap_or_default();
    if let Some(tensor) = &parameter.quantised {
        let to = Requantiser { format, rounding, overflow, simd, address };
        return Ok(to.tensor(tensor));
    }
    let quantised =
        Quantiser { simd, format, rounding, overflow, address }.slice(&parameter.master);
    let (data, counts) = quantised.map_err(|source| NetworkError::Diverged {
        what: "weights",
        layer: parameter.name.clone(),
        source,
    })?;
    Ok((FixedTensor::new(&parameter.shape, format, data)?, counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, arch};

    fn network() -> Network {
        let initialisation = Initialisation { seed: 3, scale: 1.0 };
        let task = arch::Task { input: [32, 32, 1], classes: 10, initialisation };
        arch::build("mlp", &task).unwrap()
    }

    fn fixed(wl: u32, fl: i32) -> RoleFormats {
        RoleFormats::fixed(Format::new(wl, fl).unwrap())
    }

    #[test]
    fn values_are_rounded_to_nearest_and_saturated() {
        let mut network = network();
        network.parameters[0].master[..5].copy_from_slice(&[0.3125, -0.34375, 100.0, -100.0, 0.01]);
        let counts = quantise(&mut network, SimdLevel::PORTABLE, |_| Some(fixed(8, 4))).unwrap();
        let weight = network.parameters[0].quantised.as_ref().unwrap();
        // 0.34375 · 16 = 5.5 is a tie, which goes to 6.
        assert_eq!(weight.data().to_i32()[..5], [5, -6, 127, -128, 0]);
        assert_eq!((counts.saturated_high, counts.saturated_low), (1, 1));
        let all: usize = network.parameters.iter().map(Parameter::elements).sum();
        assert_eq!(counts.elements, all as u64);
    }

    #[test]
    fn a_format_that_is_there_changes_nothing_and_another_is_exact() {
        let mut network = network();
        quantise(&mut network, SimdLevel::PORTABLE, |_| Some(fixed(30, 28))).unwrap();
        let before = network.parameters[0].quantised.clone().unwrap();
        quantise(&mut network, SimdLevel::PORTABLE, |_| Some(fixed(30, 28))).unwrap();
        assert_eq!(network.parameters[0].quantised.as_ref(), Some(&before));
        // From 30 bits to 8 by integers, where float32 has 24.
        quantise(&mut network, SimdLevel::PORTABLE, |_| Some(fixed(8, 6))).unwrap();
        let after = network.parameters[0].quantised.as_ref().unwrap().data().to_i32();
        let expected = before.data().to_i32().into_iter().map(|raw| {
            let value = f64::from(raw) * 2f64.powi(-22);
            value.round_ties_even().clamp(-128.0, 127.0) as i32
        });
        assert_eq!(after, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_word_length_alone_takes_the_scale_of_each_tensor() {
        let mut network = network();
        network.parameters[0].master.iter_mut().for_each(|w| *w *= 64.0);
        quantise(&mut network, SimdLevel::PORTABLE, |parameter| {
            parameter
                .name
                .starts_with("fc1.")
                .then_some(RoleFormats::all(NumberFormat::DynamicFixed { wl: 6 }))
        })
        .unwrap();
        for parameter in &network.parameters {
            let Some(tensor) = &parameter.quantised else {
                assert!(!parameter.name.starts_with("fc1."), "{}", parameter.name);
                continue;
            };
            assert!(parameter.name.starts_with("fc1."), "{}", parameter.name);
            let expected = block_float::tensor_format(&parameter.master, 6).unwrap();
            assert_eq!(tensor.format(), expected);
        }
    }
}
