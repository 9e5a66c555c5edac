//! An operand of an element-wise operator, checked.

use super::TfliteError;
use crate::affine::AffineTensor;
use crate::kernels::RawInteger;
use crate::{Format, RawData, SimdLevel, parallel, with_narrow};

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 13;

/// Words with one scale and zero point.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) words: Vec<i32>,
    pub(super) scale: f32,
    pub(super) zero_point: i32,
}

impl Operand {
    /// The words and the scale of `tensor`, called `what` in messages.
    pub(super) fn new(tensor: &AffineTensor, what: &'static str) -> Result<Self, TfliteError> {
        let quantisation = tensor.quantisation();
        let (&[scale], &[zero_point]) = (quantisation.scales(), quantisation.zero_points()) else {
            return Err(TfliteError::Scales { scales: quantisation.scales().len(), what });
        };
        check_type(tensor.words().format(), zero_point, what)?;
        Ok(Self { words: tensor.words().data().to_i32(), scale, zero_point })
    }
}

/// Whether `format` is int8.
pub(super) fn is_int8(format: Format) -> bool {
    format.wl() == 8
}

/// Checks that `format` is int8, or int16 with a zero point of 0.
pub(super) fn check_type(
    format: Format,
    zero_point: i32,
    what: &'static str,
) -> Result<(), TfliteError> {
    let signed = format.min_raw() < 0 && format.fl() == 0;
    if !signed || !matches!(format.wl(), 8 | 16) {
        return Err(TfliteError::Type(format));
    }
    if !is_int8(format) && zero_point != 0 {
        return Err(TfliteError::ZeroPoint { zero_point, what });
    }
    Ok(())
}

/// The words of `word(a - za, b - zb)` for every pair of words.
pub(super) fn words_of_pairs(
    simd: SimdLevel,
    [left, right]: [&Operand; 2],
    format: Format,
    word: impl Fn(i32, i32) -> i32 + Sync,
) -> RawData {
    let mut data = RawData::zeros(format, left.words.len());
    let (za, zb) = (left.zero_point, right.zero_point);
    with_narrow!(&mut data, out => each_pair(simd, &left.words, &right.words, out,
        #[inline(always)] |a, b| word(a - za, b - zb)));
    data
}

/// out = `word(a, b)` for every element.
pub(super) fn each_pair<T: RawInteger>(
    simd: SimdLevel,
    a: &[i32],
    b: &[i32],
    out: &mut [T],
    word: impl Fn(i32, i32) -> i32 + Sync,
) {
    let chunks = a.chunks(CHUNK).zip(b.chunks(CHUNK)).zip(out.chunks_mut(CHUNK));
    parallel::each(chunks, |((a, b), out)| {
        simd.run(
            #[inline(always)]
            || {
                for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                    *out = T::from_i32(word(a, b));
                }
            },
        );
    });
}
