//! Integers less their zero points: what the array multiplies.

use crate::graph::layout::{Padding, to_last_as};
use crate::graph::{Integers, Problem, Scaled};
use hwmodel::array::MacArray;
use hwmodel::cast::{exact, low};
use hwmodel::{Accumulator, Container, FixedTensor, Format, RawData};
use std::borrow::Cow;

/// Integers less their zero points, row-major.
pub(super) struct Words<'a> {
    pub(super) values: Cow<'a, [i64]>,
    /// No word is outside, and 0 is inside.
    pub(super) range: (i64, i64),
}

impl<'a> Words<'a> {
    /// The words of a quantised tensor.
    pub(super) fn of_scaled(value: &'a Scaled) -> Self {
        let zeros = &value.scale.zero_points;
        let values = less(&value.integers, zeros, |index| value.scale.place(&value.shape, index));
        Self { values, range: differences(value.range, zeros) }
    }

    /// The words of integers less one zero point, or one for each index of `axis`.
    ///
    /// # Errors
    /// If there is another number of zero points.
    pub(super) fn of_integers(
        value: &'a Integers,
        zeros: Option<&Integers>,
        axis: Option<usize>,
    ) -> Result<Self, Problem> {
        let axis = axis.unwrap_or(value.shape.len());
        let none = [0];
        let zeros = zeros.map_or(&none[..], |zeros| zeros.values.as_slice());
        let channels = value.shape.get(axis).copied().unwrap_or(1);
        if zeros.len() != 1 && zeros.len() != channels {
            let (given, shape) = (zeros.len(), &value.shape);
            return Err(Problem::Shape(format!(
                "{given} zero points for a tensor of shape {shape:?}: one, or {channels} are needed"
            )));
        }
        let inner: usize = value.shape.iter().skip(axis + 1).product();
        let place = |index: usize| if zeros.len() == 1 { 0 } else { index / inner % channels };
        let values = less(&value.values, zeros, place);
        // Weights have few values: their own range. Integers of 32 bits and more have no useful one.
        let range = match value.range() {
            range if value.element.bits() <= 16 => differences(range, zeros),
            _ => around_zero(values.iter().copied()),
        };
        Ok(Self { values, range })
    }

    /// The narrowest format of the words; `None` if they need more than 32 bits.
    pub(super) fn format(&self) -> Option<Format> {
        let (low, high) = self.range;
        let bits = |magnitude: u64| 64 - magnitude.leading_zeros();
        let format = if low >= 0 {
            Format::unsigned(bits(high.unsigned_abs()).max(1), 0)
        } else {
            let magnitude = low.saturating_add(1).unsigned_abs().max(high.unsigned_abs());
            Format::new(bits(magnitude) + 1, 0)
        };
        // Unsigned words of 32 bits have no kernels.
        format.ok().filter(|format| format.is_signed() || format.wl() < 32)
    }

    /// These words in their narrowest format, as a tensor of `shape`.
    ///
    /// # Errors
    /// If they need more than 32 bits.
    pub(super) fn fixed(&self, shape: &[usize], values: &[i64]) -> Result<FixedTensor, Problem> {
        let format = self.format().ok_or_else(|| too_wide(self.range))?;
        FixedTensor::from_raw(shape, format, values).map_err(|error| Problem::Affine(error.into()))
    }
}

impl Words<'_> {
    /// Words `[n, c, h, w]` as a tensor `[n, h, w, c]` in their narrowest format, with zeros around each image.
    ///
    /// # Errors
    /// If they need more than 32 bits.
    pub(super) fn last(
        &self,
        images: usize,
        channels: usize,
        padding: Padding,
    ) -> Result<FixedTensor, Problem> {
        let format = self.format().ok_or_else(|| too_wide(self.range))?;
        let values = &self.values;
        let data = match format.container() {
            Container::I8 => RawData::I8(to_last_as(values, images, channels, padding, low)),
            Container::I16 => RawData::I16(to_last_as(values, images, channels, padding, low)),
            Container::I32 => RawData::I32(to_last_as(values, images, channels, padding, low)),
            Container::I64 => RawData::I64(to_last_as(values, images, channels, padding, low)),
        };
        let [rows, columns] = padding.padded();
        FixedTensor::new(&[images, rows, columns, channels], format, data)
            .map_err(|error| Problem::Affine(error.into()))
    }
}

/// By how much words are shifted so that they are signed words of 8 bits; `None` if they are not.
fn shift_to_bytes((low, high): (i64, i64)) -> Option<i64> {
    match high.checked_sub(low)? {
        _ if low >= -128 && high <= 127 => Some(0),
        0..=255 => Some(low + 128),
        _ => None,
    }
}

/// The shifts with which both operands are signed words of 8 bits, if the array is exact and sums in `range` have 32 bits: then the
/// products of the shifted words tell the sums.
pub(super) fn shifts_to_bytes(
    array: &MacArray,
    range: (i64, i64),
    x: &Words<'_>,
    w: &Words<'_>,
) -> Option<[i64; 2]> {
    let is_exact = array.accumulator == Accumulator::default();
    let fits = i32::try_from(range.0).is_ok() && i32::try_from(range.1).is_ok();
    let shifts = [shift_to_bytes(x.range)?, shift_to_bytes(w.range)?];
    (is_exact && fits && shifts != [0, 0]).then_some(shifts)
}

/// The format of signed words of 8 bits.
pub(super) fn bytes() -> Result<Format, Problem> {
    let format = Format::new(8, 0);
    format.map_err(|error| Problem::Unsupported(error.to_string()))
}

/// The error of words that the array does not take.
fn too_wide((low, high): (i64, i64)) -> Problem {
    Problem::Unsupported(format!(
        "its integers reach from {low} to {high}: the array multiplies words of up to 32 bits"
    ))
}

fn less<'a>(values: &'a [i64], zeros: &[i64], place: impl Fn(usize) -> usize) -> Cow<'a, [i64]> {
    match zeros {
        zeros if zeros.iter().all(|&zero| zero == 0) => Cow::Borrowed(values),
        &[zero] => values.iter().map(|&value| value.saturating_sub(zero)).collect(),
        zeros => {
            let each = values.iter().enumerate();
            each.map(|(index, &value)| value.saturating_sub(zeros[place(index)])).collect()
        }
    }
}

fn differences((low, high): (i64, i64), zeros: &[i64]) -> (i64, i64) {
    let (least, most) = (zeros.iter().min(), zeros.iter().max());
    let low = low.saturating_sub(most.copied().unwrap_or(0));
    let high = high.saturating_sub(least.copied().unwrap_or(0));
    (low.min(0), high.max(0))
}

fn around_zero(values: impl Iterator<Item = i64>) -> (i64, i64) {
    values.fold((0, 0), |(low, high), value| (low.min(value), high.max(value)))
}

/// No sum of `terms` products of words in these ranges is outside; `None` beyond 63 bits.
pub(super) fn sum_range(terms: usize, x: (i64, i64), w: (i64, i64)) -> Option<(i64, i64)> {
    let ends = [(x.0, w.0), (x.0, w.1), (x.1, w.0), (x.1, w.1)];
    let products = ends.map(|(x, w)| i128::from(x) * i128::from(w));
    let terms: i128 = exact(terms);
    let end = |product: i128| i64::try_from(product.checked_mul(terms)?).ok();
    let low = products.iter().copied().fold(0, i128::min);
    let high = products.iter().copied().fold(0, i128::max);
    Some((end(low)?, end(high)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Scale;
    use std::sync::Arc;

    #[test]
    fn words_are_differences_in_the_narrowest_format() {
        let value = Scaled {
            shape: vec![2],
            integers: Arc::new(vec![-128, 127]),
            range: (-128, 127),
            scale: Scale::per_tensor(0.5, -128),
        };
        let words = Words::of_scaled(&value);
        assert_eq!((&words.values[..], words.range), (&[0, 255][..], (0, 255)));
        assert_eq!(words.format(), Some(Format::unsigned(8, 0).unwrap()));
        let tight = |low, high| {
            let range = (low, high);
            Words { values: Cow::Borrowed(&[]), range }.format()
        };
        assert_eq!(tight(-128, 127), Format::new(8, 0).ok());
        assert_eq!(tight(-129, 0), Format::new(9, 0).ok());
        assert_eq!(tight(0, 0), Format::unsigned(1, 0).ok());
        assert_eq!(tight(0, u32::MAX.into()), None);
        assert_eq!(tight(i64::MIN, 0), None);
    }

    #[test]
    fn words_of_a_range_of_256_are_bytes() {
        assert_eq!(shift_to_bytes((-128, 127)), Some(0));
        assert_eq!(shift_to_bytes((0, 255)), Some(128));
        assert_eq!(shift_to_bytes((-255, 0)), Some(-127));
        assert_eq!(shift_to_bytes((-1, 255)), None);
        assert_eq!(shift_to_bytes((i64::MIN, i64::MAX)), None);
    }

    #[test]
    fn sums_are_bounded() {
        assert_eq!(sum_range(10, (0, 255), (-128, 127)), Some((-326_400, 323_850)));
        assert_eq!(sum_range(3, (-2, 1), (-4, 0)), Some((-12, 24)));
        assert_eq!(sum_range(usize::MAX, (0, 1 << 31), (0, 1)), None);
    }
}
