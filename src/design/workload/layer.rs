//! A workload: the list of layers, each with its sizes.

use super::error::WorkloadError;
use crate::network::{VectorKind, VectorWork, Work};
use hwmodel::Format;
use hwmodel::product::{ByOperand, Convolution, LayerProducts, MatrixProduct, SizeError};

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Name; that of the layer in a trace, if the network is trained with hwsim.
    pub name: String,
    /// What it computes.
    pub operation: Work,
    /// Trainable elements (weights, biases, scales) that belong to this layer; tied weights belong
    /// to their first user.
    pub parameters: u64,
    /// Whether a parameter lies before it, so that training needs the gradient of its input.
    pub needs_input_gradient: bool,
    /// The group of layers, by number, whose operations the vector unit does one after the other without filling up its lanes
    /// in between: a layer on the array and those after it up to the next, as a trace counts them. `None` is a group of
    /// one.
    pub unit: Option<usize>,
    /// Formats of the operands of its product that the network's own file states.
    pub stated: ByOperand<Option<Format>>,
}

impl Layer {
    /// A convolution with a bias if `bias`.
    pub fn convolution(name: impl Into<String>, convolution: Convolution, bias: bool) -> Self {
        let bias = if bias { convolution.filters } else { 0 };
        Self::with_weights(name, Work::Convolution(convolution), bias)
    }

    /// A matrix product with a bias of its columns if `bias`.
    pub fn matrix_product(name: impl Into<String>, matrix: MatrixProduct, bias: bool) -> Self {
        let bias = if bias { matrix.n } else { 0 };
        Self::with_weights(name, Work::MatrixProduct(matrix), bias)
    }

    /// Work of `kind` on `elements` elements with `parameters` trainable elements.
    pub fn vector(
        name: impl Into<String>,
        kind: VectorKind,
        elements: u64,
        parameters: u64,
    ) -> Self {
        Self {
            name: name.into(),
            operation: Work::Vector(VectorWork { kind, elements }),
            parameters,
            needs_input_gradient: true,
            unit: None,
            stated: ByOperand::default(),
        }
    }

    /// The layer that reads the network's input only.
    #[must_use]
    pub fn first(self) -> Self {
        Self { needs_input_gradient: false, ..self }
    }

    fn with_weights(name: impl Into<String>, operation: Work, bias: u64) -> Self {
        // Sizes whose weights have no number are refused by `Workload::push`.
        let parameters = operation.weights().unwrap_or(0).saturating_add(bias);
        Self {
            name: name.into(),
            operation,
            parameters,
            needs_input_gradient: true,
            unit: None,
            stated: ByOperand::default(),
        }
    }
}

/// The layers of a network in the order of execution, for one sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    name: String,
    layers: Vec<Layer>,
    macs: u64,
    parameters: u64,
}

impl Workload {
    /// A workload `name` of `layers`.
    ///
    /// # Errors
    /// If a layer's sizes are impossible, there is no convolution or matrix product, or a sum is
    /// beyond 64 bits.
    pub fn new(name: impl Into<String>, layers: Vec<Layer>) -> Result<Self, WorkloadError> {
        let name = name.into();
        let (mut macs, mut parameters, mut products) = (0u64, 0u64, false);
        for layer in &layers {
            let problem = |error: SizeError| WorkloadError::Layer {
                layer: layer.name.clone(),
                problem: error.into(),
            };
            layer.operation.weights().map_err(problem)?;
            let sum = |sum: u64, more| sum.checked_add(more);
            let large = || WorkloadError::TooLarge(name.clone());
            if let Some(LayerProducts { forward, .. }) =
                layer.operation.products(1).map_err(problem)?
            {
                products = true;
                let more = forward.macs().ok_or_else(|| problem(SizeError::TooLarge))?;
                macs = sum(macs, more).ok_or_else(large)?;
            }
            parameters = sum(parameters, layer.parameters).ok_or_else(large)?;
        }
        if !products {
            return Err(WorkloadError::NoProduct(name));
        }
        Ok(Self { name, layers, macs, parameters })
    }

    /// Gives every layer the formats that `stated` has for its name.
    pub(super) fn state(&mut self, stated: impl Fn(&str) -> Option<ByOperand<Option<Format>>>) {
        for layer in &mut self.layers {
            layer.stated = stated(&layer.name).unwrap_or_default();
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its layers in the order of execution.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// MACs of the forward pass of one sample.
    pub fn macs(&self) -> u64 {
        self.macs
    }

    /// Trainable elements.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_and_parameters_are_sums() {
        let layers = vec![
            Layer::convolution("conv", Convolution::square([8, 8, 3], 4, 3, 1, 1), true).first(),
            Layer::vector("norm", VectorKind::BATCH_NORM, 256, 8),
            Layer::matrix_product("fc", MatrixProduct::linear(1, 10, 256), false),
        ];
        let workload = Workload::new("small", layers).unwrap();
        assert_eq!(workload.macs(), 64 * 4 * 27 + 2560);
        assert_eq!(workload.parameters(), 108 + 4 + 8 + 2560);
    }

    #[test]
    fn impossible_workloads_are_refused_by_name() {
        let wrong = Layer::convolution("c", Convolution::square([2, 2, 1], 1, 3, 1, 0), false);
        insta::assert_snapshot!(Workload::new("w", vec![wrong]).unwrap_err(), @"layer `c` is impossible: the kernel [3, 3] (dilated: [3, 3]) is larger than the padded input [2, 2]");
        let vector = Layer::vector("relu", VectorKind::RELU, 4, 0);
        insta::assert_snapshot!(Workload::new("w", vec![vector]).unwrap_err(), @"workload `w` has no convolution or matrix product");
        let half = MatrixProduct { batch: 1 << 16, ..MatrixProduct::linear(1 << 30, 1, 1 << 17) };
        let halves = (0..2).map(|_| Layer::matrix_product("p", half, false)).collect();
        insta::assert_snapshot!(Workload::new("w", halves).unwrap_err(), @"workload `w` has more than 2^64 - 1 MACs, operations or parameters: use a smaller batch");
    }
}
