//! How far two lists of words are apart.

use serde::Serialize;
use std::ops::AddAssign;

/// Differences of outputs, second minus first, in units of the last place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Outputs compared.
    pub compared: u64,
    /// Outputs that differ.
    pub differing: u64,
    /// The largest magnitude.
    pub largest: u64,
    /// Σ of the magnitudes.
    pub sum: u128,
    /// Differences by sign and magnitude: index b holds magnitudes of b bits, [negative, positive].
    bits: Vec<[u64; 2]>,
}

/// Outputs with a difference in a range, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The smallest difference.
    pub from: i64,
    /// The largest.
    pub to: i64,
    /// Outputs.
    pub outputs: u64,
}

impl Differences {
    /// Adds one output.
    pub(super) fn add(&mut self, first: i64, second: i64) {
        self.compared += 1;
        let difference = second - first;
        if difference == 0 {
            return;
        }
        let magnitude = difference.unsigned_abs();
        self.differing += 1;
        self.largest = self.largest.max(magnitude);
        self.sum += u128::from(magnitude);
        let bits = (u64::BITS - magnitude.leading_zeros()) as usize;
        if self.bits.len() <= bits {
            self.bits.resize(bits + 1, [0; 2]);
        }
        self.bits[bits][usize::from(difference > 0)] += 1;
    }

    /// Mean magnitude of the outputs that differ; 0 if none does.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.differing.max(1) as f64
    }

    /// The differences that occur, ascending: 1, 2 to 3, 4 to 7, 8 to 15 and so on, of each sign.
    pub fn histogram(&self) -> Vec<Bucket> {
        let ends = |bits: usize| {
            let least = 1i64 << (bits - 1);
            (least, 2 * least - 1)
        };
        let entries = || self.bits.iter().enumerate().skip(1);
        let negative = entries().rev().map(|(bits, outputs)| {
            let (least, most) = ends(bits);
            Bucket { from: -most, to: -least, outputs: outputs[0] }
        });
        let positive = entries().map(|(bits, outputs)| {
            let (from, to) = ends(bits);
            Bucket { from, to, outputs: outputs[1] }
        });
        negative.chain(positive).filter(|bucket| bucket.outputs > 0).collect()
    }
}

impl AddAssign<&Self> for Differences {
    fn add_assign(&mut self, other: &Self) {
        self.compared += other.compared;
        self.differing += other.differing;
        self.largest = self.largest.max(other.largest);
        self.sum += other.sum;
        if self.bits.len() < other.bits.len() {
            self.bits.resize(other.bits.len(), [0; 2]);
        }
        for (sum, part) in self.bits.iter_mut().zip(&other.bits) {
            sum[0] += part[0];
            sum[1] += part[1];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_sorted_by_sign_and_magnitude() {
        let mut found = Differences::default();
        for (first, second) in [(5, 5), (5, 6), (5, 4), (5, 4), (0, 3), (0, -256), (-128, 127)] {
            found.add(first, second);
        }
        let mut twice = found.clone();
        twice += &found;
        assert_eq!((found.compared, found.differing, found.largest), (7, 6, 256));
        assert_eq!(found.mean(), (1 + 1 + 1 + 3 + 256 + 255) as f64 / 6.0);
        let buckets: Vec<_> = found.histogram().iter().map(|b| (b.from, b.to, b.outputs)).collect();
        let expected = [(-511, -256, 1), (-1, -1, 2), (1, 1, 1), (2, 3, 1), (128, 255, 1)];
        assert_eq!(buckets, expected);
        assert_eq!((twice.differing, twice.histogram()[1].outputs), (12, 4));
    }
}
