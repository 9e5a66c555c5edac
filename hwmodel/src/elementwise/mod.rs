//! Integer circuits next to the array: residual addition, channel scaling, division, pooling, ReLU, concatenation.
//!
//! Every operation is one file with its formula, widths, rounding and overflow behaviour; all round by
//! [`number::rounding`](crate::number::rounding). Only [`fold`](fold()) computes in floats, once per channel before anything runs.
//! Pooling, limits and concatenation compare or move elements and take float32 as well.

mod add;
mod average_pool;
mod channel_requantise;
mod channel_scale;
mod concatenate;
mod division;
mod fold;
mod leaky_rectify;
mod length;
mod max_pool;
mod pooling;
mod product_range;
mod rectify;

pub use add::{AddError, AddSettings, residual_add};
pub use average_pool::average_pool;
pub use channel_requantise::{ChannelRequantiseError, ChannelRequantiser, ScaleReport};
pub use channel_scale::{ChannelScale, ChannelScaleError};
pub use concatenate::{concatenate, concatenate_raw, split};
pub use division::{Division, DivisionError};
pub use fold::{FoldError, fold};
pub use leaky_rectify::{Slope, SlopeError, leaky_rectify};
pub use length::{LengthError, check_length};
pub use max_pool::{max_pool, max_pool_backward, max_pool_raw};
pub use pooling::{PoolError, PoolShape, PoolWindow, Tap};
pub use product_range::{ProductOverflowError, ProductRange, ProductRangeError, ProductRanges};
pub use rectify::{largest_raw_at_most, rectify, rectify_raw};
