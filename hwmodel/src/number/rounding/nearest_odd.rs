use super::{Mode, Parts};

/// The nearest integer, of two the odd one.
#[derive(Debug)]
pub struct NearestOdd;

impl Mode for NearestOdd {
    const NAME: &'static str = "nearest-odd";
    const ALIASES: &'static [&'static str] = &["AC_RND_CONV_ODD"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.above_half() | (value.at_half() & !value.odd())
    }
}
