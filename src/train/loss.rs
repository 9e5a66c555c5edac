//! The loss that the precision controller sees: cross-entropy, regularisers and word-length penalty.

use crate::precision::reduce::norm_sums;
use hwmodel::SimdLevel;
use hwmodel::float32::Values;

/// One term of the word-length penalty: a layer or a parameter tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PenaltyTerm {
    /// WL in bits.
    pub word_length: u32,
    /// Elements of the quantised tensor that are not zero.
    pub nonzero: u64,
    /// All its elements.
    pub elements: u64,
}

/// P = mean over the terms of (WL / 32)·sp, sp = nonzero / elements; 0 without terms. The paper's
/// terms are layers, the released code's are parameter tensors.
pub fn word_length_penalty(terms: &[PenaltyTerm]) -> f64 {
    if terms.is_empty() {
        return 0.0;
    }
    let weighted = terms.iter().map(|term| {
        let share = term.nonzero as f64 / (term.elements as f64).max(1.0);
        f64::from(term.word_length) / 32.0 * share
    });
    weighted.sum::<f64>() / terms.len() as f64
}

/// The loss value given to the strategy (papers/adapt.md section 6, item 2), divided by the number
/// of micro-batches: the strategy is given that of an update's last one.
///
/// L = cross-entropy + α·Σ‖Ŵ‖₁ + (β/2)·Σ‖Ŵ‖₂² + P. The penalty has no gradient. For `released` it is
/// left out for LeNet (`penalty` = None). β acts on the weights through
/// [`OptimiserOptions::weight_decay`](super::optimiser::OptimiserOptions::weight_decay), not through this value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossComposition {
    /// Mean cross-entropy of the micro-batch.
    pub cross_entropy: f64,
    /// α.
    pub l1: f64,
    /// β.
    pub l2: f64,
    /// P, if this network's loss has it.
    pub penalty: Option<f64>,
    /// Micro-batches of an update.
    pub accumulation: u32,
}

impl LossComposition {
    /// The loss value with the norms of the `quantised` parameter tensors, biases included.
    pub fn value<'a>(
        &self,
        simd: SimdLevel,
        quantised: impl IntoIterator<Item = Values<'a>>,
    ) -> f64 {
        let (mut absolute, mut squares) = (0.0, 0.0);
        if self.l1 != 0.0 || self.l2 != 0.0 {
            for tensor in quantised {
                let [one, square] = norm_sums(simd, tensor);
                absolute += one;
                squares += square;
            }
        }
        let regularisers = self.l1 * absolute + self.l2 / 2.0 * squares;
        let loss = self.cross_entropy + regularisers + self.penalty.unwrap_or(0.0);
        loss / f64::from(self.accumulation.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalty_and_loss_by_hand() {
        let term = |word_length, nonzero| PenaltyTerm { word_length, nonzero, elements: 4 };
        let penalty = word_length_penalty(&[term(8, 4), term(16, 2)]);
        assert_eq!(penalty, 0.25);
        assert_eq!(word_length_penalty(&[]), 0.0);
        let loss = LossComposition {
            cross_entropy: 1.0,
            l1: 0.5,
            l2: 0.25,
            penalty: Some(penalty),
            accumulation: 2,
        };
        // 1 + 0.5·(1 + 2 + 3) + 0.125·(1 + 4 + 9) + 0.25 = 6, halved.
        let tensors = [Values::Float(&[1.0, -2.0]), Values::Float(&[3.0])];
        assert_eq!(loss.value(SimdLevel::PORTABLE, tensors), 3.0);
        let without = LossComposition { penalty: None, accumulation: 1, ..loss };
        assert_eq!(without.value(SimdLevel::PORTABLE, tensors), 5.75);
    }
}
