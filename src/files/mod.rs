//! Every format that hwsim writes, each with its version and its reader.

pub mod checkpoint;
pub mod model;
pub mod trace;
