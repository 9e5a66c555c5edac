//! Inference of a network from a file: arrays are fitted to its inputs, fed piece by piece, and what it gives is scored.
//!
//! [`fit`] turns an array into what an input takes, without changing a number unless both are floats. A [`Plan`] says in which
//! pieces the inputs are fed; [`run`] runs them and joins the outputs. [`Scores`] compares them with what is right.

mod counted;
mod counts;
mod error;
mod fit;
mod plan;
mod quantised;
mod run;
mod scores;

pub use counted::counted;
pub use counts::{Counts, NodeCounts};
pub use error::InferenceError;
pub use fit::{Layout, cast, fit};
pub use plan::{MOST_INPUTS, Plan};
pub use quantised::is_quantised;
pub use run::{Collected, Outputs, Piece, run};
pub use scores::{Scores, Task};
