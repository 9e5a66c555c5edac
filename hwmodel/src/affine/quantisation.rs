//! Scales and zero points of a tensor, checked.

use super::granularity::{Granularity, Layout};
use super::requantise::zero_points_of;
use super::{AffineError, WordRange};
use crate::cast::exact;
use crate::parallel;
use crate::{Format, SimdLevel};

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 14;

/// Scales and zero points, and which elements have which: value = (raw - zero point) · scale.
///
/// Every scale is finite and above 0. That there is one for each channel or block, and that the zero points are words, is
/// checked when a tensor is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantisation {
    granularity: Granularity,
    scales: Vec<f32>,
    /// As many as scales.
    zero_points: Vec<i32>,
}

impl Quantisation {
    /// Scales and zero points of these elements; no zero points mean 0 everywhere.
    ///
    /// # Errors
    /// If a scale is 0, negative, infinite or NaN, or there are more or fewer zero points than scales.
    pub fn new(
        granularity: Granularity,
        scales: Vec<f32>,
        zero_points: Vec<i32>,
    ) -> Result<Self, AffineError> {
        let zero_points = zero_points_of(&scales, zero_points, 0)?;
        Ok(Self { granularity, scales, zero_points })
    }

    /// One scale and zero point for all elements.
    ///
    /// # Errors
    /// If the scale is 0, negative, infinite or NaN.
    pub fn per_tensor(scale: f32, zero_point: i32) -> Result<Self, AffineError> {
        Self::new(Granularity::Tensor, vec![scale], vec![zero_point])
    }

    /// One scale and zero point for each index of `axis`; no zero points mean 0.
    ///
    /// # Errors
    /// If a scale is 0, negative, infinite or NaN, or there are more or fewer zero points than scales.
    pub fn per_axis(
        axis: usize,
        scales: Vec<f32>,
        zero_points: Vec<i32>,
    ) -> Result<Self, AffineError> {
        Self::new(Granularity::Axis { axis }, scales, zero_points)
    }

    /// Which elements share a scale and a zero point.
    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// The scales.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The zero points, one for each scale.
    pub fn zero_points(&self) -> &[i32] {
        &self.zero_points
    }

    /// Checks that it fits a tensor of `shape` with words of `format`, and says which element has which parameter.
    pub(super) fn on(
        &self,
        shape: &[usize],
        format: Format,
    ) -> Result<Parameters<'_>, AffineError> {
        check_zero_points(&self.zero_points, word_range(format, 0)?)?;
        Parameters::new(self.granularity, &self.scales, &self.zero_points, shape)
    }
}

/// The words of `format` as 32-bit integers.
///
/// # Errors
/// If the format is not one of an affine tensor: no fractional bits, 2 to 32 bits, unsigned 2 to 31.
pub(crate) fn word_range(format: Format, zero_point: i32) -> Result<WordRange, AffineError> {
    let limits = (i32::try_from(format.min_raw()), i32::try_from(format.max_raw()));
    match limits {
        (Ok(lowest), Ok(highest)) if format.fl() == 0 && format.wl() >= 2 => {
            Ok(WordRange { zero_point, lowest, highest })
        }
        _ => Err(AffineError::Word(format)),
    }
}

/// Checks that every zero point is a word.
pub(crate) fn check_zero_points(zero_points: &[i32], range: WordRange) -> Result<(), AffineError> {
    let WordRange { lowest, highest, .. } = range;
    let outside = |zero_point: &i32| !(lowest..=highest).contains(zero_point);
    match zero_points.iter().position(outside) {
        Some(index) => {
            Err(AffineError::ZeroPoint { index, zero_point: zero_points[index], lowest, highest })
        }
        None => Ok(()),
    }
}

/// Scales and zero points of every element of a tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters<'a, Z = i32> {
    layout: Layout,
    scales: &'a [f32],
    zero_points: &'a [Z],
}

impl<'a, Z: Copy + Sync> Parameters<'a, Z> {
    /// As many scales as zero points, for a tensor of `shape`.
    pub(super) fn new(
        granularity: Granularity,
        scales: &'a [f32],
        zero_points: &'a [Z],
        shape: &[usize],
    ) -> Result<Self, AffineError> {
        let layout = granularity.on(shape)?;
        let (given, needed) = (scales.len(), layout.parameters());
        if given != needed {
            let why = "one for the tensor, for each index of the axis, or for each block";
            return Err(AffineError::Count { what: "scales", given, needed, why });
        }
        Ok(Self { layout, scales, zero_points })
    }

    /// Checks that the tensor has `given` elements.
    pub(super) fn check_elements(&self, given: usize) -> Result<(), AffineError> {
        let needed = self.layout.elements();
        match given == needed {
            true => Ok(()),
            false => Err(AffineError::Count {
                what: "elements",
                given,
                needed,
                why: "the product of the shape",
            }),
        }
    }

    /// out = `element(input, scale, zero point)` for every element.
    pub(super) fn each<I: Copy + Sync, O: Send>(
        &self,
        simd: SimdLevel,
        input: &[I],
        out: &mut [O],
        element: impl Fn(I, f32, Z) -> O + Sync,
    ) {
        let chunks = input.chunks(CHUNK).zip(out.chunks_mut(CHUNK)).enumerate();
        parallel::each(chunks, |(chunk, (input, out))| {
            simd.run(
                #[inline(always)]
                || self.chunk(chunk * CHUNK, input, out, &element),
            );
        });
    }

    /// The elements from `start` on.
    #[inline(always)]
    fn chunk<I: Copy, O>(
        &self,
        start: usize,
        input: &[I],
        out: &mut [O],
        element: &impl Fn(I, f32, Z) -> O,
    ) {
        let mut done = 0;
        while done < input.len() {
            let span = self.layout.span(start + done);
            let end = (done + span.length).min(input.len());
            let (input, out) = (&input[done..end], &mut out[done..end]);
            if span.each {
                let last = span.parameter + input.len();
                let (scales, zero_points) =
                    (&self.scales[span.parameter..last], &self.zero_points[span.parameter..last]);
                let parameters = scales.iter().zip(zero_points);
                for ((out, &x), (&scale, &zero_point)) in out.iter_mut().zip(input).zip(parameters)
                {
                    *out = element(x, scale, zero_point);
                }
            } else {
                let (scale, zero_point) =
                    (self.scales[span.parameter], self.zero_points[span.parameter]);
                for (out, &x) in out.iter_mut().zip(input) {
                    *out = element(x, scale, zero_point);
                }
            }
            done = end;
        }
    }
}

/// A word that fits 32 bits as one of a container that holds it.
#[inline(always)]
pub(super) fn stored<T: num_traits::NumCast + Copy + 'static>(word: i32) -> T
where
    i32: num_traits::AsPrimitive<T>,
{
    exact(word)
}
