//! What a format does to the values of a tensor.

use hwmodel::Format;

/// Sums over values that are quantised to a format: to nearest, ties to even, saturated.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The format.
    pub format: Format,
    /// Number of values.
    pub elements: u64,
    /// Those that are outside the format after rounding.
    pub saturated: u64,
    signal: f64,
    noise: f64,
}

impl Measured {
    /// No values yet.
    pub fn new(format: Format) -> Self {
        Self { format, elements: 0, saturated: 0, signal: 0.0, noise: 0.0 }
    }

    /// Adds finite values, in the order of which the sums depend on.
    pub fn add(&mut self, values: &[f32]) {
        let (scale, step) = (self.format.scale(), self.format.step());
        let (low, high) = (self.format.min_raw() as f64, self.format.max_raw() as f64);
        self.elements += values.len() as u64;
        for &value in values {
            let value = f64::from(value);
            let raw = (value * scale).round_ties_even();
            let held = raw.clamp(low, high);
            self.saturated += u64::from(raw < low || raw > high);
            let error = held * step - value;
            self.signal += value * value;
            self.noise += error * error;
        }
    }

    /// Signal to quantisation noise ratio in dB; `None` if nothing is changed.
    pub fn sqnr_db(&self) -> Option<f64> {
        (self.noise > 0.0).then(|| 10.0 * libm::log10(self.signal / self.noise))
    }

    /// The share of values that saturate.
    pub fn saturated_share(&self) -> f64 {
        if self.elements == 0 { 0.0 } else { self.saturated as f64 / self.elements as f64 }
    }

    /// Root of the mean square error.
    pub fn error(&self) -> f64 {
        if self.elements == 0 { 0.0 } else { (self.noise / self.elements as f64).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_hand() {
        let mut measured = Measured::new(Format::new(4, 1).unwrap());
        measured.add(&[0.5, 3.5, -4.0]);
        assert_eq!((measured.sqnr_db(), measured.error()), (None, 0.0));
        // 3.75 is a tie that goes up to 4, outside; 0.25 goes to 0; -5 saturates.
        measured.add(&[3.75, 0.25, -5.0]);
        assert_eq!((measured.elements, measured.saturated), (6, 2));
        let noise: f64 = 0.0625 + 0.0625 + 1.0;
        assert_eq!(measured.error(), (noise / 6.0).sqrt());
        let signal: f64 = 0.25 + 12.25 + 16.0 + 14.0625 + 0.0625 + 25.0;
        assert!((measured.sqnr_db().unwrap() - 10.0 * (signal / noise).log10()).abs() < 1e-12);
        assert_eq!(measured.saturated_share(), 2.0 / 6.0);
    }
}
