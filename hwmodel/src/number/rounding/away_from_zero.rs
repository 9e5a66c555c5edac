use super::{Mode, Parts};

/// The integer beyond v, seen from zero, unless v is one.
#[derive(Debug)]
pub struct AwayFromZero;

impl Mode for AwayFromZero {
    const NAME: &'static str = "away-from-zero";
    const ALIASES: &'static [&'static str] = &["UP"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        !value.negative() & !value.whole()
    }
}
