//! The emulation gap: how far a float32 emulation of fixed point is from the integers of hardware.
//!
//! Emulators such as QPyTorch keep fixed-point numbers as float32 values, multiply and add them in
//! float32, and round the result to the format. Hardware adds exact integer products in an
//! accumulator of stated width. Both are computed here from the same operands, on the layers of a
//! saved network ([`NetworkGap`]) or a random matrix product ([`RandomProduct`]), and compared output
//! by output ([`ProductGap`]). The integers are those of [`hwmodel::array::MacArray`], the float32
//! product is [`hwmodel::float32::forward`].

mod bits;
mod compare;
mod error;
mod layers;
mod network;
mod operands;
mod product;
mod random;
mod row;

pub use bits::AccumulatorBits;
pub use compare::Difference;
pub use error::GapError;
pub use layers::FloatLayers;
pub use network::{LayerGap, NetworkGap};
pub(super) use operands::FixedOperands;
pub use operands::Operands;
pub use product::{AccumulatorGap, FormatGap, GapOptions, ProductGap, Share};
pub use random::{Distribution, RandomProduct};
pub use row::{GapRow, SCHEMA, rows};
