use super::{Mode, Parts};

/// ⌊v + ½⌋: the nearest integer, of two the one toward +∞.
#[derive(Debug)]
pub struct HalfUp;

impl Mode for HalfUp {
    const NAME: &'static str = "half-up";
    const ALIASES: &'static [&'static str] = &["AP_RND", "AC_RND"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.above_half() | value.at_half()
    }
}
