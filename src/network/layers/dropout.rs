//! Dropout on the vector unit, in training only.

use crate::network::integer::IntegerForm;
use crate::network::layer::Kind;
use crate::network::vector::dropout::{OPERATIONS, dropout};
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use hwmodel::random::Role;
use serde::{Deserialize, Serialize};

/// 0 with `probability`, else x / (1 - `probability`); x in evaluation. A fixed-point result is scaled
/// in float32 and quantised to the input's format, or with a per-tensor scale where activations have one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dropout {
    probability: f32,
}

impl VectorKind {
    /// Elements set to zero at random in training, the others scaled.
    pub const DROPOUT: Self = Self::of("dropout", OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Dropout>();

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        if (0.0..1.0).contains(&self.probability) {
            Ok(inputs[0])
        } else {
            let probability = self.probability;
            Err(format!("a probability of {probability} is impossible: use at least 0, below 1"))
        }
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::DROPOUT, inputs[0]))]
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Identity)
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::Identity)
    }
}

impl Compute for Dropout {
    const TAG: &str = "dropout";

    type Saved = ();

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let x = call.take_only();
        if !call.context.training {
            return Ok((x, ()));
        }
        let shape = x.shape();
        let mut y = x.to_f32(call.context.array.simd).into_owned();
        dropout(&mut y, self.probability, call.address(Role::Dropout));
        let format = call.format_like(&x);
        Ok((call.vector_result(y, shape, format)?, ()))
    }

    fn backward(
        &self,
        _: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let address = call.address(Role::Dropout);
        let mut gradient = call.gradient;
        if call.context.training {
            dropout(&mut gradient, self.probability, address);
            call.tally.vector_operations += OPERATIONS.backward_on(gradient.len());
        }
        Ok(BackwardResult::of_input(gradient))
    }
}

impl Builder {
    /// In training, zero with `probability` and x / (1 - `probability`) otherwise; x in evaluation.
    ///
    /// # Errors
    /// If `probability` is not at least 0 and below 1.
    pub fn dropout(&mut self, input: NodeId, probability: f32) -> Result<NodeId, NetworkError> {
        self.add_numbered("dropout", Dropout { probability }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 5, 4], add: |net, x| net.dropout(x, 0.25) };
