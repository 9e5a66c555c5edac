use super::{Mode, Parts};

/// ⌈v⌉, toward +∞.
#[derive(Debug)]
pub struct Ceiling;

impl Mode for Ceiling {
    const NAME: &'static str = "ceiling";
    const ALIASES: &'static [&'static str] = &["CEIL"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        !value.whole()
    }
}
