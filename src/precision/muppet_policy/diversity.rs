//! Gradients of the last epochs, and their diversity.

use super::ZeroSum;
use crate::precision::reduce::{ordered_sum, sum_of_squares};
use std::collections::VecDeque;

/// The last gradients of some epochs, by epoch and tensor.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct EpochGradients {
    pub(super) epochs: VecDeque<Vec<Vec<f32>>>,
    /// Replacement in the sum for the first epoch's gradients, if any.
    pub(super) first_in_sum: Option<Vec<Vec<f32>>>,
}

impl EpochGradients {
    /// Number of epochs.
    pub(super) fn len(&self) -> usize {
        self.epochs.len()
    }

    /// Adds an epoch and keeps at most the last `most`.
    pub(super) fn push(&mut self, gradients: &[&[f32]], most: u64) {
        self.epochs.push_back(copies(gradients));
        while self.epochs.len() as u64 > most {
            self.epochs.pop_front();
        }
    }

    /// Uses `gradients` instead of the first epoch's in the sum, but not in the norms.
    pub(super) fn replace_first_in_sum(&mut self, gradients: &[&[f32]]) {
        self.first_in_sum = Some(copies(gradients));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// D: the mean over tensors of Σ‖g‖² / ‖Σ g‖², in float64; `None` if no tensor has one.
    pub(super) fn diversity(&self, zero_sum: ZeroSum) -> Option<f64> {
        let (mut sum, mut tensors) = (0.0, 0u32);
        for tensor in 0..self.epochs.front().map_or(0, Vec::len) {
            let norms: f64 = self.epochs.iter().map(|epoch| sum_of_squares(&epoch[tensor])).sum();
            let norm_of_sum = self.norm_of_sum(tensor);
            if norm_of_sum == 0.0 && zero_sum == ZeroSum::Skip {
                continue;
            }
            sum += norms / norm_of_sum;
            tensors += 1;
        }
        (tensors > 0).then(|| sum / f64::from(tensors))
    }

    /// ‖Σ g‖² of a tensor, the epochs added in their order.
    fn norm_of_sum(&self, tensor: usize) -> f64 {
        let mut total = vec![0f64; self.epochs.front().map_or(0, |epoch| epoch[tensor].len())];
        for (index, epoch) in self.epochs.iter().enumerate() {
            let gradients = match &self.first_in_sum {
                Some(first) if index == 0 => first,
                _ => epoch,
            };
            for (total, &g) in total.iter_mut().zip(&gradients[tensor]) {
                *total += f64::from(g);
            }
        }
        ordered_sum(&total, |g| g * g)
    }
}

fn copies(gradients: &[&[f32]]) -> Vec<Vec<f32>> {
    gradients.iter().map(|gradient| gradient.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diversity(epochs: &[&[&[f32]]]) -> Option<f64> {
        let mut gradients = EpochGradients::default();
        epochs.iter().for_each(|epoch| gradients.push(epoch, 100));
        gradients.diversity(ZeroSum::Skip)
    }

    /// papers/muppet.md section 8.3.
    #[test]
    fn worked_examples() {
        let same: [&[&[f32]]; 3] = [&[&[1.0, 2.0]]; 3];
        assert_eq!(diversity(&same), Some(1.0 / 3.0));
        let orthonormal: [&[&[f32]]; 3] =
            [&[&[1.0, 0.0, 0.0]], &[&[0.0, 1.0, 0.0]], &[&[0.0, 0.0, 1.0]]];
        assert_eq!(diversity(&orthonormal), Some(1.0));
        let cancelling: [&[&[f32]]; 3] = [&[&[1.0, 0.0]], &[&[-0.5, 0.0]], &[&[0.0, 0.5]]];
        assert_eq!(diversity(&cancelling), Some(3.0));
        let first: [&[f32]; 4] = [&[3.0, 4.0], &[0.0, 5.0], &[-1.0, 2.0], &[2.0, 2.0]];
        let second: [&[f32]; 3] = [&[1.0, 0.0, 1.0], &[1.0, 1.0, 0.0], &[0.0, 1.0, 1.0]];
        let both = [0, 1, 2].map(|k| [first[k], second[k]]);
        let both: Vec<&[&[f32]]> = both.iter().map(|epoch| &epoch[..]).collect();
        assert!((diversity(&both).unwrap() - 0.47).abs() < 1e-15);
        let four: Vec<[&[f32]; 1]> = first.iter().map(|g| [*g]).collect();
        let four: Vec<&[&[f32]]> = four.iter().map(|epoch| &epoch[..]).collect();
        assert_eq!(diversity(&four), Some(63.0 / 185.0));
    }

    #[test]
    fn sums_of_zero_are_skipped_or_kept() {
        let mut gradients = EpochGradients::default();
        gradients.push(&[&[1.0], &[2.0], &[0.0]], 2);
        gradients.push(&[&[-1.0], &[2.0], &[0.0]], 2);
        assert_eq!(gradients.diversity(ZeroSum::Skip), Some(0.5));
        assert!(gradients.diversity(ZeroSum::Keep).unwrap().is_nan());
        let mut zero = EpochGradients::default();
        zero.push(&[&[0.0]], 1);
        assert_eq!(zero.diversity(ZeroSum::Skip), None);
        let mut cancelled = EpochGradients::default();
        cancelled.push(&[&[1.0]], 2);
        cancelled.push(&[&[-1.0]], 2);
        assert_eq!(cancelled.diversity(ZeroSum::Keep), Some(f64::INFINITY));
    }
}
