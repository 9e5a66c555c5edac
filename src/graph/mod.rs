//! Operator graphs: networks from files, run with the values, scales and rounding rules that the file states.
//!
//! A [`Program`] is made from an [`onnx::model::Model`](crate::onnx::model::Model): each node becomes an [`Operator`] whose
//! attributes, types and constants are checked before any work. What passes between nodes is a [`Value`]:
//!
//! * real numbers ([`Reals`]): float32 of a float unit, or float64 where a quantised graph is run in exact arithmetic;
//! * integers with an element type ([`Integers`]);
//! * real numbers that are integers times a scale ([`Scaled`]): what quantisers make, and what an integer circuit holds.
//!
//! Products of `Scaled` and `Integers` values run on the MAC array in integers. Operators keep a value `Scaled` as long as its
//! integers say all of it (movement, maxima, sums at equal scales); the others make `Reals` of it.

mod arithmetic;
mod axes;
mod error;
mod integers;
mod layout;
mod lowered;
mod operator;
pub mod operators;
mod program;
mod reals;
mod scaled;
#[cfg(test)]
pub(crate) mod testing;
mod value;
mod window;

pub use arithmetic::{Arithmetic, Requantise};
pub use error::{GraphError, Problem};
pub use integers::Integers;
pub use lowered::{Lowered, Tally};
pub use operator::{Alike, Between, Call, Definition, Form, Operator, Place, Placed};
pub use program::{NodeRun, Program, Values};
pub use reals::{RealData, Reals};
pub use scaled::{Scale, Scaled};
pub use value::{Kind, Value};
pub use window::AxisWindows;
