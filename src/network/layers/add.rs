//! Residual addition, on integers where the activations are fixed point.

use crate::network::graph::add_to;
use crate::network::integer::{IntegerForm, IntegerSettings, IntegerStep};
use crate::network::layer::Kind;
use crate::network::vector::add;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use crate::precision::NumberFormat;
use hwmodel::elementwise::{AddSettings, residual_add};
use hwmodel::number::block_float::tensor_format;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The sum of two branches in the format of the first, or with a per-tensor scale where activations have one; a float branch makes the sum float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Add;

/// The format of a sum. A scale is chosen from the float32 sums, which are within one step of 24 bits.
fn sum_format(
    call: &Forward<'_, '_>,
    first: &FixedTensor,
    second: &FixedTensor,
) -> Result<Format, NetworkError> {
    let NumberFormat::DynamicFixed { wl } = call.owner.output() else { return Ok(first.format()) };
    let simd = call.context.array.simd;
    let mut sum = first.to_f32(simd);
    add_to(simd, &mut sum, &second.to_f32(simd));
    tensor_format(&sum, wl).map_err(|source| call.no_scale("sum", source))
}

impl VectorKind {
    /// Addition of two tensors, a residual or a bias.
    pub const ADD: Self = Self::free_in_fixed_point("add", add::OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Add>();

impl Layer for Add {
    fn kind(&self) -> &'static str {
        "add"
    }

    fn inputs(&self) -> usize {
        2
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs {
            [first, second] if first == second => Ok(*first),
            _ => Err(format!("branches of shapes {inputs:?} cannot be added")),
        }
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::ADD, inputs[0]))]
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Step(Arc::new(*self)))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::Add)
    }
}

impl Compute for Add {
    const TAG: &str = "add";

    type Saved = ();

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let (first, second) = (call.take(0), call.take(1));
        let y = match (&first, &second) {
            (Activation::Fixed(first), Activation::Fixed(second)) => {
                let settings = AddSettings {
                    simd: call.context.array.simd,
                    format: sum_format(call, first, second)?,
                    rounding: call.rounding(),
                    overflow: call.overflow(),
                    address: call.address(Role::Output),
                };
                let (tensor, counts) = residual_add(first, second, &settings)?;
                call.tally.output += counts;
                Activation::fixed(tensor)
            }
            _ => {
                let simd = call.context.array.simd;
                let mut sum = first.to_f32(simd).into_owned();
                add_to(simd, &mut sum, &second.to_f32(simd));
                call.tally.vector_operations += add::OPERATIONS.forward_on(sum.len());
                Activation::float(sum, first.shape())
            }
        };
        Ok((y, ()))
    }

    fn backward(
        &self,
        _: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let second = call.gradient.clone();
        let inputs = vec![Some(call.gradient), Some(second)];
        Ok(BackwardResult { inputs, parameters: Vec::new() })
    }
}

impl IntegerStep for Add {
    fn run(
        &self,
        inputs: Vec<Arc<FixedTensor>>,
        settings: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let settings = AddSettings {
            simd: settings.simd,
            format: inputs[0].format(),
            rounding: settings.rounding,
            overflow: settings.overflow,
            // Only stochastic rounding reads it.
            address: RandomAddress::new(0, 0, 0, Role::Output),
        };
        Ok(residual_add(&inputs[0], &inputs[1], &settings)?)
    }
}

impl Builder {
    /// The sum of two branches, in the format of the first.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn sum(&mut self, first: NodeId, second: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("add", Add, &[first, second])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 5, 4], add: |net, x| net.sum(x, x) };
