//! QLinearGlobalAveragePool (`com.microsoft`).

use super::super::requantise::{ExactFactor, Float32Factor, Ratio, RequantiseRule, words};
use super::super::{AffineError, AffineTensor};
use super::Output;
use super::output::single;
use crate::cast::low;
use crate::{SimdLevel, with_raw};

/// The mean of every channel of x `[n, h, w, c]`, as `[n, 1, 1, c]`.
///
/// ONNX Runtime 1.32.0 requantises Σ (x - zx) over n = h · w pixels with the float32 factor m = f32(sx / f32(sy · n)); the exact
/// rule rounds Σ (x - zx) · sx / (sy · n) once. The operator has no other rule.
///
/// # Errors
/// If x is not 4-D, has no pixels or more than one scale, the rule is another one, or the factor is not a float32 above 0.
pub fn qlinear_global_average_pool(
    simd: SimdLevel,
    rule: RequantiseRule,
    x: &AffineTensor,
    output: &Output,
) -> Result<AffineTensor, AffineError> {
    let (scale, zero_point) = single(x)?;
    let &[images, height, width, channels] = x.shape() else {
        return Err(AffineError::Count {
            what: "dimensions",
            given: x.shape().len(),
            needed: 4,
            why: "images, height, width and channels",
        });
    };
    let pixels = height * width;
    let mut sums = vec![0i64; images * channels];
    with_raw!(x.words().data(), raw => {
        let size = (pixels * channels).max(1);
        for (sums, image) in sums.chunks_exact_mut(channels.max(1)).zip(raw.chunks_exact(size)) {
            for pixel in image.chunks_exact(channels.max(1)) {
                for (sum, &raw) in sums.iter_mut().zip(pixel) {
                    *sum += i64::from(low::<i32>(raw)) - i64::from(zero_point);
                }
            }
        }
    });
    let (range, format) = (output.range(), output.format());
    let data = match rule {
        RequantiseRule::Float32Factor => {
            let factor = scale / (output.scale() * pixels as f32);
            super::super::requantise::check_scales(&[factor])?;
            words::<Float32Factor, _>(simd, &sums, &[factor], range, format)?
        }
        RequantiseRule::ExactFactor => {
            let factor = Ratio::mean(scale, output.scale(), pixels)?;
            words::<ExactFactor, _>(simd, &sums, &[factor], range, format)?
        }
        other => {
            return Err(AffineError::Rule {
                rule: other.name(),
                operator: "QLinearGlobalAveragePool",
            });
        }
    };
    output.tensor(&[images, 1, 1, channels], data)
}
