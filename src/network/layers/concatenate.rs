//! Concatenation of channels, on integers where all activations are fixed point.

use super::four_axes;
use crate::network::integer::{IntegerForm, IntegerSettings, IntegerStep};
use crate::network::layer::Kind;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use crate::precision::NumberFormat;
use hwmodel::elementwise::{concatenate, concatenate_raw, split};
use hwmodel::number::block_float::tensor_format;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, RawData};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The channels of all branches side by side. Branches in another format than the first are requantised to
/// it, or all to a per-tensor scale where activations have one; a float branch makes the result float.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Concatenate {
    /// Channels of each branch.
    channels: Vec<usize>,
}

impl Concatenate {
    fn pixels([n, h, w, _]: [usize; 4]) -> usize {
        n * h * w
    }

    /// All branches in float32.
    fn floats(
        &self,
        call: &Forward<'_, '_>,
        branches: &[Activation],
    ) -> Result<Vec<f32>, NetworkError> {
        let simd = call.context.array.simd;
        let values: Vec<_> = branches.iter().map(|branch| branch.to_f32(simd)).collect();
        let slices: Vec<&[f32]> = values.iter().map(|values| &**values).collect();
        Ok(concatenate(&slices, &self.channels, Self::pixels(branches[0].shape()))?)
    }

    /// The branches in integers of `requantiser`'s format; those in another are requantised, each with its own random numbers.
    fn integers(
        &self,
        mut branches: Vec<Arc<FixedTensor>>,
        requantiser: Requantiser,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let format = requantiser.format;
        let mut counts = QuantiseCounts::default();
        for (index, branch) in branches.iter_mut().enumerate() {
            if branch.format() != format {
                let part = Some(index as u64);
                let address = RandomAddress { part, ..requantiser.address };
                let (words, more) = Requantiser { address, ..requantiser }.tensor(branch);
                counts += more;
                *branch = Arc::new(words);
            }
        }
        let mut shape = four_axes(&branches[0]);
        let pixels = shape[..3].iter().product();
        shape[3] = self.channels.iter().sum();
        let words: Vec<&RawData> = branches.iter().map(|branch| branch.data()).collect();
        let data = concatenate_raw(&words, &self.channels, pixels, format)?;
        Ok((FixedTensor::new(&shape, format, data)?, counts))
    }
}

/// The tensors of `branches` if all are fixed point.
fn fixed(branches: &[Activation]) -> Option<Vec<Arc<FixedTensor>>> {
    let tensor = |branch: &Activation| match branch {
        Activation::Fixed(tensor) => Some(Arc::clone(tensor)),
        Activation::Float(..) => None,
    };
    branches.iter().map(tensor).collect()
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Concatenate>();

impl Layer for Concatenate {
    fn kind(&self) -> &'static str {
        "concatenate"
    }

    fn inputs(&self) -> usize {
        self.channels.len()
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let Some(&[h, w, _]) = inputs.first() else {
            return Err("there is no branch to concatenate".to_owned());
        };
        if inputs.iter().any(|input| input[..2] != [h, w]) {
            return Err(format!("branches of shapes {inputs:?} differ in height or width"));
        }
        if !inputs.iter().map(|input| input[2]).eq(self.channels.iter().copied()) {
            let channels = &self.channels;
            return Err(format!("branches of shapes {inputs:?} are not of {channels:?} channels"));
        }
        Ok([h, w, self.channels.iter().sum()])
    }

    fn work(&self, _: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::DATA_MOVEMENT, output))]
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Step(Arc::new(self.clone())))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::Concatenate)
    }
}

impl Compute for Concatenate {
    const TAG: &str = "concatenate";

    type Saved = ();

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let branches = std::mem::take(&mut call.inputs);
        let y = match fixed(&branches) {
            None => {
                let [n, h, w, _] = branches[0].shape();
                let shape = [n, h, w, self.channels.iter().sum()];
                Activation::float(self.floats(call, &branches)?, shape)
            }
            Some(tensors) => {
                let format = match call.owner.output() {
                    NumberFormat::DynamicFixed { wl } => {
                        let values = self.floats(call, &branches)?;
                        tensor_format(&values, wl)
                            .map_err(|source| call.no_scale("concatenation", source))?
                    }
                    _ => tensors[0].format(),
                };
                let (tensor, counts) =
                    self.integers(tensors, call.requantiser(format, Role::Output))?;
                call.tally.output += counts;
                Activation::fixed(tensor)
            }
        };
        Ok((y, ()))
    }

    fn backward(
        &self,
        _: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let inputs = split(&call.gradient, &self.channels)?.into_iter().map(Some).collect();
        Ok(BackwardResult { inputs, parameters: Vec::new() })
    }
}

impl IntegerStep for Concatenate {
    fn run(
        &self,
        branches: Vec<Arc<FixedTensor>>,
        settings: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let requantiser = Requantiser {
            simd: settings.simd,
            format: branches[0].format(),
            rounding: settings.rounding,
            overflow: settings.overflow,
            // Only stochastic rounding reads it.
            address: RandomAddress::new(0, 0, 0, Role::Output),
        };
        self.integers(branches, requantiser)
    }
}

impl Builder {
    /// The channels of all branches side by side, in the format of the first.
    ///
    /// # Errors
    /// If there is no branch, or heights or widths differ.
    pub fn concatenate(&mut self, branches: &[NodeId]) -> Result<NodeId, NetworkError> {
        let channels = branches.iter().map(|&branch| self.shape(branch)[2]).collect();
        self.add_numbered("concatenate", Concatenate { channels }, branches)
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example = super::Example {
    input: [6, 5, 4],
    add: |net, x| {
        let pooled = net.max_pool_of(x, hwmodel::elementwise::PoolWindow::square(3, 1, 1))?;
        net.concatenate(&[x, pooled])
    },
};
