//! Samples of numbers of one shape, each with the label of its class.

use super::Normalisation;
use rayon::prelude::*;

/// Labelled samples of float32 numbers, as an array of the user's has them.
#[derive(Debug, Clone, PartialEq)]
pub struct ArraySet {
    /// Shape `[h, w, c]` of a sample.
    pub shape: [usize; 3],
    /// Numbers in NHWC order.
    pub values: Vec<f32>,
    /// The class of each sample.
    pub labels: Vec<u16>,
}

impl ArraySet {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Numbers of a sample: h · w · c.
    pub fn sample_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The numbers of sample `index`.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn sample(&self, index: usize) -> &[f32] {
        let length = self.sample_len();
        &self.values[index * length..][..length]
    }

    /// The samples `indices` in this order.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    #[must_use]
    pub fn select(&self, indices: &[u32]) -> Self {
        let mut values = Vec::with_capacity(indices.len() * self.sample_len());
        for &index in indices {
            values.extend_from_slice(self.sample(index as usize));
        }
        let labels = indices.iter().map(|&index| self.labels[index as usize]).collect();
        Self { values, labels, ..*self }
    }

    /// Writes the samples `indices` into `out`, `[indices.len(), h, w, c]`: x, or (x - mean) / std of its channel where
    /// `normalisation` has channels. The former content of `out` is lost.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len), or the normalisation has channels, but not those of the samples.
    pub(super) fn fill(&self, normalisation: &Normalisation, indices: &[u32], out: &mut Vec<f32>) {
        let Normalisation { mean, std } = normalisation;
        let as_they_are = mean.is_empty();
        assert!(as_they_are || mean.len() == self.shape[2], "a mean for each channel");
        let length = self.sample_len();
        out.resize(indices.len() * length, 0.0);
        if length == 0 {
            return;
        }
        out.par_chunks_exact_mut(length).zip(indices).for_each(|(out, &index)| {
            let sample = self.sample(index as usize);
            if as_they_are {
                out.copy_from_slice(sample);
                return;
            }
            let channels = mean.iter().zip(std).cycle();
            for ((out, &x), (mean, std)) in out.iter_mut().zip(sample).zip(channels) {
                *out = (x - mean) / std;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> ArraySet {
        ArraySet {
            shape: [1, 2, 2],
            values: (0..12u8).map(f32::from).collect(),
            labels: vec![5, 6, 7],
        }
    }

    #[test]
    fn samples_are_selected_in_order() {
        let chosen = set().select(&[2, 0]);
        assert_eq!(chosen.labels, [7, 5]);
        assert_eq!(chosen.values, [8.0, 9.0, 10.0, 11.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!((chosen.len(), chosen.sample(1)), (2, &[0.0, 1.0, 2.0, 3.0][..]));
    }

    #[test]
    fn numbers_stay_unless_a_mean_is_stated() {
        let mut out = vec![9.0; 40];
        set().fill(&Normalisation::none(), &[1], &mut out);
        assert_eq!(out, [4.0, 5.0, 6.0, 7.0]);
        let normalisation = Normalisation { mean: vec![4.0, 1.0], std: vec![2.0, 0.5] };
        set().fill(&normalisation, &[1], &mut out);
        assert_eq!(out, [0.0, 8.0, 1.0, 12.0]);
    }
}
