//! The file formats of hwsim: traces, checkpoints and saved models, each with a version, a writer and a reader.

pub mod checkpoint;
pub mod model;
pub mod temporary;
pub mod trace;
