//! One ⟨WL, FL⟩ for a tensor of integers in another format.

use crate::number::format::{Format, FormatError, MAX_FRACTIONAL_LENGTH};
use crate::number::tensor::FixedTensor;
use crate::parallel;
use crate::with_raw;

/// ⟨`wl`, FL⟩ whose range just holds the elements of `tensor`, by the rule of [`tensor_format`](super::tensor_format), exactly in
/// integers.
///
/// With the smallest and largest element min and max and the fractional length FLs of `tensor`, FL is the largest with
/// max·2^(FL - FLs) ≤ 2^(WL-1) - ½ and min·2^(FL - FLs) ≥ -2^(WL-1) - ½; 0 if every element is zero. FL is limited to ±64.
///
/// # Errors
/// If `wl` is not 1 to 32 bits.
pub fn raw_format(tensor: &FixedTensor, wl: u32) -> Result<Format, FormatError> {
    let (low, high) = with_raw!(tensor.data(), data => extremes(data));
    format_of_range(low, high, tensor.format().fl(), wl)
}

/// Smallest and largest element; zeros if there is none. The largest of negative ones takes part in the rule
/// as it is, as in [`tensor_format`](super::tensor_format).
pub(crate) fn extremes<T: Copy + Ord + Into<i128> + Send + Sync>(values: &[T]) -> (i128, i128) {
    let Some(&first) = values.first() else { return (0, 0) };
    let wider = |(low, high): (T, T), (less, more): (T, T)| (low.min(less), high.max(more));
    let of_chunk =
        |chunk: &[T]| chunk.iter().fold((first, first), |all, &value| wider(all, (value, value)));
    let (low, high) =
        parallel::map(values.chunks(1 << 14), of_chunk).into_iter().fold((first, first), wider);
    (low.into(), high.into())
}

/// ⟨`wl`, FL⟩ of integers from `low` to `high` with fractional length `fl`, by the rule of [`raw_format`].
pub(crate) fn format_of_range(
    low: i128,
    high: i128,
    fl: i32,
    wl: u32,
) -> Result<Format, FormatError> {
    let zero = Format::new(wl, 0)?;
    let largest = high.unsigned_abs().max(low.unsigned_abs());
    if largest == 0 {
        return Ok(zero);
    }
    // 2·high·2^s ≤ 2^WL - 1 and 2·|low|·2^s ≤ 2^WL + 1; the first s is too large by one at most.
    let bits = 128 - largest.leading_zeros();
    let mut shift = wl as i32 - bits as i32 + 1;
    let fits = |magnitude: u128, limit: u128, shift: i32| match u32::try_from(shift) {
        Ok(left) => magnitude << (left + 1) <= limit,
        // The range moves instead, rounded down, which compares the same with an integer.
        Err(_) => magnitude <= limit << (-shift) >> 1,
    };
    let (top, bottom) = ((1u128 << wl) - 1, (1u128 << wl) + 1);
    while !(fits(high.unsigned_abs(), top, shift) && fits(low.unsigned_abs(), bottom, shift)) {
        shift -= 1;
    }
    Format::new(wl, (fl + shift).clamp(-MAX_FRACTIONAL_LENGTH, MAX_FRACTIONAL_LENGTH))
}
