//! Sums of pairs of products in 16 bits with saturation: the scalar definition.

use super::IntegerSums;
use crate::FixedTensor;
use crate::array::MacReport;
use crate::cast::low;
use crate::with_raw;

/// Σ_i sat16(a₂ᵢ·b₂ᵢ + a₂ᵢ₊₁·b₂ᵢ₊₁) of every row of a `[m, k]` with every row of b `[n, k]`. The words have at most 9 bits; an event
/// is a pair that left 16 bits.
pub(super) fn linear(a: &FixedTensor, b: &FixedTensor, [m, k, n]: [usize; 3]) -> IntegerSums {
    let [a, b] = [a, b].map(raw);
    let mut report = MacReport::default();
    let mut sums = Vec::with_capacity(m * n);
    for row in 0..m {
        for column in 0..n {
            let pairs = a[row * k..][..k].chunks(2).zip(b[column * k..][..k].chunks(2));
            let (mut sum, mut events, mut nonzero) = (0i32, 0u64, 0u64);
            for (a, b) in pairs {
                let pair: i32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                let stored = pair.clamp(i16::MIN.into(), i16::MAX.into());
                events += u64::from(stored != pair);
                nonzero += a.iter().zip(b).map(|(a, b)| u64::from(a * b != 0)).sum::<u64>();
                sum = sum.wrapping_add(stored);
            }
            report.macs += k as u64;
            report.nonzero_macs += nonzero;
            report.accumulator_events += events;
            sums.push(sum);
        }
    }
    IntegerSums { sums, columns: n, pixels: [m, 1], report }
}

/// b `[k, n]` as `[n, k]`.
pub(super) fn transposed(
    b: &FixedTensor,
    [k, n]: [usize; 2],
) -> Result<FixedTensor, crate::TensorError> {
    let by_term = raw(b);
    let column = |n_at: usize| by_term.iter().skip(n_at).step_by(n.max(1)).copied();
    let by_column: Vec<i32> = (0..n).flat_map(column).collect();
    FixedTensor::from_raw(&[n, k], b.format(), &by_column)
}

fn raw(words: &FixedTensor) -> Vec<i32> {
    with_raw!(words.data(), raw => raw.iter().map(|&raw| low(raw)).collect())
}
