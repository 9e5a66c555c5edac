//! Products of byte matrices by a tile unit (AMX-INT8).
//!
//! Packing, loops and sums are written once over [`unit::TileUnit`]: the processor's unit and a model of it in
//! plain Rust take the same path, so that machines without the unit test all of it but the instructions
//! themselves. Those are compared with the model before they are used, see `probe`.

#[cfg(target_arch = "x86_64")]
mod hardware;
mod model;
#[cfg(target_arch = "x86_64")]
mod probe;
mod products;
mod unit;

#[cfg(target_arch = "x86_64")]
pub(super) use hardware::{Hardware, release};
pub(super) use model::Model;
#[cfg(target_arch = "x86_64")]
pub(super) use probe::available;
pub(super) use products::{TERMS, column, square};
