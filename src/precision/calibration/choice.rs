//! The format for a tensor by its values.

use super::sample::SAMPLE;
use super::statistics::{Keep, Statistics};
use crate::precision::push_down::{self, PaperSearch};
use crate::precision::quantise::NearestEven;
use crate::precision::{AdaptOptions, PrecisionError, PushDownRange};
use hwmodel::Format;
use hwmodel::number::format::{MAX_FRACTIONAL_LENGTH, MAX_WORD_LENGTH};

/// How the fractional length of a tensor is chosen, and its word length by PushDown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// The most fractional bits with which no value saturates.
    Max,
    /// The most with which at least this percentage of the values does not saturate.
    Percentile(f64),
    /// The fractional bits with the least mean square error on a sample.
    MeanSquareError,
    /// AdaPT's PushDown on a sample (papers/adapt.md section 3): the fewest bits with a KL divergence below this, in nats. If that
    /// is more bits than there may be, it gives up fractional ones.
    PushDown {
        /// The bound.
        epsilon_kl: f64,
        /// Bins of the histograms.
        resolution: u32,
    },
}

/// What is asked of a format.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The method.
    pub method: Method,
    /// Possible word lengths, ascending; for PushDown the last is the most bits that a format may have.
    pub word_lengths: Vec<u32>,
    /// The signal to quantisation noise ratio in dB that the shortest word length has to reach on the sample; the longest is taken
    /// if none does, or if there is no bound.
    pub least_sqnr_db: Option<f64>,
}

impl Choice {
    /// What statistics have to keep for it; `whole` for a sample of all values, as of weights.
    pub fn keep(&self, whole: bool) -> Keep {
        let sampled = matches!(self.method, Method::MeanSquareError | Method::PushDown { .. })
            || self.least_sqnr_db.is_some();
        let size = if whole { usize::MAX } else { SAMPLE };
        Keep {
            magnitudes: matches!(self.method, Method::Percentile(_)),
            sample: if sampled { size } else { 0 },
        }
    }

    /// The format for a tensor with these values, unsigned or not. A tensor of zeros gets a format that holds the numbers up
    /// to 1.
    ///
    /// # Errors
    /// If a word length is impossible, or PushDown cannot work with the sample.
    pub fn format(&self, values: &Statistics, signed: bool) -> Result<Format, PrecisionError> {
        let sample = values.sample();
        if let Method::PushDown { epsilon_kl, resolution } = self.method {
            let most = self.word_lengths.last().copied().unwrap_or(MAX_WORD_LENGTH);
            let largest = values.range().0.abs().max(values.range().1.abs());
            return pushed_down(&sample, largest, signed, (epsilon_kl, resolution), most);
        }
        let mut chosen = word(signed, 1, 0)?;
        for &wl in &self.word_lengths {
            chosen = self.of_length(values, &sample, word(signed, wl, 0)?)?;
            if self.least_sqnr_db.is_some_and(|least| sqnr_db(&sample, chosen) >= least) {
                break;
            }
        }
        Ok(chosen)
    }

    /// `word` with the fractional length of the method.
    fn of_length(
        &self,
        values: &Statistics,
        sample: &[f32],
        word: Format,
    ) -> Result<Format, PrecisionError> {
        let (low, high) = values.range();
        if (low, high) == (0.0, 0.0) {
            return Ok(word.with_fl(word.signed_bits() as i32 - 1)?);
        }
        let fits = |format: Format| fits(format, low) && fits(format, high);
        let whole = most_fractional_bits(word, fits)?;
        match self.method {
            Method::Percentile(percent) => {
                let count = values.count();
                let enough = |format| {
                    let held = count - values.saturating(format);
                    held as f64 * 100.0 >= percent * count as f64
                };
                most_fractional_bits(word, enough)
            }
            Method::MeanSquareError => {
                let last = (whole.fl() + word.wl() as i32 - 1).min(MAX_FRACTIONAL_LENGTH);
                let mut best = (f64::INFINITY, whole);
                for fl in whole.fl()..=last {
                    let format = word.with_fl(fl)?;
                    let (_, noise) = energies(sample, format);
                    if noise < best.0 {
                        best = (noise, format);
                    }
                }
                Ok(best.1)
            }
            Method::Max | Method::PushDown { .. } => Ok(whole),
        }
    }
}

fn word(signed: bool, wl: u32, fl: i32) -> Result<Format, PrecisionError> {
    Ok(if signed { Format::new(wl, fl) } else { Format::unsigned(wl, fl) }?)
}

/// Whether `value` does not saturate when it is rounded to nearest even.
fn fits(format: Format, value: f32) -> bool {
    let raw = (f64::from(value) * format.scale()).round_ties_even();
    (format.min_raw() as f64..=format.max_raw() as f64).contains(&raw)
}

/// `word` with the most fractional bits with which it `holds`, which more of them never make true; with the fewest there are
/// if it never does.
fn most_fractional_bits(
    word: Format,
    holds: impl Fn(Format) -> bool,
) -> Result<Format, PrecisionError> {
    let (mut low, mut high) = (-MAX_FRACTIONAL_LENGTH, MAX_FRACTIONAL_LENGTH);
    while low < high {
        let middle = (low + high + 1).div_euclid(2);
        if holds(word.with_fl(middle)?) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(word.with_fl(low)?)
}

/// The sums of the squares of `values` and of what quantising them to `format` changes.
fn energies(values: &[f32], format: Format) -> (f64, f64) {
    let quantiser = NearestEven::new(format);
    values.iter().fold((0.0, 0.0), |(signal, noise), &value| {
        let error = f64::from(quantiser.value(value)) - f64::from(value);
        (signal + f64::from(value) * f64::from(value), noise + error * error)
    })
}

fn sqnr_db(values: &[f32], format: Format) -> f64 {
    let (signal, noise) = energies(values, format);
    if noise == 0.0 { f64::INFINITY } else { 10.0 * libm::log10(signal / noise) }
}

/// PushDown's format of at most `most` bits, without the sign bit if it is not needed.
fn pushed_down(
    sample: &[f32],
    largest: f32,
    signed: bool,
    (epsilon_kl, resolution): (f64, u32),
    most: u32,
) -> Result<Format, PrecisionError> {
    // The bits that AdaPT keeps free above the binary point, and as many as the largest value needs.
    let needed = most_fractional_bits(Format::new(MAX_WORD_LENGTH, 0)?, |f| fits(f, largest))?;
    let buffer_bits = (MAX_WORD_LENGTH as i32 - needed.fl())
        .clamp(AdaptOptions::default().buffer_bits as i32, MAX_WORD_LENGTH as i32)
        .unsigned_abs();
    let largest = Format::new(MAX_WORD_LENGTH, 31.min(32 - buffer_bits as i32))?;
    let search = PaperSearch { epsilon_kl, buffer_bits, range: PushDownRange::Full };
    let found = push_down::paper(sample, largest, resolution, search)?.format;
    let wl = if signed { found.wl() } else { (found.wl() - 1).max(1) };
    let cut = wl.saturating_sub(most);
    word(signed, wl - cut, (found.fl() - cut as i32).max(-MAX_FRACTIONAL_LENGTH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::random::{generator, normal};

    fn choose(method: Method, word_lengths: &[u32], least: Option<f64>, values: &[f32]) -> Format {
        let choice = Choice { method, word_lengths: word_lengths.to_vec(), least_sqnr_db: least };
        let mut statistics = Statistics::new(choice.keep(false));
        statistics.add(values).unwrap();
        choice.format(&statistics, values.iter().any(|&value| value < 0.0)).unwrap()
    }

    fn normals(n: usize) -> Vec<f32> {
        let mut generator = generator(5, &[1]);
        (0..n).map(|_| normal(&mut generator) as f32).collect()
    }

    fn of(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    #[test]
    fn max_holds_every_value() {
        let max = |values: &[f32]| choose(Method::Max, &[8], None, values);
        assert_eq!(max(&[-8.0, 7.9]), of(8, 4));
        // 7.97 rounds to 8, which ⟨8, 4⟩ does not have.
        assert_eq!(max(&[-8.0, 7.97]), of(8, 3));
        assert_eq!(max(&[-1e-3]), of(8, 16));
        assert_eq!(max(&[0.0, 1.0]), Format::unsigned(8, 7).unwrap());
        assert_eq!(max(&[0.0, 0.0]), Format::unsigned(8, 8).unwrap());
        assert_eq!(max(&[-f32::MAX, f32::MAX]), of(8, -64), "the fewest there are");
    }

    #[test]
    fn a_percentile_gives_up_outliers() {
        let mut values = vec![0.5f32; 9990];
        values.extend([100.0; 10]);
        let of = |percent| choose(Method::Percentile(percent), &[8], None, &values).fl();
        assert_eq!((of(100.0), of(99.95), of(99.9), of(99.0)), (1, 1, 8, 8));
    }

    #[test]
    fn mean_square_error_weighs_clipping_against_rounding() {
        let mut values = normals(60_000);
        values.push(40.0);
        let max = choose(Method::Max, &[4], None, &values);
        let found = choose(Method::MeanSquareError, &[4], None, &values);
        let noise = |format| energies(&values, format).1;
        let all = (max.fl()..max.fl() + 4).map(|fl| noise(of(4, fl)));
        assert_eq!(noise(found), all.fold(f64::INFINITY, f64::min));
        assert!(found.fl() > max.fl(), "{found} {max}");
    }

    #[test]
    fn the_shortest_word_that_reaches_the_bound_is_taken() {
        let values = normals(10_000);
        let chosen = |least| choose(Method::MeanSquareError, &[4, 6, 8, 10], Some(least), &values);
        for (least, wl) in [(0.0, 4), (25.0, 6), (38.0, 8), (200.0, 10)] {
            let format = chosen(least);
            assert_eq!(format.wl(), wl, "{least}");
            assert!(wl == 10 || sqnr_db(&values, format) >= least);
        }
    }

    #[test]
    fn push_down_takes_few_bits_and_keeps_the_range_if_there_are_fewer() {
        let grid: Vec<f32> = (-40..=40).map(|n| n as f32 / 64.0).collect();
        let method = Method::PushDown { epsilon_kl: 1e-2, resolution: 81 };
        assert_eq!(choose(method, &[32], None, &grid), of(7, 6));
        assert_eq!(choose(method, &[5], None, &grid), of(5, 4));
        let positive: Vec<f32> = (0..=40).map(|n| n as f32 / 64.0).collect();
        let found = choose(method, &[32], None, &positive);
        assert_eq!((found.is_signed(), found.max_value() >= 40.0 / 64.0), (false, true));
        // Beyond what AdaPT's four bits above the point hold.
        let large: Vec<f32> = (-100..=100).map(|n| n as f32).collect();
        let found =
            choose(Method::PushDown { epsilon_kl: 1e-2, resolution: 50 }, &[32], None, &large);
        assert!((7..=8).contains(&found.wl()) && found.fl() <= 0, "{found}");
    }
}
