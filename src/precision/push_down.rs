//! PushDown: the coarsest format that loses no information (papers/adapt.md section 3).

use super::edf::WeightDistribution;
use super::{PrecisionError, Variant};
use hwmodel::Format;
use serde::{Deserialize, Serialize};

/// The largest format that PushDown of `paper` may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushDownRange {
    /// ⟨32, min(31, 32 - buffer bits)⟩.
    Full,
    /// The format in force.
    Current,
}

/// Additional inputs of PushDown of `paper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperSearch {
    /// A format is lossless if its KL divergence in nats is below this.
    pub epsilon_kl: f64,
    /// Bits kept free above the binary point, 0 to 32.
    pub buffer_bits: u32,
    /// Start of the search.
    pub range: PushDownRange,
}

/// The answer of PushDown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PushedDown {
    /// ⟨WL_min, FL_min⟩.
    pub format: Format,
    /// The loss of that format: KL divergence in nats (`paper`) or the released code's loss.
    pub loss: f64,
}

/// PushDown of `paper` on the whole tensor.
///
/// If the largest candidate is lossy, the current format is kept. Otherwise FL is bisected at the
/// largest WL, then WL from FL + 1 upwards at that FL; each takes the lowest value found lossless.
///
/// # Errors
/// If there are no weights, one is not finite, or `resolution` is impossible.
pub fn paper(
    weights: &[f32],
    current: Format,
    resolution: u32,
    search: PaperSearch,
) -> Result<PushedDown, PrecisionError> {
    let all = WeightDistribution::new(Variant::Paper, weights, resolution)?;
    let lossless =
        |wl: i32, fl: i32| Ok::<_, PrecisionError>(all.loss(format(wl, fl)?) < search.epsilon_kl);
    let (top_wl, top_fl) = match search.range {
        PushDownRange::Full => (32, 31.min(32 - search.buffer_bits.min(32) as i32)),
        PushDownRange::Current => (current.wl() as i32, current.fl()),
    };
    let found = if lossless(top_wl, top_fl)? {
        let fl = lowest(0, top_fl, |fl| lossless(top_wl, fl))?;
        let wl = lowest(fl + 1, top_wl, |wl| lossless(wl, fl))?;
        format(wl, fl)?
    } else {
        current
    };
    Ok(PushedDown { format: found, loss: all.loss(found) })
}

/// PushDown of the released code on the first output slice `W[0]`.
///
/// Bounds [4, FL], then [FL_min, WL]; the middle is rounded up, a lossy candidate (loss > 0) raises
/// the lower bound to the middle, and the answer is the lower bound: the last lossy one. The search
/// over FL evaluates the loss at the lower bound instead of the middle.
///
/// # Errors
/// If there are no weights, one is not finite, or `resolution` is impossible.
pub fn released(
    first_slice: &[f32],
    current: Format,
    resolution: u32,
) -> Result<PushedDown, PrecisionError> {
    let all = WeightDistribution::new(Variant::Released, first_slice, resolution)?;
    let lossy = |wl: i32, fl: i32| Ok::<_, PrecisionError>(all.loss(format(wl, fl)?) > 0.0);
    let wl = current.wl() as i32;
    let fl = last_lossy(4, current.fl(), |low, _| lossy(wl, low))?;
    let wl = last_lossy(fl, wl, |_, middle| lossy(middle, fl))?;
    let found = format(wl, fl)?;
    Ok(PushedDown { format: found, loss: all.loss(found) })
}

fn format(wl: i32, fl: i32) -> Result<Format, PrecisionError> {
    Ok(Format::new(u32::try_from(wl).unwrap_or(0), fl)?)
}

/// Bisects for the lowest lossless value; `high` is taken to be lossless.
fn lowest(
    mut low: i32,
    mut high: i32,
    lossless: impl Fn(i32) -> Result<bool, PrecisionError>,
) -> Result<i32, PrecisionError> {
    while low < high {
        let middle = (low + high).div_euclid(2);
        if lossless(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(high)
}

/// The released code's bisection; `lossy` is asked with (lower bound, middle).
fn last_lossy(
    mut low: i32,
    mut high: i32,
    lossy: impl Fn(i32, i32) -> Result<bool, PrecisionError>,
) -> Result<i32, PrecisionError> {
    for _ in 0..high - low {
        let middle = low + (high - low + 1).div_euclid(2);
        if lossy(low, middle)? {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= 1 {
            break;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: PaperSearch =
        PaperSearch { epsilon_kl: 1e-2, buffer_bits: 4, range: PushDownRange::Full };

    fn of(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    /// Multiples of 2^-6 up to ±40/64: FL 6 and WL 7 are just enough.
    fn grid() -> Vec<f32> {
        (-40..=40).map(|n| n as f32 / 64.0).collect()
    }

    #[test]
    fn paper_finds_the_format_of_a_grid() {
        let found = paper(&grid(), of(8, 4), 81, SEARCH).unwrap();
        assert_eq!((found.format, found.loss), (of(7, 6), 0.0));
    }

    #[test]
    fn paper_bounded_by_a_lossy_format_keeps_it() {
        let search = PaperSearch { range: PushDownRange::Current, ..SEARCH };
        let kept = paper(&grid(), of(8, 4), 81, search).unwrap();
        assert_eq!(kept.format, of(8, 4));
        assert!(kept.loss > SEARCH.epsilon_kl);
        assert_eq!(paper(&grid(), of(12, 9), 81, search).unwrap().format, of(7, 6));
    }

    #[test]
    fn released_answers_the_last_lossy_format() {
        let found = released(&grid(), of(12, 9), 81).unwrap();
        assert!(found.format.fl() >= 4 && found.format.fl() <= 9);
        assert_eq!(released(&grid(), of(4, 2), 81).unwrap().format, of(4, 4), "FL < 4 becomes 4");
    }

    #[test]
    fn bisections_by_hand() {
        assert_eq!(lowest(0, 10, |x| Ok(x >= 7)), Ok(7));
        assert_eq!(lowest(5, 4, |_| Ok(true)), Ok(4), "an empty range answers its upper end");
        // Middles 6, then 7: 6 is lossy and becomes the answer, 7 is not.
        assert_eq!(last_lossy(4, 8, |_, middle| Ok(middle < 7)), Ok(6));
        assert_eq!(last_lossy(4, 2, |_, _| Ok(true)), Ok(4));
    }

    #[test]
    fn no_weights_is_an_error() {
        assert_eq!(paper(&[], of(8, 4), 10, SEARCH), Err(PrecisionError::Weights));
        assert_eq!(released(&[f32::NAN], of(8, 4), 10), Err(PrecisionError::Weights));
    }
}
