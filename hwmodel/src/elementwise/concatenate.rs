//! Concatenation of channels: pixel by pixel, the channels of every branch side by side.
//!
//! Tensors are [n, h, w, c], so a pixel of the result is a copy of that pixel of each branch. Values do
//! not change; branches have one format. The gradient is split where the channels were joined.

use super::length::{LengthError, check_length};
use crate::{Format, RawData};
use rayon::prelude::*;

/// Pixels a thread handles at a time.
const PIXELS: usize = 1 << 10;

/// Branch b has `channels[b]` channels of each of `pixels` pixels; the result has their sum.
///
/// # Errors
/// If a branch has another length.
///
/// # Panics
/// If there are not as many branches as numbers of channels.
pub fn concatenate<T: Copy + Default + Send + Sync>(
    branches: &[&[T]],
    channels: &[usize],
    pixels: usize,
) -> Result<Vec<T>, LengthError> {
    assert_eq!(branches.len(), channels.len(), "branches");
    for (branch, &channels) in branches.iter().zip(channels) {
        check_length("branch of a concatenation", branch.len(), channels * pixels)?;
    }
    let width: usize = channels.iter().sum();
    let mut out = vec![T::default(); width * pixels];
    out.par_chunks_mut((PIXELS * width).max(1)).enumerate().for_each(|(chunk, out)| {
        for (offset, mut out) in out.chunks_exact_mut(width).enumerate() {
            let pixel = chunk * PIXELS + offset;
            for (branch, &channels) in branches.iter().zip(channels) {
                let (part, rest) = out.split_at_mut(channels);
                part.copy_from_slice(&branch[pixel * channels..][..channels]);
                out = rest;
            }
        }
    });
    Ok(out)
}

/// [`concatenate`] of raw integers of `format`.
///
/// ```
/// use hwmodel::elementwise::concatenate_raw;
/// use hwmodel::{Format, RawData};
/// // Two pixels of one and of two channels.
/// let (first, second) = (RawData::I8(vec![1, 2]), RawData::I8(vec![10, 11, 20, 21]));
/// let joined = concatenate_raw(&[&first, &second], &[1, 2], 2, Format::new(8, 4)?)?;
/// assert_eq!(joined.to_i32(), [1, 10, 11, 2, 20, 21]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a branch has another length or the container of another format.
///
/// # Panics
/// As [`concatenate`].
pub fn concatenate_raw(
    branches: &[&RawData],
    channels: &[usize],
    pixels: usize,
    format: Format,
) -> Result<RawData, LengthError> {
    // A branch in another container has no words of this one.
    macro_rules! joined {
        ($container:ident) => {{
            let words = branches.iter().map(|branch| match branch {
                RawData::$container(words) => &words[..],
                _ => &[],
            });
            RawData::$container(concatenate(&words.collect::<Vec<_>>(), channels, pixels)?)
        }};
    }
    Ok(match RawData::zeros(format, 0) {
        RawData::I8(_) => joined!(I8),
        RawData::I16(_) => joined!(I16),
        RawData::I32(_) => joined!(I32),
        RawData::I64(_) => joined!(I64),
    })
}

/// The parts of `joined`, one a branch with its number of channels.
///
/// # Errors
/// If the length is not a whole number of pixels.
pub fn split<T: Copy + Send + Sync>(
    joined: &[T],
    channels: &[usize],
) -> Result<Vec<Vec<T>>, LengthError> {
    let width: usize = channels.iter().sum::<usize>().max(1);
    check_length("concatenation", joined.len(), joined.len() / width * width)?;
    let mut first = 0;
    let ranges = channels.iter().map(|&channels| {
        let range = first..first + channels;
        first = range.end;
        range
    });
    let ranges: Vec<_> = ranges.collect();
    let part = |range: &std::ops::Range<usize>| {
        let pixels = joined.chunks_exact(width);
        pixels.flat_map(|pixel| pixel[range.clone()].iter().copied()).collect()
    };
    Ok(ranges.par_iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn channels_stand_side_by_side_in_every_pixel() {
        // Two pixels; branches of 1, 3 and 2 channels.
        let branches: [&[i32]; 3] = [&[1, 2], &[10, 11, 12, 20, 21, 22], &[30, 31, 40, 41]];
        let joined = concatenate(&branches, &[1, 3, 2], 2).unwrap();
        assert_eq!(joined, [1, 10, 11, 12, 30, 31, 2, 20, 21, 22, 40, 41]);
        assert_eq!(split(&joined, &[1, 3, 2]).unwrap(), branches.map(<[i32]>::to_vec));
    }

    #[test]
    fn wrong_lengths_and_containers_are_errors() {
        let error = concatenate::<i8>(&[&[1, 2], &[1]], &[1, 1], 2).unwrap_err();
        assert_eq!((error.given, error.needed), (1, 2));
        let (narrow, wide) = (RawData::I8(vec![1, 2]), RawData::I16(vec![1, 2]));
        let format = Format::new(8, 4).unwrap();
        assert!(concatenate_raw(&[&narrow, &wide], &[1, 1], 2, format).is_err());
        assert!(split(&[1.0f32; 5], &[1, 1]).is_err());
    }

    proptest! {
        #[test]
        fn splitting_undoes_joining(
            channels in proptest::collection::vec(1usize..6, 1..5), pixels in 0usize..2500,
        ) {
            let branches: Vec<Vec<i16>> = channels
                .iter()
                .enumerate()
                .map(|(branch, &channels)| {
                    (0..channels * pixels).map(|i| (i * 7 + branch * 1000) as i16).collect()
                })
                .collect();
            let slices: Vec<&[i16]> = branches.iter().map(Vec::as_slice).collect();
            let joined = concatenate(&slices, &channels, pixels).unwrap();
            prop_assert_eq!(joined.len(), channels.iter().sum::<usize>() * pixels);
            prop_assert_eq!(split(&joined, &channels).unwrap(), branches);
        }
    }
}
