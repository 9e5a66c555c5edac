//! Smooth activation functions, element by element, with their derivatives.
//!
//! Computed in float64 and rounded once to float32.

use super::elementary::{logistic, tanh};
use super::operations::VectorOperations;
use hwmodel::cast::nearest_f32;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, PI};

/// Of a GELU, per element: division, erf, addition and two products; a derivative and a product for each.
pub const GELU_OPERATIONS: VectorOperations = VectorOperations::new(5, 10);
/// Of any other function.
pub const OPERATIONS: VectorOperations = VectorOperations::new(1, 2);

/// Elements of one task.
const PIECE: usize = 4096;

/// An activation function of the vector unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x / (1 + e^-x), also called swish.
    Silu,
    /// x·Φ(x) with the normal distribution Φ.
    Gelu,
    /// x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2.
    GeluTanh,
    /// x / 6 + 1/2, limited to 0 and 1.
    HardSigmoid,
    /// x times [`Function::HardSigmoid`].
    HardSwish,
    /// x, or e^x - 1 where it is negative.
    Elu,
    /// ln(1 + e^x).
    Softplus,
    /// x·tanh(ln(1 + e^x)).
    Mish,
}

/// Every function.
#[cfg(test)]
pub const FUNCTIONS: [Function; 10] = [
    Function::Sigmoid,
    Function::Tanh,
    Function::Silu,
    Function::Gelu,
    Function::GeluTanh,
    Function::HardSigmoid,
    Function::HardSwish,
    Function::Elu,
    Function::Softplus,
    Function::Mish,
];

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// tanh in [`Function::GeluTanh`] and the derivative of its argument.
fn gelu_tanh(x: f64) -> (f64, f64) {
    let scale = FRAC_2_PI.sqrt();
    let square = x * x;
    (tanh(scale * (x + 0.044_715 * square * x)), scale * (1.0 + 3.0 * 0.044_715 * square))
}

impl Function {
    /// Operations of the vector unit per element.
    pub const fn operations(self) -> VectorOperations {
        match self {
            Self::Gelu | Self::GeluTanh => GELU_OPERATIONS,
            _ => OPERATIONS,
        }
    }

    /// The function at `x`.
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid => logistic(x),
            Self::Tanh => tanh(x),
            Self::Silu => x * logistic(x),
            Self::Gelu => 0.5 * x * (1.0 + libm::erf(x * FRAC_1_SQRT_2)),
            Self::GeluTanh => 0.5 * x * (1.0 + gelu_tanh(x).0),
            Self::HardSigmoid => (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Elu => {
                if x < 0.0 {
                    libm::expm1(x)
                } else {
                    x
                }
            }
            Self::Softplus => softplus(x),
            Self::Mish => x * tanh(softplus(x)),
        }
    }

    /// Its derivative at `x`; of a function with corners, that of the side away from 0.
    pub fn derivative(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid => logistic(x) * (1.0 - logistic(x)),
            Self::Tanh => 1.0 - tanh(x) * tanh(x),
            Self::Silu => {
                let y = logistic(x);
                y * (1.0 + x * (1.0 - y))
            }
            Self::Gelu => {
                let density = libm::exp(-0.5 * x * x) / (2.0 * PI).sqrt();
                0.5 * (1.0 + libm::erf(x * FRAC_1_SQRT_2)) + x * density
            }
            Self::GeluTanh => {
                let (y, slope) = gelu_tanh(x);
                0.5 * (1.0 + y) + 0.5 * x * (1.0 - y * y) * slope
            }
            Self::HardSigmoid if x.abs() < 3.0 => 1.0 / 6.0,
            Self::HardSigmoid => 0.0,
            Self::HardSwish if x.abs() < 3.0 => x / 3.0 + 0.5,
            Self::HardSwish if x < 0.0 => 0.0,
            Self::HardSwish => 1.0,
            Self::Elu if x < 0.0 => libm::exp(x),
            Self::Elu => 1.0,
            Self::Softplus => logistic(x),
            Self::Mish => {
                let y = tanh(softplus(x));
                y + x * (1.0 - y * y) * logistic(x)
            }
        }
    }

    /// The function of every element.
    pub fn apply(self, values: &mut [f32]) {
        values.par_chunks_mut(PIECE).for_each(|values| {
            values.iter_mut().for_each(|x| *x = nearest_f32(self.value(f64::from(*x))));
        });
    }

    /// `gradient` times the derivative at the elements of the input `x`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn apply_derivative(self, x: &[f32], gradient: &mut [f32]) {
        assert_eq!(x.len(), gradient.len(), "one gradient an element");
        let pieces = gradient.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE));
        pieces.for_each(|(gradient, x)| {
            for (gradient, &x) in gradient.iter_mut().zip(x) {
                *gradient = nearest_f32(f64::from(*gradient) * self.derivative(f64::from(x)));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_the_slopes() {
        for function in FUNCTIONS {
            for x in [-7.5, -3.25, -1.0, -0.125, 0.3, 0.75, 2.9, 3.4, 12.0] {
                let step = 1e-5;
                let slope = (function.value(x + step) - function.value(x - step)) / (2.0 * step);
                let derivative = function.derivative(x);
                assert!((slope - derivative).abs() < 1e-6, "{function:?} at {x}: {derivative}");
            }
        }
    }

    #[test]
    fn values_at_known_points() {
        let known = [
            (Function::Sigmoid, 0.731_058_578_6),
            (Function::Tanh, 0.761_594_155_9),
            (Function::Silu, 0.731_058_578_6),
            (Function::Gelu, 0.841_344_746_0),
            (Function::GeluTanh, 0.841_191_990_6),
            (Function::HardSigmoid, 2.0 / 3.0),
            (Function::HardSwish, 2.0 / 3.0),
            (Function::Elu, 1.0),
            (Function::Softplus, 1.313_261_687_5),
            (Function::Mish, 0.865_098_388_3),
        ];
        for (function, y) in known {
            assert!((function.value(1.0) - y).abs() < 1e-9, "{function:?}");
        }
        assert!((Function::Elu.value(-1.0) + 0.632_120_558_8).abs() < 1e-9);
        assert!((Function::Softplus.value(1000.0) - 1000.0).abs() < 1e-9);
    }
}
