//! Studies of a network's needs over real images.

mod accumulators;

pub use accumulators::{AccumulatorStudy, LayerAccumulator, StudyError};
