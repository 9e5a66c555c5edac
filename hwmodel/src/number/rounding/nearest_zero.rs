use super::{Mode, Parts};

/// The nearest integer, of two the one toward zero.
#[derive(Debug)]
pub struct NearestZero;

impl Mode for NearestZero {
    const NAME: &'static str = "nearest-zero";
    const ALIASES: &'static [&'static str] = &["AP_RND_ZERO", "AC_RND_ZERO", "HALF_DOWN"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.above_half() | (value.at_half() & value.negative())
    }
}
