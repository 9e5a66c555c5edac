//! Operands without a network: random words, or words whose sums meet the edges of accumulator and output.

use super::error::RtlError;
use super::product::{OutputStage, Product};
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::random::{below, generator};
use hwmodel::{Accumulator, FixedTensor, Format};
use rand_core::Rng;

/// How operands are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StimulusKind {
    /// Uniform over the whole range of their words.
    Random,
    /// Row after row of C has sums around one target: the ends of the accumulator and one beyond them, ties of the rounding with
    /// even and odd neighbours on both sides of zero, the ends of the output's word. Rows beyond the targets are random.
    Directed,
}

/// A product without a network.
#[derive(Debug, Clone)]
pub struct Stimulus {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Terms of a sum.
    pub k: usize,
    /// Format of A.
    pub a: Format,
    /// Format of B.
    pub b: Format,
    /// Format of a bias, drawn over its whole range.
    pub bias: Option<Format>,
    /// The accumulator.
    pub accumulator: Accumulator,
    /// What becomes of a sum.
    pub output: OutputStage,
    /// How operands are chosen.
    pub kind: StimulusKind,
    /// Seed of the random words.
    pub seed: u64,
}

/// The most elements of an operand or of C.
pub(super) const MOST_WORDS: usize = 1 << 26;

impl Stimulus {
    /// The product.
    ///
    /// # Errors
    /// If a matrix has too many elements.
    pub fn product(&self) -> Result<Product, RtlError> {
        let &Self { m, n, k, .. } = self;
        for (what, rows, columns) in [("A", m, k), ("B", k, n), ("C", m, n)] {
            let words = rows as u128 * columns as u128;
            if words > MOST_WORDS as u128 {
                return Err(RtlError::TooLarge { what, words, most: MOST_WORDS });
            }
        }
        let mut a = self.words(self.a, m * k, 0);
        let mut b = self.words(self.b, k * n, 1);
        if self.kind == StimulusKind::Directed {
            self.direct(&mut a, &mut b);
        }
        let bias = match self.bias {
            None => None,
            Some(format) => Some(FixedTensor::from_raw(&[n], format, &self.words(format, n, 2))?),
        };
        Ok(Product {
            m,
            n,
            k,
            a: vec![FixedTensor::from_raw(&[m, k], self.a, &a)?],
            b: vec![FixedTensor::from_raw(&[k, n], self.b, &b)?],
            bias,
            accumulator: self.accumulator,
            output: self.output.clone(),
        })
    }

    /// `count` words of `format`, uniform over its range.
    fn words(&self, format: Format, count: usize, which: u64) -> Vec<i64> {
        let mut generator = generator(self.seed, &[0x0072_746c, which]);
        let unused = 32 - format.wl();
        let mut draw = || {
            let bits = generator.next_u32();
            let raw = match format.is_signed() {
                true => i64::from(bits.cast_signed() >> unused),
                false => i64::from(bits >> unused),
            };
            // A narrow word has one raw integer less.
            raw.clamp(format.min_raw(), format.max_raw())
        };
        (0..count).map(|_| draw()).collect()
    }

    /// Sums to come near to: in units of the product's last place.
    fn targets(&self) -> Vec<i128> {
        let mut targets = vec![0];
        if let AccumulatorWidth::Bits(bits) = self.accumulator.width {
            targets.extend([bits.max(), bits.min()]);
        }
        let shift = self.a.fl() + self.b.fl() - self.output.format.fl();
        let word = self.output.format.word();
        if (0..=62).contains(&shift) && self.output.scales.is_none() {
            let half = if shift == 0 { 0 } else { 1i128 << (shift - 1) };
            // Ties between whole numbers of both parities and signs, then the ends of the word.
            targets.extend([-3, -2, -1, 0, 1, 2].map(|whole: i128| (whole << shift) + half));
            targets
                .extend([word.max(), word.min(), word.min() - 1].map(|end| (end << shift) + half));
        }
        targets
    }

    /// Chooses A and B so that the sum of row i and column j is target i plus j - N/2, as far as K words reach.
    ///
    /// B falls from its largest magnitude to 1 down the rows; its last row, which meets a 1 of A, differs from column to column.
    fn direct(&self, a: &mut [i64], b: &mut [i64]) {
        let &Self { n, k, .. } = self;
        let one = self.a.max_raw().min(1);
        let largest = if self.b.is_signed() { self.b.min_raw() } else { self.b.max_raw() };
        let weights: Vec<i64> = (0..k)
            .map(|at| {
                // Half of the rows have the largest magnitude, the others a smaller power of two each.
                let smaller = largest / (1 << (at.saturating_sub(k / 2)).min(62));
                if smaller == 0 { largest.signum() } else { smaller }
            })
            .collect();
        for at in 0..k {
            for column in 0..n {
                b[at * n + column] = match at + 1 == k {
                    true => {
                        let offset =
                            i64::try_from(column).unwrap_or(0) - i64::try_from(n / 2).unwrap_or(0);
                        offset.clamp(self.b.min_raw(), self.b.max_raw())
                    }
                    false => weights[at],
                };
            }
        }
        for (target, row) in self.targets().into_iter().zip(a.chunks_mut(k)) {
            let mut left = target;
            for (word, &weight) in row.iter_mut().zip(&weights).take(k - 1) {
                let weight = i128::from(weight);
                // Toward zero, so that no step passes the target.
                let wanted = if weight == 0 { 0 } else { left / weight };
                let chosen = wanted.clamp(self.a.min_raw().into(), self.a.max_raw().into());
                left -= chosen * weight;
                *word = hwmodel::cast::exact(chosen);
            }
            row[k - 1] = one;
        }
    }

    /// A number of rows that holds every target, for arrays of `rows` rows.
    pub fn rows_of_targets(&self) -> usize {
        self.targets().len()
    }

    /// A size from 1 to `most`, for tests over many shapes.
    pub fn size(seed: u64, which: u64, most: u32) -> usize {
        1 + below(&mut generator(seed, &[0x0073_697a, which]), most) as usize
    }
}
