use super::{Mode, Parts};

/// ⌊v⌋, toward -∞.
#[derive(Debug)]
pub struct Floor;

impl Mode for Floor {
    const NAME: &'static str = "floor";

    #[inline(always)]
    fn up(_: impl Parts) -> bool {
        false
    }
}
