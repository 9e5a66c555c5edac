//! Concatenation of channels, on integers where all activations are fixed point.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::precision::NumberFormat;
use hwmodel::elementwise::{concatenate, concatenate_raw, split};
use hwmodel::number::block_float::tensor_format;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format, RawData};
use std::sync::Arc;

/// The channels of all branches side by side. Branches in another format than the first are requantised to
/// it, or all to a per-tensor scale where activations have one; a float branch makes the result float.
pub(in crate::network) struct Concatenate {
    /// Channels of each branch.
    pub(in crate::network) channels: Vec<usize>,
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

    /// The branches in integers of `format`.
    fn integers(
        &self,
        call: &mut Forward<'_, '_>,
        branches: Vec<Arc<FixedTensor>>,
        format: Format,
    ) -> Result<RawData, NetworkError> {
        let pixels: usize = branches[0].shape()[..3].iter().product();
        let mut words = Vec::with_capacity(branches.len());
        for (branch, tensor) in branches.into_iter().enumerate() {
            if tensor.format() == format {
                words.push(tensor);
                continue;
            }
            let mut requantiser = call.requantiser(format, Role::Output);
            let part = Some(branch as u64);
            requantiser.address = RandomAddress { part, ..requantiser.address };
            let (tensor, counts) = requantiser.tensor(&tensor);
            call.tally.output += counts;
            words.push(Arc::new(tensor));
        }
        let words: Vec<&RawData> = words.iter().map(|tensor| tensor.data()).collect();
        Ok(concatenate_raw(&words, &self.channels, pixels, format)?)
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

impl Layer for Concatenate {
    fn kind(&self) -> &'static str {
        "concatenate"
    }

    fn operation(&self) -> Operation {
        Operation::Concatenate
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let Some(&[h, w, _]) = inputs.first() else {
            return Err("there is no branch to concatenate".to_owned());
        };
        if inputs.iter().any(|input| input[..2] != [h, w]) {
            return Err(format!("branches of shapes {inputs:?} differ in height or width"));
        }
        Ok([h, w, self.channels.iter().sum()])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let branches = std::mem::take(&mut call.inputs);
        let [n, h, w, _] = branches[0].shape();
        let shape = [n, h, w, self.channels.iter().sum()];
        let y = match fixed(&branches) {
            None => Activation::float(self.floats(call, &branches)?, shape),
            Some(tensors) => {
                let format = match call.owner.output() {
                    NumberFormat::DynamicFixed { wl } => {
                        let values = self.floats(call, &branches)?;
                        tensor_format(&values, wl)
                            .map_err(|source| call.no_scale("concatenation", source))?
                    }
                    _ => tensors[0].format(),
                };
                let data = self.integers(call, tensors, format)?;
                Activation::fixed(FixedTensor::new(&shape, format, data)?)
            }
        };
        Ok((y, Saved::default()))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let inputs = split(&call.gradient, &self.channels)?.into_iter().map(Some).collect();
        Ok(BackwardResult { inputs, parameters: Vec::new() })
    }
}
