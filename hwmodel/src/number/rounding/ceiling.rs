use super::{Mode, Parts};

/// ⌈v⌉, toward +∞.
#[derive(Debug)]
pub struct Ceiling;

impl Mode for Ceiling {
    const NAME: &'static str = "ceiling";

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        !value.whole()
    }
}
