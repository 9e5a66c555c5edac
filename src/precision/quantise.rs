//! The deterministic quantiser used by PushDown.

use hwmodel::Format;
use hwmodel::cast::nearest_f32;

/// float32 → ⟨WL, FL⟩ → float32: nearest, ties to even, exact, saturated.
///
/// raw = clamp(round(x · 2^FL)) with the scale in float64; the result is raw · 2^-FL in float32
/// (inexact only at the upper limit of formats wider than 24 bits). A zero result is +0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NearestEven {
    scale: f64,
    step: f64,
    min_raw: f64,
    max_raw: f64,
}

impl NearestEven {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            scale: format.scale(),
            step: format.step(),
            min_raw: format.min_raw() as f64,
            max_raw: format.max_raw() as f64,
        }
    }

    /// The quantised value. Never decreases when `x` grows; NaN stays NaN.
    #[inline]
    pub(crate) fn value(&self, x: f32) -> f32 {
        let scaled = f64::from(x) * self.scale;
        // The limits are integers, so clamping first gives the same integer. + 0 drops the sign of -0.
        let raw = scaled.clamp(self.min_raw, self.max_raw).round_ties_even() + 0.0;
        nearest_f32(raw * self.step)
    }

    /// Quantises every element in place.
    pub(crate) fn apply(&self, values: &mut [f32]) {
        for value in values {
            *value = self.value(*value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even_and_the_range_saturates() {
        let quantiser = NearestEven::new(Format::new(4, 1).unwrap());
        let rows = [
            (0.25, 0.0),
            (0.75, 1.0),
            (-0.25, 0.0),
            (-0.75, -1.0),
            (0.26, 0.5),
            (3.5, 3.5),
            (3.74, 3.5),
            (100.0, 3.5),
            (-100.0, -4.0),
            (f32::INFINITY, 3.5),
            (f32::NEG_INFINITY, -4.0),
        ];
        for (x, expected) in rows {
            assert_eq!(quantiser.value(x), expected, "{x}");
        }
        assert_eq!(quantiser.value(-0.25).to_bits(), 0, "no negative zero");
        assert!(quantiser.value(f32::NAN).is_nan());
    }

    #[test]
    fn the_scale_is_exact_where_float32_would_round() {
        let wide = NearestEven::new(Format::new(32, 31).unwrap());
        assert_eq!(wide.value(0.1), 0.1, "0.1f32 has 24 bits and fits");
        assert_eq!(wide.value(1.0), 1.0, "2^31 - 1 is 1.0 in float32");
    }
}
