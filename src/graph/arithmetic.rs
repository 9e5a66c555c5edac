//! Which numbers stand for the reals of a graph.

use hwmodel::array::MacArray;
use hwmodel::{Rounding, SimdLevel};

/// How a graph is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arithmetic {
    /// The MAC array that sums products of integers.
    pub array: MacArray,
    /// Whether reals are float64 with products of floats in float64: exact arithmetic for graphs whose quantisers decide the
    /// results. Otherwise reals are float32, as in the float unit, and rounded to the element type of float16 and bfloat16 values.
    pub wide_reals: bool,
    /// How sums become integers of another scale.
    pub requantise: Requantise,
}

/// How integers get another scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Requantise {
    /// By the quotient of the scales in float64, whose error decides no result but ties.
    #[default]
    Exact,
    /// By the quotient of the scales as a float32, as ONNX Runtime does.
    Float32,
    /// By the exact quotient, rounded by another mode than the graph's.
    Rounded(Rounding),
    /// Rounded twice: by a multiplier of half to one, then by a shift to the right, ties away from zero, as integer circuits and
    /// TFLite do.
    Twice,
}

impl Arithmetic {
    /// Of a float unit.
    pub fn float32(array: MacArray) -> Self {
        Self { array, wide_reals: false, requantise: Requantise::Exact }
    }

    /// The SIMD level of all kernels.
    pub fn simd(&self) -> SimdLevel {
        self.array.simd
    }
}
