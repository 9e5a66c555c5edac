//! Two roundings toward +∞ at ties.

use super::RealRule;
use super::multiplier::{Multiplier, shifted};
use crate::affine::AffineError;
use crate::cast::low;
use crate::number::rounding::modes::HalfUp;

/// ruy's kernels for x86 with AVX2 or AVX-512, which TFLite's optimised CONV_2D and FULLY_CONNECTED call.
///
/// ```text
/// high   = half_up(sum · 2^left · q / 2^31)
/// scaled = half_up(high / 2^right)
/// ```
///
/// left = max(shift, 0) and right = max(-shift, 0) of the [`Multiplier`]. Accumulators have 32 bits: of a longer sum the low 32
/// are taken.
#[derive(Debug)]
pub struct TwiceUp;

impl RealRule for TwiceUp {
    const RULE: &'static str = "twice_up";
    const ALSO: &'static [&'static str] = &["twice-up", "ruy-avx2"];
    type Factor = Multiplier;

    fn of_real(factor: f64) -> Result<Multiplier, AffineError> {
        Multiplier::new(factor)
    }

    #[inline(always)]
    fn scaled(sum: i64, factor: Multiplier) -> i64 {
        let product = i64::from(low::<i32>(sum)) * i64::from(factor.multiplier());
        // The left shift shortens the first right shift, so that the product keeps 64 bits.
        let high = shifted::<HalfUp>(product, 31 - factor.left());
        shifted::<HalfUp>(high, factor.right())
    }
}
