use super::{Mode, Parts};

/// ⌈v - ½⌉: the nearest integer, of two the one toward -∞.
#[derive(Debug)]
pub struct HalfDown;

impl Mode for HalfDown {
    const NAME: &'static str = "half-down";
    const ALIASES: &'static [&'static str] = &["AP_RND_MIN_INF", "AC_RND_MIN_INF"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.above_half()
    }
}
