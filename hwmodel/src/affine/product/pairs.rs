//! Sums of pairs of products in 16 bits with saturation: the scalar definition.

use crate::array::MacReport;

/// Σ_i sat16(a₂ᵢ·b₂ᵢ + a₂ᵢ₊₁·b₂ᵢ₊₁) of every row of `a` (`[m, terms]`) with every row of `b` (`[n, terms]`), as `[m, n]`. The words
/// have at most 9 bits; an event is a pair that left 16 bits.
pub(super) fn linear(a: &[i32], b: &[i32], terms: usize) -> (Vec<i32>, MacReport) {
    let mut report = MacReport::default();
    let terms = terms.max(1);
    let mut sums = Vec::with_capacity(a.len() / terms * (b.len() / terms));
    for a in a.chunks_exact(terms) {
        for b in b.chunks_exact(terms) {
            let (mut sum, mut events, mut nonzero) = (0i32, 0u64, 0u64);
            for (a, b) in a.chunks(2).zip(b.chunks(2)) {
                let pair: i32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                let stored = pair.clamp(i16::MIN.into(), i16::MAX.into());
                events += u64::from(stored != pair);
                nonzero += a.iter().zip(b).map(|(a, b)| u64::from(a * b != 0)).sum::<u64>();
                sum = sum.wrapping_add(stored);
            }
            report.macs += terms as u64;
            report.nonzero_macs += nonzero;
            report.accumulator_events += events;
            sums.push(sum);
        }
    }
    (sums, report)
}
