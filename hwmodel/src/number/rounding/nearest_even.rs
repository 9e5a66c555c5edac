use super::{Mode, Parts};

/// The nearest integer, of two the even one.
#[derive(Debug)]
pub struct NearestEven;

impl Mode for NearestEven {
    const NAME: &'static str = "nearest-even";
    const ALIASES: &'static [&'static str] = &["AP_RND_CONV", "AC_RND_CONV", "ROUND", "HALF_EVEN"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.above_half() | (value.at_half() & value.odd())
    }

    /// The addition rounds where doubles are integers. It is done in vectors, unlike `f64::round_ties_even`.
    // f64::clamp keeps a NaN; max and min do not.
    #[allow(clippy::manual_clamp)]
    #[inline(always)]
    fn float(value: f64) -> Option<f64> {
        const LARGEST: f64 = (1u64 << 40) as f64;
        const INTEGERS: f64 = 3.0 * (1u64 << 51) as f64;
        Some((value.max(-LARGEST).min(LARGEST) + INTEGERS) - INTEGERS)
    }
}
