//! Integer-only inference compared with the float vector unit, image by image.

use super::run::{Inference, StepCounts};
use crate::network::Activation;
use crate::network::Pass;
use hwmodel::number::quantise::QuantiseCounts;

/// Agreement between two ways of running the same images, summed over batches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Images.
    pub images: usize,
    /// Images that the integer program classified right.
    pub correct: usize,
    /// Images that the two classified differently.
    pub differing: usize,
    /// Images of which at least one logit differs.
    pub differing_logits: usize,
    /// The largest difference of two logits, in steps of their format.
    pub largest_difference: u64,
    /// Pixels quantised at the input.
    pub input: QuantiseCounts,
    /// Counts of the integer program, one entry a step.
    pub steps: Vec<StepCounts>,
}

/// The position of the largest element, the first of equals; 0 if there is none.
pub fn first_largest<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

impl Comparison {
    /// Adds a batch with `labels`: what the program made of the quantised images, and the pass of the
    /// network with a float vector unit.
    ///
    /// # Panics
    /// If the two have not one row of logits of one format for every label; a program and the network
    /// it was compiled from have.
    pub fn add(
        &mut self,
        labels: &[u16],
        input: QuantiseCounts,
        integer: &Inference,
        float: &Pass,
    ) {
        let Activation::Fixed(expected) = &float.output else {
            panic!("a network that compiles to integers ends in integers");
        };
        assert_eq!(integer.logits.format(), expected.format(), "formats of the logits");
        assert_eq!(integer.logits.len(), expected.len(), "numbers of logits");
        self.input += input;
        self.steps.resize(integer.steps.len(), StepCounts::default());
        for (sum, counts) in self.steps.iter_mut().zip(&integer.steps) {
            *sum += *counts;
        }
        self.images += labels.len();
        let classes = expected.len() / labels.len().max(1);
        let (raw, expected) = (integer.logits.data().to_i64(), expected.data().to_i64());
        let rows = raw.chunks_exact(classes.max(1)).zip(expected.chunks_exact(classes.max(1)));
        let floats = float.logits.chunks_exact(classes.max(1));
        for (((raw, expected), float), &label) in rows.zip(floats).zip(labels) {
            let class = first_largest(raw);
            self.correct += usize::from(class == usize::from(label));
            self.differing += usize::from(class != first_largest(float));
            let difference = raw.iter().zip(expected).map(|(a, b)| (*a).abs_diff(*b));
            let largest = difference.max().unwrap_or(0);
            self.differing_logits += usize::from(largest > 0);
            self.largest_difference = self.largest_difference.max(largest);
        }
    }

    /// Share of images that the integer program classified right.
    pub fn top1(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_class() {
        assert_eq!(first_largest(&[1, 3, 3, -4]), 1);
        assert_eq!(first_largest(&[-7, -7]), 0);
        assert_eq!(first_largest::<i32>(&[]), 0);
    }
}
