//! Fixed-point arithmetic and cost of a MAC array, as hardware would do it.
//!
//! `hwmodel` is pure: no files, clock, environment, printing or global state. It knows number
//! formats, rounding, integer matrix products and convolutions with accumulators of stated width,
//! and what those cost in cycles, traffic and energy. It knows nothing of networks or training.
//!
//! Start at [`Format`] (a ⟨WL, FL⟩ pair), [`quantise`](number::quantise::quantise) (float → fixed),
//! [`FixedTensor`] (raw integers with their format), [`array`](mod@array) (the MAC array) and
//! [`Requantiser`](number::requantise::Requantiser) (accumulator → fixed); at [`affine`] for words with scales and zero points.
#![deny(unsafe_code)]
// Tests compare floats and narrow small numbers as they like.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::float_cmp)
)]

pub mod affine;
pub mod array;
mod blocking;
pub mod cast;
pub mod convolution;
pub mod counters;
pub mod elementwise;
pub mod energy;
pub mod float32;
pub mod kernels;
pub mod mac_style;
pub mod machine;
pub mod number;
mod parallel;
pub mod product;
pub mod random;
pub mod scale_sim;
mod text_enum;
pub mod timing;

pub use kernels::{SimdError, SimdLevel};
pub use number::accumulator::{Accumulator, AccumulatorWidth};
pub use number::bit_width::{BitWidth, BitWidthError};
pub use number::format::{Container, Format, FormatError};
pub use number::overflow::{Overflow, OverflowError};
pub use number::rounding::Rounding;
pub use number::tensor::{FixedTensor, RawData, TensorError};
pub use number::word::Word;

/// The examples of the README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
