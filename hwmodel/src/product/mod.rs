//! Description of a matrix product on the array: kind, shape, groups, operands and formats.
//!
//! A layer's sizes ([`Convolution`], [`MatrixProduct`]) give its forward product and the two gradient
//! products of training ([`LayerProducts`]). Each is a [`Gemm`]; [`Gemm::work`] turns it into the
//! [`GemmWork`] that a machine prices. Nothing here knows values, machines or networks: training,
//! `cost`, `sweep` and `replay` describe their products with these types, so that the same product has
//! the same cost in each.

mod convolution;
mod error;
mod gemm;
mod matrix_product;
mod operand;
mod shape;
mod windows;
mod work;

pub use convolution::Convolution;
pub use error::SizeError;
pub use gemm::{Gemm, LayerProducts};
pub use matrix_product::{MatrixProduct, RightOperand};
pub use operand::ByOperand;
pub use shape::{GemmKind, GemmShape};
pub use windows::WindowAxis;
pub use work::{GemmWork, GemmWorkError, MAX_ACCUMULATOR_BITS, NumberSystem};
