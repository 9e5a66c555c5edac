use super::{Mode, Parts};

/// v without its fraction.
#[derive(Debug)]
pub struct TowardZero;

impl Mode for TowardZero {
    const NAME: &'static str = "toward-zero";
    const ALIASES: &'static [&'static str] = &["AP_TRN_ZERO", "AC_TRN_ZERO", "DOWN"];

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.negative() & !value.whole()
    }

    #[inline(always)]
    fn float(value: f64) -> Option<f64> {
        Some(value.trunc())
    }
}
