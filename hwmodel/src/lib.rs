//! Fixed-point arithmetic and cost of a MAC array, as hardware would do it.
//!
//! `hwmodel` is pure: no files, clock, environment, printing or global state. It knows number
//! formats, rounding, integer matrix products and convolutions with accumulators of stated width,
//! and what those cost in cycles, traffic and energy. It knows nothing of networks or training.
//!
//! Start at [`Format`] (a ⟨WL, FL⟩ pair), [`quantise`](quantise::quantise) (float → fixed),
//! [`FixedTensor`] (raw integers with their format), [`gemm`] (the MAC array) and
//! [`Requantiser`](requantise::Requantiser) (accumulator → fixed).
#![deny(unsafe_code)]

pub mod accumulator;
pub mod bit_width;
pub mod block_float;
pub mod counters;
pub mod energy;
pub mod float32;
pub mod format;
pub mod gemm;
pub mod kernels;
pub mod mac_style;
pub mod machine;
pub mod minifloat;
pub mod overflow;
pub mod pack;
mod parallel;
pub mod qpytorch;
pub mod quantise;
pub mod random;
pub mod requantise;
pub mod rounding;
pub mod scale_sim;
pub mod tensor;
pub mod timing;
pub mod values;
pub mod width;

pub use accumulator::{Accumulator, AccumulatorWidth};
pub use bit_width::{BitWidth, BitWidthError};
pub use format::{Container, Format, FormatError};
pub use kernels::{SimdError, SimdLevel};
pub use overflow::Overflow;
pub use rounding::Rounding;
pub use tensor::{FixedTensor, RawData, TensorError};

/// The examples of the README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
