//! Axis scales: value to position, and tick values.

use hwmodel::cast::toward_zero;

/// Values further apart than this factor are drawn on a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 50.0;
/// Desired number of ticks.
const TICKS: f64 = 6.0;

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleKind {
    /// In proportion.
    Linear,
    /// By their logarithm; positive values only.
    Logarithmic,
    /// By log10(1 + value): for counts, which may be 0.
    LogarithmicFromZero,
}

impl ScaleKind {
    fn transform(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => libm::log10(value),
            Self::LogarithmicFromZero => libm::log1p(value.max(0.0)) / std::f64::consts::LN_10,
        }
    }
}

/// Maps values to positions on an axis of length 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Transformed.
    low: f64,
    high: f64,
    kind: ScaleKind,
}

impl Scale {
    /// An axis with all finite `values` and a margin; logarithmic if they are positive and more than a factor of 50 apart.
    pub fn of(values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().reduce(f64::min), finite().reduce(f64::max));
        let (low, high) = (low.unwrap_or(0.0), high.unwrap_or(1.0));
        let logarithmic = low > 0.0 && high / low > LOGARITHMIC_FROM;
        let kind = if logarithmic { ScaleKind::Logarithmic } else { ScaleKind::Linear };
        let (low, high) = (kind.transform(low), kind.transform(high));
        // Halves first, so that a range of nearly all floats does not overflow.
        let span = high / 2.0 - low / 2.0;
        let margin = if span > 0.0 { span * 0.1 } else { (low.abs() * 0.1).max(1e-9) };
        Self { low: low - margin, high: high + margin, kind }
    }

    /// An axis from `low` to `high` without a margin; a little longer if they are one value.
    pub fn between(low: f64, high: f64, kind: ScaleKind) -> Self {
        let (low, high) = (kind.transform(low), kind.transform(high));
        let (low, high) =
            if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        let high = if high > low { high } else { low + low.abs().max(1.0) * 0.1 };
        Self { low, high, kind }
    }

    /// The place of `value`: 0 at the beginning of the axis, 1 at its end.
    pub fn place(&self, value: f64) -> f64 {
        let value = self.kind.transform(value);
        let half = |value: f64| value / 2.0 - self.low / 2.0;
        half(value) / half(self.high)
    }

    /// Linear or logarithmic.
    pub fn kind(&self) -> ScaleKind {
        self.kind
    }

    /// Transformed values at the beginning and the end of the axis.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Round values on the axis.
    pub fn ticks(&self) -> Vec<f64> {
        self.about(TICKS)
    }

    /// Round values on the axis, about `wanted` of them.
    pub fn about(&self, wanted: f64) -> Vec<f64> {
        let rough = (self.high / wanted - self.low / wanted).max(f64::MIN_POSITIVE);
        let power = libm::exp10(libm::log10(rough).floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let mut step = step.into_iter().find(|&step| step >= rough).unwrap_or(10.0 * power);
        if self.kind != ScaleKind::Linear {
            step = step.max(1.0).round();
        }
        let first = (self.low / step).ceil();
        let count = toward_zero::<usize>(((self.high / step).floor() - first).clamp(0.0, 20.0));
        let at = |tick: usize| (first + tick as f64) * step;
        let ticks = (0..=count).map(at).filter(|tick| tick.is_finite());
        match self.kind {
            ScaleKind::Linear => ticks.collect(),
            ScaleKind::Logarithmic => ticks.map(libm::exp10).collect(),
            // Powers of ten themselves, which are a little right of whole places, and 0.
            ScaleKind::LogarithmicFromZero => {
                let powers = ticks.map(libm::exp10);
                let powers = powers.filter(|&tick| self.place(tick) <= 1.0);
                std::iter::once(0.0).chain(powers).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_inside() {
        let scale = Scale::between(0.0, 32.0, ScaleKind::Linear);
        assert_eq!(scale.ticks(), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!((scale.place(0.0), scale.place(8.0), scale.place(32.0)), (0.0, 0.25, 1.0));
        assert_eq!(Scale::between(0.9, 1.0, ScaleKind::Linear).ticks().len(), 6);
        assert_eq!(Scale::between(5.0, 5.0, ScaleKind::Linear).place(5.0), 0.0);
    }

    #[test]
    fn counts_have_a_zero_and_powers_of_ten() {
        let scale = Scale::between(0.0, 2e4, ScaleKind::LogarithmicFromZero);
        assert_eq!(scale.ticks(), [0.0, 1.0, 10.0, 100.0, 1000.0, 10000.0]);
        assert_eq!(scale.place(0.0), 0.0);
        assert!((scale.place(2e4) - 1.0).abs() < 1e-12);
        assert!(scale.place(9.0) > 0.2 && scale.place(9.0) < 0.25);
    }

    #[test]
    fn learning_rates_have_powers_of_ten() {
        let scale = Scale::between(1e-4, 1e-1, ScaleKind::Logarithmic);
        let ticks = scale.ticks();
        assert_eq!(ticks.len(), 4);
        assert!((ticks[1] - 1e-3).abs() < 1e-15);
        assert!((scale.place(1e-2) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn odd_ranges_still_have_places() {
        for (low, high) in [(f64::NAN, 1.0), (0.0, f64::INFINITY), (1.0, -1.0), (-1e308, 1e308)] {
            let scale = Scale::between(low, high, ScaleKind::Linear);
            assert!(scale.place(0.5).is_finite(), "{low} {high}");
            assert!(scale.ticks().iter().all(|tick| tick.is_finite()), "{low} {high}");
        }
        assert!(Scale::between(0.0, 1.0, ScaleKind::Logarithmic).place(0.5).is_finite());
    }
}
