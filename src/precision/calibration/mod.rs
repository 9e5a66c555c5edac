//! Formats for tensors of a float network, chosen once from the values that they have on calibration data.
//!
//! [`Statistics`] takes the values of one tensor batch after batch in bounded memory; [`Choice::format`] chooses the format for
//! them.

mod choice;
mod measured;
mod sample;
mod statistics;

pub use choice::{Choice, Method};
pub use measured::Measured;
pub use sample::SAMPLE;
pub use statistics::{Keep, Statistics};
