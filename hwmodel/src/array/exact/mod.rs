//! Exact sums: bounds proved before a product is computed, and the kernels that may then add in any order.
//!
//! Words of 8 and 16 bits go to a tile kernel whole, wider ones in digits or bytes whose products are combined
//! ([`digits`]). Nothing here knows what an accumulator does when it overflows.

mod depthwise;
mod digit_products;
mod digits;
mod limb_products;
pub(super) mod norms;
mod partial_products;
mod planes;
pub(super) mod proof;
mod sums;

pub(super) use partial_products::{CheckpointLimits, WideSum};
pub(super) use proof::{Proof, SumContainer};
pub(super) use sums::stored;
