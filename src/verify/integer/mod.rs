//! Inference in integers only, as an accelerator without a float unit does it.
//!
//! [`compile`] translates a trained [`Network`](crate::network::Network) into a [`Program`]: batch norm
//! becomes an integer multiplier, a right shift and an integer offset per channel, applied to the
//! accumulator of the convolution before it in one requantisation. All float arithmetic happens there,
//! once. [`Program::run`] takes quantised pixels and returns raw integer logits; between them there is
//! no float operation of the modelled hardware. What a program holds is comparable with `Eq`, which
//! floats are not. (How the simulator itself obtains exact integer sums is the concern of
//! [`hwmodel::array`]: for wide words it may carry integers below 2^53 in float64 lanes.)
//!
//! The formulas, their bounds and how far results are from the float vector unit: docs/integer.md.

mod compare;
mod compile;
mod error;
mod image;
mod program;
mod run;

pub use compare::{Comparison, first_largest};
pub use compile::compile;
pub use error::{CompileError, RunError};
pub use image::quantise_images;
pub use program::{Convolution, Finish, IntegerOperation, Program, Step};
pub use run::{Inference, StepCounts};

#[cfg(test)]
mod tests;
