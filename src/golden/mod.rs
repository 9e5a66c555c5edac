//! (under construction)

pub mod torch;
