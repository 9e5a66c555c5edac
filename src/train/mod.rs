//! (under construction)

pub mod asgd;
pub mod plateau;
