use super::{Mode, Parts};

/// ⌊v + r⌋ with r uniform in [0, 1): up with probability frac(v).
#[derive(Debug)]
pub struct Stochastic;

impl Mode for Stochastic {
    const NAME: &'static str = "stochastic";

    #[inline(always)]
    fn up(value: impl Parts) -> bool {
        value.carries()
    }
}
