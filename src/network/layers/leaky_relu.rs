//! LeakyReLU, on integers where the activation is fixed point.

use crate::network::activation::owned;
use crate::network::integer::{IntegerForm, IntegerSettings, IntegerStep};
use crate::network::layer::Kind;
use crate::network::vector::operations::VectorOperations;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use hwmodel::FixedTensor;
use hwmodel::elementwise::{Slope, leaky_rectify};
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::random::{RandomAddress, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// x, or α·x where x is negative, with a slope α = M · 2^-s from 0 to 1.
///
/// * Forward: integers by [`leaky_rectify`], in the format of the input and with the rounding of the pass; floats as x·α in
///   float32, which is exact up to one rounding.
/// * Backward: the gradient where the input is positive, α times the gradient elsewhere, in float32.
/// * The vector unit multiplies once an element and pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeakyRelu {
    slope: Slope,
}

/// Per element: a product forward, one backward.
const OPERATIONS: VectorOperations = VectorOperations::new(1, 1);

impl VectorKind {
    /// x, or a fraction of x where it is negative.
    pub const LEAKY_RELU: Self = Self::of("leaky-relu", OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<LeakyRelu>();

impl Layer for LeakyRelu {
    fn kind(&self) -> &'static str {
        "leaky relu"
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::LEAKY_RELU, inputs[0]))]
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Step(Arc::new(*self)))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::LeakyRelu(self.slope))
    }
}

impl Compute for LeakyRelu {
    const TAG: &str = "leaky_relu";

    /// The input.
    type Saved = Activation;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let input = call.take_only();
        let y = match input.clone() {
            Activation::Float(values, shape) => {
                let slope = self.slope.value();
                let mut values = owned(values);
                values.iter_mut().for_each(|x| *x = if *x < 0.0 { *x * slope } else { *x });
                Activation::float(values, shape)
            }
            Activation::Fixed(tensor) => {
                let address = call.address(Role::Output);
                let (simd, rounding) = (call.context.array.simd, call.rounding());
                let (y, counts) =
                    leaky_rectify(owned(tensor), self.slope, simd, rounding, address)?;
                call.tally.output += counts;
                Activation::fixed(y)
            }
        };
        call.tally.vector_operations += OPERATIONS.forward_on(y.len());
        Ok((y, input))
    }

    fn backward(
        &self,
        input: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let slope = self.slope.value();
        let mut gradient = call.gradient;
        let input = input.to_f32(call.context.array.simd);
        gradient.iter_mut().zip(&*input).for_each(|(gradient, &x)| {
            *gradient = if x > 0.0 { *gradient } else { *gradient * slope };
        });
        call.tally.vector_operations += OPERATIONS.backward_on(gradient.len());
        Ok(BackwardResult::of_input(gradient))
    }
}

impl IntegerStep for LeakyRelu {
    fn run(
        &self,
        mut inputs: Vec<Arc<FixedTensor>>,
        settings: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let IntegerSettings { simd, rounding, .. } = *settings;
        let x = owned(inputs.swap_remove(0));
        // Only stochastic rounding reads the address.
        let address = RandomAddress::new(0, 0, 0, Role::Output);
        Ok(leaky_rectify(x, self.slope, simd, rounding, address)?)
    }
}

impl Builder {
    /// x, or `slope`·x where x is negative.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn leaky_relu(&mut self, input: NodeId, slope: Slope) -> Result<NodeId, NetworkError> {
        self.add_numbered("leaky_relu", LeakyRelu { slope }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example = super::Example {
    input: [6, 5, 4],
    add: |net, x| net.leaky_relu(x, Slope::new(5, 4).expect("a slope below 1")),
};
