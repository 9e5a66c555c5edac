//! Matrix products in blocks that fit the caches, shared by the integer array and the float unit.
//!
//! The rows of the left operand are [`Patches`] of an image, the right operand is packed into [`Panels`] of columns. [`run`]
//! shares blocks of rows among the threads; the sums of a block go to a [`Sink`], which stores them or uses them at once.
//! An output is computed by one thread, with blocks of k in ascending order, so results do not depend on the number of
//! threads.
//!
//! Nothing here knows number formats, accumulators or bounds: what the sums mean is up to the kernel.

mod memory;
mod panels;
mod patches;
mod product;
mod right_matrix;
mod sink;
mod tiles;
mod windows;

pub(crate) use memory::{PACKED_BYTES, ROW_STEP, aligned, block_rows, line_start, row_stride};
pub(crate) use panels::Panels;
pub(crate) use patches::Patches;
pub(crate) use product::{BlockProduct, run};
pub(crate) use right_matrix::RightMatrix;
pub(crate) use sink::{Consume, Sink, Store, SumRows};
pub(crate) use tiles::TileProduct;
pub(crate) use windows::{Windows, by_terms};
