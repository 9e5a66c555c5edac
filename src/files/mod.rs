//! The file formats of hwsim: traces, checkpoints and saved models, each with a version, a writer and a reader; formats of layers
//! as TOML that people edit.

pub mod checkpoint;
pub mod layer_formats;
pub mod model;
pub mod temporary;
pub mod trace;
