use super::{Mode, Parts};

/// The nearest integer, of two the one away from zero.
#[derive(Debug)]
pub struct NearestAway;

impl Mode for NearestAway {
    const NAME: &'static str = "nearest-away";
    const ALIASES: &'static [&'static str] = &["AP_RND_INF", "AC_RND_INF", "HALF_UP"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.above_half() | (value.at_half() & !value.negative())
    }
}
