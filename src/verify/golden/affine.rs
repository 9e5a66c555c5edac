//! What the files of affine operators share: types, lists, scales.

use super::bits::Bits;
use super::layout::{channels_last, elements};
use super::{Checker, GoldenError, Line};
use hwmodel::affine::{AffineError, AffineTensor, Granularity, Quantisation};
use hwmodel::{FixedTensor, Format};

/// The format of ONNX's integer type `name`.
pub(super) fn integer_type(line: &Line<'_>, name: &str) -> Result<Format, GoldenError> {
    let unknown = || line.error(format!("`{name}` is not an integer type"));
    let (bits, signed) = match (name.strip_prefix("uint"), name.strip_prefix("int")) {
        (Some(bits), _) => (bits, false),
        (_, Some(bits)) => (bits, true),
        _ => return Err(unknown()),
    };
    let bits: u32 = bits.parse().map_err(|_| unknown())?;
    let format = if signed { Format::new(bits, 0) } else { Format::unsigned(bits, 0) };
    format.map_err(|_| unknown())
}

/// The float32 numbers of a line.
pub(super) fn floats(line: &Line<'_>) -> Result<Vec<f32>, GoldenError> {
    line.rest(1, |line, index| line.float32(index, "float32 number"))
}

/// The only float32 number of a line.
pub(super) fn float(line: &Line<'_>) -> Result<f32, GoldenError> {
    line.expect_fields(2)?;
    line.float32(1, "float32 number")
}

/// The integers of a line.
pub(super) fn integers(line: &Line<'_>) -> Result<Vec<i32>, GoldenError> {
    line.rest(1, |line, index| line.value(index, "integer of 32 bits"))
}

/// The only integer of a line.
pub(super) fn integer(line: &Line<'_>) -> Result<i32, GoldenError> {
    line.expect_fields(2)?;
    line.value(1, "integer of 32 bits")
}

/// The numbers of a line that are integers or `numerator/denominator`.
pub(super) fn numbers(line: &Line<'_>) -> Result<Vec<f64>, GoldenError> {
    line.rest(1, |line, index| {
        let text = line.text(index, "number")?;
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        match (numerator.parse::<i64>(), denominator.parse::<i64>()) {
            (Ok(numerator), Ok(denominator)) if denominator > 0 => {
                Ok(numerator as f64 / denominator as f64)
            }
            _ => Err(line.error(format!("`{text}` is not a number"))),
        }
    })
}

/// A result of the library, or its error at `line`.
pub(super) fn found<T>(line: &Line<'_>, result: Result<T, AffineError>) -> Result<T, GoldenError> {
    result.map_err(|error| line.error(error.to_string()))
}

/// The words of a line, for a tensor of `shape`.
pub(super) fn words(
    line: &Line<'_>,
    shape: &[usize],
    format: Format,
) -> Result<FixedTensor, GoldenError> {
    of_words(line, shape, format, &integers(line)?)
}

/// The words of a line in the order `[.., channels, pixels]`, for a tensor of `shape` whose last axis is that of the channels.
pub(super) fn words_by_channel(
    line: &Line<'_>,
    shape: &[usize],
    format: Format,
) -> Result<FixedTensor, GoldenError> {
    let raw = integers(line)?;
    let (Some(&channels), Some(&[height, width])) =
        (shape.last(), shape.get(1..).and_then(<[usize]>::first_chunk::<2>))
    else {
        return Err(line.error("the tensor is not 4-D"));
    };
    let pixels = elements(&[height, width]).ok_or_else(|| line.error("the tensor is too large"))?;
    let needed = elements(shape).filter(|&needed| needed == raw.len());
    if needed.is_none() {
        return Err(line.error(format!("{} words do not fill the shape {shape:?}", raw.len())));
    }
    of_words(line, shape, format, &channels_last(&raw, channels, pixels))
}

fn of_words(
    line: &Line<'_>,
    shape: &[usize],
    format: Format,
    raw: &[i32],
) -> Result<FixedTensor, GoldenError> {
    FixedTensor::from_raw(shape, format, raw).map_err(|error| line.error(error.to_string()))
}

/// A tensor with one scale, or with one for each index of `axis` if there are several; one zero point stands for all.
pub(super) fn tensor(
    line: &Line<'_>,
    words: FixedTensor,
    axis: usize,
    scales: Vec<f32>,
    zero_points: &[i32],
) -> Result<AffineTensor, GoldenError> {
    let count = scales.len().max(zero_points.len());
    let spread = |length: usize| if length == 1 { count } else { length };
    let granularity = if count == 1 { Granularity::Tensor } else { Granularity::Axis { axis } };
    let scales: Vec<f32> = scales.iter().copied().cycle().take(spread(scales.len())).collect();
    let zero_points: Vec<i32> =
        zero_points.iter().copied().cycle().take(spread(zero_points.len())).collect();
    let quantisation = found(line, Quantisation::new(granularity, scales, zero_points))?;
    found(line, AffineTensor::new(words, quantisation))
}

/// Compares integers with those of `line`.
pub(super) fn compare_integers(
    checker: &mut Checker,
    line: &Line<'_>,
    what: &str,
    found: &[i32],
) -> Result<(), GoldenError> {
    checker.row(line);
    let expected = line.list::<i32>(1, found.len(), "integer of 32 bits")?;
    for (index, (expected, &found)) in expected.into_iter().zip(found).enumerate() {
        checker.equal(line, format_args!("{what} {index}"), expected, found);
    }
    Ok(())
}

/// Compares float32 numbers, bit by bit, with those of `line`.
pub(super) fn compare_floats(
    checker: &mut Checker,
    line: &Line<'_>,
    what: &str,
    found: &[f32],
) -> Result<(), GoldenError> {
    checker.row(line);
    let expected = floats(line)?;
    if expected.len() != found.len() {
        let (given, needed) = (expected.len(), found.len());
        return Err(line.error(format!("{given} values, expected {needed}")));
    }
    for (index, (expected, &found)) in expected.into_iter().zip(found).enumerate() {
        checker.equal(line, format_args!("{what} {index}"), Bits(expected), Bits(found));
    }
    Ok(())
}

/// Compares numbers with those of `line`.
pub(super) fn compare_numbers(
    checker: &mut Checker,
    line: &Line<'_>,
    what: &str,
    found: &[f64],
) -> Result<(), GoldenError> {
    checker.row(line);
    let expected = numbers(line)?;
    if expected.len() != found.len() {
        let (given, needed) = (expected.len(), found.len());
        return Err(line.error(format!("{given} values, expected {needed}")));
    }
    for (index, (expected, &found)) in expected.into_iter().zip(found).enumerate() {
        checker.equal(line, format_args!("{what} {index}"), expected, found);
    }
    Ok(())
}
