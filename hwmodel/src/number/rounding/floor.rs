use super::{Mode, Parts};

/// ⌊v⌋, toward -∞.
#[derive(Debug)]
pub struct Floor;

impl Mode for Floor {
    const NAME: &'static str = "floor";
    const ALIASES: &'static [&'static str] = &["AP_TRN", "AC_TRN", "FLOOR"];

    #[inline(always)]
    fn up(_: impl Parts) -> bool {
        false
    }
}
