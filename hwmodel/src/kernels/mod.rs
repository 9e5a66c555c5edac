//! The only module with `unsafe`: SIMD kernels behind safe functions.
//!
//! Every kernel has a portable implementation with bit-identical results. The element-wise loops are one body compiled
//! once per level; integer and IEEE float operations give the same result in any vector width. The
//! tile kernels are written over a small vector trait whose implementations are the levels, and those for
//! a tile unit over a trait of that.
#![allow(unsafe_code)]

mod amx;
mod element;
mod level;
mod levels;
mod step;
mod tile;
#[cfg(target_arch = "x86_64")]
mod vector_avx2;
#[cfg(target_arch = "x86_64")]
mod vector_avx512;
mod vector_portable;

pub(crate) use element::{
    Bounds, Limits, NormSums, RawInteger, StoredInteger, dequantise, norm_sums, quantise,
    requantise_narrow, stochastic_words,
};
pub use level::{SimdError, SimdLevel};
pub(crate) use levels::{Carry, Fit, LevelEvents, Levels, Tiles, step_levels};
pub(crate) use step::{STEP_LANES, StepRange, StepSum, step_lanes};
pub(crate) use tile::{
    TileKernel, TileSession, WrappingSum, byte_kernel, float32_kernel, has_tiles, int8_kernel,
    int16_kernel, limb_kernels,
};

/// Defines a function compiled once per SIMD level and dispatched by a [`SimdLevel`].
macro_rules! multiversion {
    ($(#[$doc:meta])* pub(crate) fn $name:ident $(<$($generic:ident : $bound:path),*>)? (
        $($argument:ident : $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub(crate) fn $name $(<$($generic: $bound),*>)? (
            simd: $crate::kernels::SimdLevel, $($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body $(<$($generic: $bound),*>)? ($($argument: $type),*) $(-> $result)? $body

            simd.run(#[inline(always)] || body($($argument),*))
        }
    };
}
pub(crate) use multiversion;
