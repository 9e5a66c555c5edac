//! Integer programs against scalar definitions and the float vector unit.

mod agreement;
mod networks;
mod no_floats;

use crate::network::{Activation, BackwardArithmetic, Network, PassSettings};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::MacArray;
use hwmodel::number::quantise::quantise;
use hwmodel::random::{RandomAddress, Role, generator, uniform_f32};
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding, SimdLevel};

fn format(wl: u32, fl: i32) -> Format {
    Format::new(wl, fl).unwrap()
}

fn context(accumulator: Accumulator) -> PassSettings {
    PassSettings {
        random: Default::default(),
        array: MacArray { simd: SimdLevel::best(), accumulator },
        rounding: Rounding::NearestEven,
        overflow: Overflow::Saturate,
        seed: 1,
        step: 0,
        training: false,
        backward: BackwardArithmetic::Float32,
    }
}

/// Gives parameter i of `network` the format `format_of(i)` for weights and activations.
fn quantised(mut network: Network, format_of: impl Fn(usize) -> Format) -> Network {
    let address = RandomAddress::new(0, 0, 0, Role::Weight);
    for (index, parameter) in network.parameters.iter_mut().enumerate() {
        let format = format_of(index);
        parameter.formats = RoleFormats::all(NumberFormat::Fixed(format));
        let simd = SimdLevel::best();
        let rounding = Rounding::NearestEven;
        let raw = quantise(simd, &parameter.master, format, rounding, address).unwrap().0;
        parameter.quantised = Some(FixedTensor::new(&parameter.shape, format, raw).unwrap());
    }
    network
}

/// Sets γ, β and running statistics of every batch norm to random numbers: γ within ±1.5, β and μ
/// within ±1, σ² between 0.3 and 2.3.
fn with_statistics(mut network: Network, seed: u64) -> Network {
    let mut generator = generator(seed, &[1]);
    let mut next = |low: f32, high: f32| low + (high - low) * uniform_f32(&mut generator);
    for node in &mut network.nodes {
        if let Some(running) = node.running_mut() {
            running.mean.iter_mut().for_each(|mean| *mean = next(-1.0, 1.0));
            running.variance.iter_mut().for_each(|variance| *variance = next(0.3, 2.3));
        }
    }
    for parameter in network.parameters.iter_mut().filter(|p| p.name.contains("norm")) {
        let bound = if parameter.name.ends_with("weight") { 1.5 } else { 1.0 };
        parameter.master.iter_mut().for_each(|value| *value = next(-bound, bound));
    }
    network
}

fn images(shape: [usize; 4], seed: u64) -> Activation {
    let mut generator = generator(seed, &[2]);
    let values = (0..shape.iter().product()).map(|_| 4.0 * uniform_f32(&mut generator) - 2.0);
    Activation::float(values.collect(), shape)
}
