//! The words of an operator's result.

use super::super::quantisation::{check_zero_points, stored, word_range};
use super::super::requantise::{Scales, check_scales};
use super::super::{AffineError, AffineTensor, Quantisation, WordRange};
use crate::cast::low;
use crate::{FixedTensor, Format, RawData, SimdLevel, parallel, with_raw};

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 14;
/// Elements of the buffers, which stay in the first-level cache.
const BLOCK: usize = 256;

/// Scale, zero point and words of a result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Output {
    scale: f32,
    range: WordRange,
    format: Format,
}

impl Output {
    /// Words of `format` with this scale and zero point.
    ///
    /// # Errors
    /// If the scale is 0, negative, infinite or NaN, the format is not one of affine words, or the zero point not a word.
    pub fn new(scale: f32, zero_point: i32, format: Format) -> Result<Self, AffineError> {
        check_scales(&[scale])?;
        let range = word_range(format, zero_point)?;
        check_zero_points(&[zero_point], range)?;
        Ok(Self { scale, range, format })
    }

    /// The scale.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The words and the zero point.
    pub fn range(&self) -> WordRange {
        self.range
    }

    /// The format of the words.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The scales of sums of words of scale `input` and words of `weights`, one for each of these scales.
    pub(super) fn scales_of_sums(&self, input: f32, weights: &AffineTensor) -> Vec<Scales> {
        let of_weights = weights.quantisation().scales().iter();
        of_weights.map(|&weight| Scales { input, weight, output: self.scale }).collect()
    }

    /// A tensor of these words.
    pub(super) fn tensor(
        &self,
        shape: &[usize],
        data: RawData,
    ) -> Result<AffineTensor, AffineError> {
        let words = FixedTensor::new(shape, self.format, data)?;
        AffineTensor::new(words, Quantisation::per_tensor(self.scale, self.range.zero_point)?)
    }

    /// The words of `element(a, b)` for every pair of words.
    pub(super) fn of_pairs(
        &self,
        simd: SimdLevel,
        [a, b]: [&AffineTensor; 2],
        element: impl Fn(i32, i32) -> i32 + Sync,
    ) -> Result<AffineTensor, AffineError> {
        if a.shape() != b.shape() {
            return Err(AffineError::Operands {
                left: a.shape().to_vec(),
                right: b.shape().to_vec(),
            });
        }
        let mut data = RawData::zeros(self.format, a.words().len());
        // Blocks of 32-bit words in between, so that the loop is compiled once and not for every pair of containers.
        with_raw!(&mut data, out => {
            parallel::each(out.chunks_mut(CHUNK).enumerate(), |(chunk, out)| {
                let (mut left, mut right) = ([0; BLOCK], [0; BLOCK]);
                for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                    let start = chunk * CHUNK + block * BLOCK;
                    let (left, right) = (&mut left[..out.len()], &mut right[..out.len()]);
                    load(a.words().data(), start, left);
                    load(b.words().data(), start, right);
                    simd.run(
                        #[inline(always)]
                        || {
                            for (a, &b) in left.iter_mut().zip(&*right) {
                                *a = element(*a, b);
                            }
                        },
                    );
                    out.iter_mut().zip(&*left).for_each(|(out, &word)| *out = stored(word));
                }
            });
        });
        self.tensor(a.shape(), data)
    }
}

/// The words from `start` on.
fn load(data: &RawData, start: usize, out: &mut [i32]) {
    with_raw!(data, raw => {
        out.iter_mut().zip(&raw[start..]).for_each(|(out, &raw)| *out = low(raw));
    });
}

/// The scale and zero point of a tensor that has one of each.
pub(super) fn single(tensor: &AffineTensor) -> Result<(f32, i32), AffineError> {
    let quantisation = tensor.quantisation();
    match (quantisation.scales(), quantisation.zero_points()) {
        (&[scale], &[zero_point]) => Ok((scale, zero_point)),
        (scales, _) => Err(AffineError::Count {
            what: "scales",
            given: scales.len(),
            needed: 1,
            why: "the operator has one scale for the tensor",
        }),
    }
}

/// Checks that words have at most 16 bits, so that float32 and exact arithmetic cover sums and products of two.
pub(super) fn check_short(tensors: &[&AffineTensor]) -> Result<(), AffineError> {
    let long = tensors.iter().map(|tensor| tensor.words().format()).find(|format| format.wl() > 16);
    long.map_or(Ok(()), |format| Err(AffineError::LongWord(format)))
}
