//! The products of a network, without data: what a sweep costs if it has no trace.

use super::{ExploreError, Recording};
use crate::network::{Activation, BackwardArithmetic, Context, LayerTally, Network, NetworkError};
use crate::precision::{NumberFormat, RoleFormats};
use crate::trace::GemmRow;
use hwmodel::counters::Counters;
use hwmodel::gemm::MacArray;
use hwmodel::random::RandomSource;
use hwmodel::timing::{ByOperand, GemmKind, GemmShape};
use hwmodel::{
    Accumulator, FixedTensor, Format, FormatError, Overflow, RawData, Rounding, SimdLevel,
};

/// Images of the pass that shapes are taken from: batch statistics need two.
const IMAGES: u64 = 2;

/// What is costed of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkPass {
    /// Images at a time.
    pub batch: u64,
    /// Word length of inputs, weights and outputs of forward products; `None` is float32.
    pub wl: Option<u32>,
    /// Whether gradients are computed too, in float32 as in training.
    pub training: bool,
}

/// A network that cannot be costed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkPassError {
    /// The network does not run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The word length is impossible.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A product is too large.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// The batch is beyond the cost model.
    #[error("a batch of {0} is impossible: use 1 to 2^24 images")]
    Batch(u64),
}

/// A layer on the array with [`IMAGES`] images.
#[derive(Debug, Clone)]
struct LayerShapes {
    name: String,
    weight_elements: u64,
    tally: LayerTally,
    /// Float32 operations of the vector unit: in float32 and in fixed point (which adds residuals in integers), without
    /// and with the backward pass.
    vector_operations: [[u64; 2]; 2],
}

/// What each layer of a network on the array does, whatever the data.
#[derive(Debug, Clone)]
pub struct NetworkShapes {
    layers: Vec<LayerShapes>,
}

impl NetworkShapes {
    /// Takes the shapes from passes of two images through `network`, forward and backward, in float32 and fixed point.
    ///
    /// # Errors
    /// If the network does not run.
    pub fn of(mut network: Network) -> Result<Self, NetworkPassError> {
        let float = passes(&mut network)?;
        let format = Format::new(8, 4)?;
        for parameter in &mut network.parameters {
            parameter.formats = RoleFormats::all(NumberFormat::Fixed(format));
            let zeros = RawData::zeros(format, parameter.master.len());
            let tensor = FixedTensor::new(&parameter.shape, format, zeros);
            parameter.quantised = Some(tensor.map_err(NetworkError::from)?);
        }
        let fixed = passes(&mut network)?;
        let operations =
            |pair: &[LayerTally; 2]| pair.each_ref().map(|tally| tally.vector_operations);
        let layers = network.mac_layers.iter().zip(float.iter().zip(&fixed));
        let layers = layers.map(|(layer, (float, fixed))| LayerShapes {
            name: layer.name.clone(),
            weight_elements: layer.elements,
            tally: float[1].clone(),
            vector_operations: [operations(float), operations(fixed)],
        });
        Ok(Self { layers: layers.collect() })
    }

    /// One pass of `pass.batch` images; every MAC counts as non-zero.
    ///
    /// # Errors
    /// If batch or word length are impossible.
    pub fn recording(&self, pass: NetworkPass) -> Result<Recording, NetworkPassError> {
        if !(1..=1 << 24).contains(&pass.batch) {
            return Err(NetworkPassError::Batch(pass.batch));
        }
        let format = pass.wl.map(|wl| Format::new(wl, 0)).transpose()?;
        let times = |n: u64| n / IMAGES * pass.batch;
        let mut recording = Recording::default();
        for LayerShapes { name, weight_elements, tally, vector_operations } in &self.layers {
            let vector =
                vector_operations[usize::from(pass.wl.is_some())][usize::from(pass.training)];
            let kinds = [
                (GemmKind::Forward, &tally.forward),
                (GemmKind::GradInput, &tally.grad_input),
                (GemmKind::GradWeight, &tally.grad_weight),
            ];
            for (kind, gemm) in kinds {
                let Some(gemm) =
                    gemm.as_ref().filter(|_| pass.training || kind == GemmKind::Forward)
                else {
                    continue;
                };
                let GemmShape { m, n, k } = gemm.shape;
                let ByOperand { input, weight, output } = gemm.elements;
                // The gradient of weights sums over images, the others have rows of each.
                // Products of activations are more with more images; their shape stays.
                let groups = if *weight_elements == 0 { times(gemm.groups) } else { gemm.groups };
                let (shape, elements) = if *weight_elements == 0 {
                    (gemm.shape, gemm.elements)
                } else if kind == GemmKind::GradWeight {
                    let elements = ByOperand { input: times(input), weight: times(weight), output };
                    (GemmShape { m, n, k: times(k) }, elements)
                } else {
                    let elements = ByOperand { input: times(input), weight, output: times(output) };
                    (GemmShape { m: times(m), n, k }, elements)
                };
                let macs = shape.macs().and_then(|macs| macs.checked_mul(groups));
                let macs = macs.ok_or(NetworkPassError::Batch(pass.batch))?;
                let forward = kind == GemmKind::Forward;
                let formats = format.filter(|_| forward).map(|format| ByOperand {
                    input: format,
                    weight: format,
                    output: format,
                });
                let bits = u128::from(formats.map_or(32, |formats| formats.input.wl()));
                let counters = Counters {
                    macs,
                    nonzero_macs: macs,
                    bit_operations: u128::from(macs) * bits * bits,
                    ..Counters::default()
                };
                recording.push(&GemmRow {
                    layer: name.clone(),
                    kind,
                    formats,
                    shape,
                    groups,
                    elements,
                    weight_elements: *weight_elements,
                    weight_nonzero: *weight_elements,
                    counters,
                    micro_batch_nonzero_macs: vec![macs],
                    vector_operations: if forward { times(vector) } else { 0 },
                    ..GemmRow::default()
                })?;
            }
        }
        Ok(recording)
    }
}

/// Counts after the forward pass and after the backward pass, by layer on the array.
fn passes(network: &mut Network) -> Result<Vec<[LayerTally; 2]>, NetworkPassError> {
    let [h, w, c] = network.input;
    let accumulator = Accumulator::default();
    let context = Context {
        array: MacArray { simd: SimdLevel::best(), accumulator },
        rounding: Rounding::NearestEven,
        random: RandomSource::default(),
        overflow: Overflow::Saturate,
        seed: 0,
        step: 0,
        training: true,
        backward: BackwardArithmetic::Float32,
    };
    // Grey images; for a language model, the token 0.
    let value = if network.takes_tokens() { 0.0 } else { 0.5 };
    let images = vec![value; IMAGES as usize * h * w * c];
    let images = Activation::float(images, [IMAGES as usize, h, w, c]);
    let mut pass = network.forward(images, &context)?;
    let forward = pass.tallies.clone();
    let gradient = vec![0.0; pass.logits.len()];
    network.backward(&mut pass, gradient, &context, false)?;
    Ok(forward.into_iter().zip(pass.tallies).map(|(forward, both)| [forward, both]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::replay;
    use crate::network::{Initialisation, arch};
    use hwmodel::machine::Machine;

    fn shapes(name: &str) -> NetworkShapes {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        let task = arch::Task { input: [32, 32, 3], classes: 10, initialisation };
        NetworkShapes::of(arch::build(name, &task).unwrap()).unwrap()
    }

    #[test]
    fn macs_grow_with_the_batch_and_training_has_three_products() {
        let shapes = shapes("lenet5");
        let machine = Machine::builtin("edge-16x16").unwrap();
        let total = |batch, wl, training| {
            let recording = shapes.recording(NetworkPass { batch, wl, training }).unwrap();
            replay(&recording, &machine, None).unwrap().total
        };
        let one = total(1, Some(8), false);
        let macs: u64 = 28 * 28 * 6 * 75 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10;
        assert_eq!(one.macs, macs);
        assert_eq!(total(7, Some(8), false).macs, 7 * macs);
        assert_eq!(one.bit_operations, 64 * u128::from(macs));
        let first = 28 * 28 * 6 * 75;
        assert_eq!(total(1, Some(8), true).macs, 3 * macs - first);
        assert!(total(1, Some(4), false).energy.total() < one.energy.total());
        assert!(total(1, None, false).energy.total() > one.energy.total());
    }

    #[test]
    fn residuals_are_added_in_integers_only_in_fixed_point() {
        let shapes = shapes("resnet20");
        let machine = Machine::builtin("edge-16x16").unwrap();
        let vector = |wl, training| {
            let recording = shapes.recording(NetworkPass { batch: 1, wl, training }).unwrap();
            replay(&recording, &machine, None).unwrap().total.energy.vector_unit
        };
        assert!(vector(Some(8), false) < vector(None, false));
        assert!(vector(Some(8), true) > vector(Some(8), false));
    }

    #[test]
    fn impossible_passes_are_refused() {
        let shapes = shapes("mlp");
        let refuse = |batch, wl| {
            shapes.recording(NetworkPass { batch, wl, training: true }).unwrap_err().to_string()
        };
        assert!(refuse(0, None).contains("a batch of 0"));
        assert!(refuse(1, Some(33)).contains("33"));
    }
}
