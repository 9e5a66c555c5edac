//! Accumulator-aware weight quantisers: integer weights that no input can make overflow an accumulator of stated width.
//!
//! A2Q (Colbert et al., ICCV 2023) and A2Q+ (ICML 2024) as brevitas 0.13.4 computes them, one output channel at a time. Their norm
//! bounds are [`NormBound`]'s.

use super::norm_bound::{NormBound, channel_range, l1_norm};
use super::of_range;
use crate::BitWidth;
use crate::cast::{nearest_f32, toward_zero};
use crate::number::format::Format;

/// A quantiser of weights for an accumulator and inputs of given widths.
///
/// ```
/// use hwmodel::array::width::a2q::WeightQuantiser;
/// use hwmodel::array::width::NormBound;
/// use hwmodel::{BitWidth, Format};
/// let quantiser = WeightQuantiser {
///     bound: NormBound::A2q,
///     accumulator: BitWidth::new(12)?,
///     input: Format::new(8, 0)?,
///     weight: Format::new(4, 0)?,
/// };
/// // 2047 / 128 = 15.99 is the largest norm: the weights 8, -6 and 4 of a float norm of 1.8 are scaled to it.
/// let (_, weights) = quantiser.quantise(&[0.8, -0.6, 0.4], 1.8, 0.1)?;
/// assert_eq!(weights, [7, -5, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightQuantiser {
    /// The bound on the norm of the integer weights; [`NormBound::A2qPlus`] centres the weights on their mean first.
    pub bound: NormBound,
    /// Width P of the accumulator.
    pub accumulator: BitWidth,
    /// Words of the inputs.
    pub input: Format,
    /// Words of the weights, of which the most negative one is not used.
    pub weight: Format,
}

/// How a channel's float weights w become integers: q = limit(to_zero(f32(f32(w / divisor) + zero_point))).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelDivisor {
    /// D, by which weights are divided; +∞ where no norm but 0 is allowed.
    pub divisor: f32,
    /// z, -mean(w) / D where weights are centred, otherwise 0.
    pub zero_point: f32,
}

/// A channel that cannot be quantised.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum WeightError {
    /// A weight is infinite or not a number.
    #[error("weight {index} is {value}: use finite weights")]
    Weight {
        /// Its position.
        index: usize,
        /// The weight.
        value: f32,
    },
    /// The norm or scale is not a positive number.
    #[error("a channel's {name} is {value}: use a finite number above 0")]
    Parameter {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f32,
    },
}

impl WeightQuantiser {
    /// The divisor and zero point of a channel with `weights` w, learned norm g and learned scale s.
    ///
    /// D = d / min(g / s, T) with d = ‖w‖₁, or ‖w - mean(w)‖₁ for A2Q+, and T the largest norm of the bound; z = f32(-mean / D).
    /// Sums and quotients are float64, D is rounded once. Where d = 0 every integer is 0, and D is 1.
    ///
    /// # Errors
    /// If a weight is not finite, or g or s is not finite and positive.
    pub fn divisor(
        &self,
        weights: &[f32],
        norm: f32,
        scale: f32,
    ) -> Result<ChannelDivisor, WeightError> {
        if let Some(index) = weights.iter().position(|weight| !weight.is_finite()) {
            return Err(WeightError::Weight { index, value: weights[index] });
        }
        for (name, value) in [("norm", norm), ("scale", scale)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(WeightError::Parameter { name, value });
            }
        }
        let mean = self.mean(weights);
        let distance: f64 = weights.iter().map(|&weight| (f64::from(weight) - mean).abs()).sum();
        let limit = self.bound.largest_norm(self.accumulator, self.input).to_f64();
        let target = (f64::from(norm) / f64::from(scale)).min(limit);
        let divisor = if distance == 0.0 { 1.0 } else { nearest_f32(distance / target) };
        // The divisor of very small weights is not 0 but the least number.
        Ok(self.with_divisor(weights, divisor.max(f32::from_bits(1))))
    }

    fn with_divisor(&self, weights: &[f32], divisor: f32) -> ChannelDivisor {
        let zero_point = match self.bound {
            NormBound::A2q => 0.0,
            NormBound::A2qPlus => nearest_f32(-self.mean(weights) / f64::from(divisor)),
        };
        ChannelDivisor { divisor, zero_point }
    }

    /// What the weights are centred on.
    fn mean(&self, weights: &[f32]) -> f64 {
        match self.bound {
            NormBound::A2q => 0.0,
            NormBound::A2qPlus => {
                let sum: f64 = weights.iter().copied().map(f64::from).sum();
                sum / weights.len().max(1) as f64
            }
        }
    }

    /// The integers of `weights` with a divisor and zero point, in float32 arithmetic; a weight's value is its integer times the
    /// channel's scale. Where a quotient is not a number, the integer is 0.
    pub fn integers(&self, weights: &[f32], channel: ChannelDivisor) -> Vec<i32> {
        // The narrow range: as far down as up.
        let most = self.weight.max_raw() as f64;
        let integer = |&weight: &f32| {
            let value = f64::from(weight / channel.divisor + channel.zero_point);
            toward_zero::<i32>(value.clamp(-most, most))
        };
        weights.iter().map(integer).collect()
    }

    /// Whether `integers` have at most the largest norm of the bound, and no input can make them overflow the accumulator, whatever
    /// the order of additions.
    pub fn holds(&self, integers: &[i32]) -> bool {
        let limit = self.bound.largest_norm(self.accumulator, self.input);
        let (lowest, highest) = channel_range(self.input, integers.iter().copied());
        limit.admits(l1_norm(integers.iter().copied()))
            && of_range(lowest, highest) <= self.accumulator.get()
    }

    /// A channel's integers, and the divisor that gave them, such that the bound [holds](Self::holds).
    ///
    /// In real numbers the divisor of [`divisor`](Self::divisor) is enough. Where float32 rounds up past an integer it is raised,
    /// by its last bit first and by twice as much each time.
    ///
    /// # Errors
    /// As for [`divisor`](Self::divisor).
    pub fn quantise(
        &self,
        weights: &[f32],
        norm: f32,
        scale: f32,
    ) -> Result<(ChannelDivisor, Vec<i32>), WeightError> {
        let mut channel = self.divisor(weights, norm, scale)?;
        let mut raise = f64::from(f32::EPSILON);
        loop {
            let integers = self.integers(weights, channel);
            // An infinite divisor gives zeros, which fit every accumulator.
            if self.holds(&integers) {
                return Ok((channel, integers));
            }
            let divisor = f64::from(channel.divisor) * (1.0 + raise);
            channel =
                self.with_divisor(weights, nearest_f32(divisor).max(channel.divisor.next_up()));
            raise *= 2.0;
        }
    }
}

#[cfg(test)]
mod tests;
