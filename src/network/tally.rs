//! Counts of a pass, per MAC layer.

use hwmodel::array::MacReport;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::product::Gemm;

/// One product on the array, with what its values made the array count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GemmTally {
    /// The product.
    pub gemm: Gemm,
    /// Counts of the array over all groups.
    pub report: MacReport,
    /// Gradients quantised for a backward product or requantised from it.
    pub gradient: QuantiseCounts,
}

impl GemmTally {
    /// `gemm` with what the array counted; no gradient was quantised for it.
    pub(super) fn new(gemm: Gemm, report: MacReport) -> Self {
        Self { gemm, report, gradient: QuantiseCounts::default() }
    }

    /// Adds products of the same shape.
    fn add(&mut self, more: Self) {
        self.gemm.groups += more.gemm.groups;
        self.report += more.report;
        self.gradient += more.gradient;
    }
}

/// Everything that one MAC layer, and the layers after it up to the next one, did in a pass.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayerTally {
    /// The forward product.
    pub forward: Option<GemmTally>,
    /// dX = dY·W.
    pub grad_input: Option<GemmTally>,
    /// dW = dYᵀ·X.
    pub grad_weight: Option<GemmTally>,
    /// Values brought to the layer's input format.
    pub input: QuantiseCounts,
    /// Outputs of the accumulators, and vector unit results brought back to fixed point.
    pub output: QuantiseCounts,
    /// Float32 operations of the vector unit.
    pub vector_operations: u64,
}

impl LayerTally {
    /// Adds what a time step did: its products, of the same shapes as those of the other steps, become more
    /// groups.
    pub(super) fn add_step(&mut self, step: Self) {
        let products = [
            (&mut self.forward, step.forward),
            (&mut self.grad_input, step.grad_input),
            (&mut self.grad_weight, step.grad_weight),
        ];
        for (sum, product) in products {
            match (sum, product) {
                (Some(sum), Some(product)) => sum.add(product),
                (sum @ None, product) => *sum = product,
                (Some(_), None) => {}
            }
        }
        self.input += step.input;
        self.output += step.output;
        self.vector_operations += step.vector_operations;
    }
}
