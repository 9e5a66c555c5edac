//! Number formats, rounding, overflow, and conversions between formats.
//!
//! ⟨WL, FL⟩ words ([`word`], [`format`](mod@format), [`tensor`], [`pack`]) and their texts ([`format_text`]); rounding and overflow, one definition a mode
//! ([`rounding`], [`overflow`]); float → fixed ([`quantise`]), accumulator → fixed and fixed → fixed
//! ([`requantise`]); floats of few bits ([`minifloat`]), shared exponents ([`block_float`]) and QPyTorch's
//! quantisers ([`qpytorch`]).

pub mod accumulator;
pub mod bit_width;
pub mod block_float;
pub mod exact_type;
pub mod format;
pub mod format_text;
pub mod minifloat;
pub mod overflow;
pub mod pack;
pub mod qpytorch;
pub mod quantise;
pub mod requantise;
pub mod rounding;
pub mod tensor;
pub mod word;
