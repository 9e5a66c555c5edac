//! Empirical distribution of weights, and the information that a format loses.

use super::quantise::NearestEven;
use super::{PrecisionError, Variant};
use hwmodel::Format;
use hwmodel::cast::toward_zero;
use rayon::prelude::*;

/// The largest number of histogram bins.
pub const MAX_RESOLUTION: u32 = 1 << 16;

/// The weights of one tensor and their histogram (papers/adapt.md section 3).
///
/// The nearest-even quantiser and the bin of a value both never decrease as the value grows. So the
/// weights are sorted once, and the histogram after any quantisation is found by bisecting for the
/// edges of its bins: a candidate format costs resolution · log₂(weights) quantisations instead of a
/// pass over all weights.
#[derive(Debug, Clone)]
pub struct WeightDistribution {
    sorted: Vec<f32>,
    resolution: u32,
    bins: Bins,
    counts: Vec<u64>,
}

impl WeightDistribution {
    /// The distribution of `weights` in `resolution` bins between their minimum and maximum.
    ///
    /// # Errors
    /// If there are no weights, one is NaN or infinite, or `resolution` is not 1 to
    /// [`MAX_RESOLUTION`].
    pub fn new(variant: Variant, weights: &[f32], resolution: u32) -> Result<Self, PrecisionError> {
        if resolution == 0 || resolution > MAX_RESOLUTION {
            return Err(PrecisionError::Resolution { given: resolution, most: MAX_RESOLUTION });
        }
        let mut sorted = weights.to_vec();
        sorted.par_sort_unstable_by(f32::total_cmp);
        // The total order puts NaN and infinities at the ends.
        let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
            return Err(PrecisionError::Weights);
        };
        if !low.is_finite() || !high.is_finite() {
            return Err(PrecisionError::Weights);
        }
        let bins = Bins::new(variant, low, high);
        let counts = bins.histogram(&sorted, resolution, |x| x);
        Ok(Self { sorted, resolution, bins, counts })
    }

    /// Information lost by quantising to `format`: [`kl_divergence`](Self::kl_divergence) for `paper`,
    /// [`released_loss`](Self::released_loss) for `released`.
    pub fn loss(&self, format: Format) -> f64 {
        match self.bins {
            Bins::Paper { .. } => self.kl_divergence(format),
            Bins::Released { .. } => self.released_loss(format),
        }
    }

    /// KL(P‖Q) = Σ Pᵢ·ln(Pᵢ/Qᵢ) in nats, P the histogram of the weights and Q that of the quantised
    /// weights over the same range; Q is floored at 1e-12 where P > 0.
    pub fn kl_divergence(&self, format: Format) -> f64 {
        const FLOOR: f64 = 1e-12;
        let total = self.sorted.len() as f64;
        let quantised = self.quantised_counts(format, self.bins);
        let mut divergence = 0.0;
        for (&p, &q) in self.counts.iter().zip(&quantised) {
            if p > 0 {
                let (p, q) = (p as f64 / total, q as f64 / total);
                divergence += p * libm::log(p / q.max(FLOOR));
            }
        }
        divergence
    }

    /// The released code's loss, Σ exp(Qᵢ)·(Qᵢ - Pᵢ) / resolution with float32 histograms: a KL
    /// divergence with log-targets on plain probabilities. Negative values are possible. NaN when no
    /// quantised weight is inside the range of the weights.
    #[expect(clippy::float_cmp, reason = "one value in all places")]
    pub fn released_loss(&self, format: Format) -> f64 {
        let (low, high) = (self.sorted[0], self.sorted[self.sorted.len() - 1]);
        // A constant slice is compared with its quantised self over the latter's own range.
        let bins = if low == high {
            let value = NearestEven::new(format).value(low);
            Bins::new(Variant::Released, value, value)
        } else {
            self.bins
        };
        let quantised = self.quantised_counts(format, bins);
        let (p_total, q_total) = (total(&self.counts), total(&quantised));
        let mut loss = 0.0;
        for (&p, &q) in self.counts.iter().zip(&quantised) {
            let (p, q) = (f64::from(p as f32 / p_total), f64::from(q as f32 / q_total));
            loss += libm::exp(q) * (q - p);
        }
        loss / f64::from(self.resolution)
    }

    fn quantised_counts(&self, format: Format, bins: Bins) -> Vec<u64> {
        let quantiser = NearestEven::new(format);
        bins.histogram(&self.sorted, self.resolution, |x| quantiser.value(x))
    }
}

fn total(counts: &[u64]) -> f32 {
    counts.iter().sum::<u64>() as f32
}

/// Equal bins over a range; a range of one value c becomes [c - 1, c + 1].
#[derive(Debug, Clone, Copy)]
enum Bins {
    /// float64; values beyond the range count in the edge bins.
    Paper { low: f64, width: f64 },
    /// float32; values beyond the range are dropped.
    Released { low: f32, high: f32, width: f32 },
}

impl Bins {
    #[expect(clippy::float_cmp, reason = "one value in all places")]
    fn new(variant: Variant, low: f32, high: f32) -> Self {
        match variant {
            Variant::Paper => {
                let (low, high) = (f64::from(low), f64::from(high));
                let (low, high) = if low == high { (low - 1.0, high + 1.0) } else { (low, high) };
                Self::Paper { low, width: high - low }
            }
            Variant::Released => {
                let (low, high) = if low == high { (low - 1.0, high + 1.0) } else { (low, high) };
                Self::Released { low, high, width: high - low }
            }
        }
    }

    /// The bin of `x`: -1 and `resolution` denote dropped values below and above the range.
    /// Never decreases when `x` grows.
    fn bin(self, x: f32, resolution: u32) -> i64 {
        let last = i64::from(resolution) - 1;
        match self {
            Self::Paper { low, width } => {
                let position = (f64::from(x) - low) * f64::from(resolution) / width;
                toward_zero::<i64>(position.floor()).clamp(0, last)
            }
            Self::Released { low, .. } if x < low => -1,
            Self::Released { high, .. } if x > high => last + 1,
            Self::Released { low, width, .. } => {
                toward_zero::<i64>(f64::from((x - low) * resolution as f32 / width)).min(last)
            }
        }
    }

    /// How many of the `sorted` values fall into each bin after `map`, which must not decrease.
    fn histogram(self, sorted: &[f32], resolution: u32, map: impl Fn(f32) -> f32) -> Vec<u64> {
        let bin = |x: f32| self.bin(map(x), resolution);
        let mut rest = &sorted[sorted.partition_point(|&x| bin(x) < 0)..];
        (0..i64::from(resolution))
            .map(|i| {
                let count = rest.partition_point(|&x| bin(x) <= i);
                rest = &rest[count..];
                count as u64
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::random::{generator, normal};

    fn format(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    fn normals(n: usize, seed: u64) -> Vec<f32> {
        let mut generator = generator(seed, &[1]);
        (0..n).map(|_| (0.3 * normal(&mut generator)) as f32).collect()
    }

    /// The definition: every weight quantised, put into its bin and counted.
    fn counted_one_by_one(distribution: &WeightDistribution, format: Format) -> Vec<u64> {
        let quantiser = NearestEven::new(format);
        let mut counts = vec![0; distribution.resolution as usize];
        for &x in &distribution.sorted {
            let bin = distribution.bins.bin(quantiser.value(x), distribution.resolution);
            if (0..i64::from(distribution.resolution)).contains(&bin) {
                counts[bin as usize] += 1;
            }
        }
        counts
    }

    #[test]
    fn bisected_histograms_equal_counted_ones() {
        let weights = normals(5000, 7);
        for variant in [Variant::Paper, Variant::Released] {
            for resolution in [1, 2, 50, 137] {
                let all = WeightDistribution::new(variant, &weights, resolution).unwrap();
                for (wl, fl) in [(1, 0), (2, 3), (4, 4), (8, 4), (8, 12), (16, 14), (32, 31)] {
                    let format = format(wl, fl);
                    assert_eq!(
                        all.quantised_counts(format, all.bins),
                        counted_one_by_one(&all, format),
                        "{variant:?} {resolution} {format}"
                    );
                }
            }
        }
    }

    #[test]
    fn exact_formats_lose_nothing() {
        let weights = [-0.5, -0.25, 0.0, 0.25, 0.75];
        for variant in [Variant::Paper, Variant::Released] {
            let all = WeightDistribution::new(variant, &weights, 10).unwrap();
            assert_eq!(all.loss(format(8, 2)), 0.0);
            assert!(all.loss(format(8, 0)) != 0.0);
        }
    }

    #[test]
    fn divergence_of_two_bins_by_hand() {
        // P = (3/4, 1/4); ⟨8, 0⟩ moves 0.6 to 1.0: Q = (1/2, 1/2).
        let all = WeightDistribution::new(Variant::Paper, &[0.0, 0.0, 0.6, 1.5], 2).unwrap();
        let expected = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        assert!((all.kl_divergence(format(8, 0)) - expected).abs() < 1e-15);
    }

    #[test]
    fn beyond_the_range_is_an_edge_bin_in_paper_and_dropped_in_released() {
        // ⟨8, 0⟩ gives 0, 1, 1 of which 1 lies above 0.9.
        let weights = [0.0, 0.8, 0.9];
        let paper = WeightDistribution::new(Variant::Paper, &weights, 2).unwrap();
        assert_eq!(paper.quantised_counts(format(8, 0), paper.bins), [1, 2]);
        let released = WeightDistribution::new(Variant::Released, &weights, 2).unwrap();
        assert_eq!(released.quantised_counts(format(8, 0), released.bins), [1, 0]);
        // All above: nothing is left, the loss is NaN.
        let none = WeightDistribution::new(Variant::Released, &[0.6, 0.7], 2).unwrap();
        assert!(none.released_loss(format(8, 0)).is_nan());
    }

    #[test]
    fn a_constant_tensor() {
        let released = WeightDistribution::new(Variant::Released, &[0.3; 6], 10).unwrap();
        assert_eq!(released.loss(format(8, 1)), 0.0);
        let paper = WeightDistribution::new(Variant::Paper, &[0.3; 6], 10).unwrap();
        assert_eq!(paper.loss(format(8, 8)), 0.0);
        assert!(paper.loss(format(8, 0)) > 20.0, "0 and 0.3 are in different bins of [-0.7, 1.3]");
    }

    #[test]
    fn impossible_input_is_an_error() {
        let new = |weights: &[f32], r| WeightDistribution::new(Variant::Paper, weights, r).err();
        assert_eq!(new(&[], 5), Some(PrecisionError::Weights));
        assert_eq!(new(&[1.0, f32::NAN], 5), Some(PrecisionError::Weights));
        assert_eq!(new(&[1.0, -f32::NAN], 5), Some(PrecisionError::Weights));
        assert_eq!(new(&[f32::INFINITY], 5), Some(PrecisionError::Weights));
        assert!(matches!(new(&[1.0], 0), Some(PrecisionError::Resolution { given: 0, .. })));
        assert!(matches!(new(&[1.0], u32::MAX), Some(PrecisionError::Resolution { .. })));
    }

    #[test]
    fn extreme_ranges_do_not_panic() {
        for weights in [&[f32::MIN, f32::MAX][..], &[1e38, 1e38], &[0.0, f32::MIN_POSITIVE]] {
            for variant in [Variant::Paper, Variant::Released] {
                let all = WeightDistribution::new(variant, weights, 50).unwrap();
                all.loss(format(8, 4));
            }
        }
    }
}
