//! Training or test samples: images or numbers with a class each, or sequences with targets.

use super::{ArraySet, Augmentation, ImageSet, Normalisation, SequenceSet, fill_batch};

/// Samples of one shape with their targets.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleSet {
    /// Images, each with the label of its class.
    Images(ImageSet),
    /// Numbers of any shape, each sample with the label of its class.
    Arrays(ArraySet),
    /// Sequences of token numbers, each token with the next one as its target.
    Sequences(SequenceSet),
}

/// How image samples become inputs; sequences stay as they are.
#[derive(Debug, Clone, Copy)]
pub struct Preparation<'a> {
    /// From pixels to floats.
    pub normalisation: &'a Normalisation,
    /// Random variation, if there is any.
    pub augmentation: Option<&'a Augmentation>,
    /// Seed and epoch of the variation.
    pub place: (u64, u64),
}

impl SampleSet {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Images(images) => images.len(),
            Self::Arrays(arrays) => arrays.len(),
            Self::Sequences(sequences) => sequences.len(),
        }
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape `[h, w, c]` of a sample as a network takes it; `[T, 1, 1]` for sequences of T tokens.
    pub fn input(&self) -> [usize; 3] {
        match self {
            Self::Images(images) => [images.height, images.width, images.channels],
            Self::Arrays(arrays) => arrays.shape,
            Self::Sequences(sequences) => [sequences.sequence_length(), 1, 1],
        }
    }

    /// Targets of a sample: 1, or T for sequences of T tokens.
    pub fn targets_each(&self) -> usize {
        match self {
            Self::Images(_) | Self::Arrays(_) => 1,
            Self::Sequences(sequences) => sequences.sequence_length(),
        }
    }

    /// The targets of the samples `indices`, those of each sample together.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn targets(&self, indices: &[u32]) -> Vec<u16> {
        let indices = indices.iter().map(|&index| index as usize);
        match self {
            Self::Images(images) => indices.map(|index| images.labels[index]).collect(),
            Self::Arrays(arrays) => indices.map(|index| arrays.labels[index]).collect(),
            Self::Sequences(sequences) => {
                indices.flat_map(|index| sequences.targets(index)).copied().collect()
            }
        }
    }

    /// Writes the inputs of the samples `indices` into `out`, `[indices.len(), h, w, c]`: normalised
    /// pixels or numbers, or token numbers. The former content of `out` is lost.
    ///
    /// # Panics
    /// As [`fill_batch`].
    pub fn fill(&self, preparation: &Preparation<'_>, indices: &[u32], out: &mut Vec<f32>) {
        match self {
            Self::Images(images) => {
                let Preparation { normalisation, augmentation, place: (seed, epoch) } =
                    *preparation;
                fill_batch(images, normalisation, augmentation, seed, epoch, indices, out);
            }
            Self::Arrays(arrays) => arrays.fill(preparation.normalisation, indices, out),
            Self::Sequences(sequences) => {
                let tokens = indices.iter().flat_map(|&index| sequences.sequence(index as usize));
                out.clear();
                out.extend(tokens.map(|&token| f32::from(token)));
            }
        }
    }

    /// The images, if these are images.
    pub fn images(&self) -> Option<&ImageSet> {
        match self {
            Self::Images(images) => Some(images),
            Self::Arrays(_) | Self::Sequences(_) => None,
        }
    }

    /// The sequences, if these are sequences.
    pub fn sequences(&self) -> Option<&SequenceSet> {
        match self {
            Self::Sequences(sequences) => Some(sequences),
            Self::Images(_) | Self::Arrays(_) => None,
        }
    }

    /// `image`, `sample` or `sequence`.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Images(_) => "image",
            Self::Arrays(_) => "sample",
            Self::Sequences(_) => "sequence",
        }
    }

    /// Everything that the samples are made of, for a fingerprint.
    pub fn bytes(&self) -> [&[u8]; 2] {
        match self {
            Self::Images(images) => [&images.pixels, bytemuck::cast_slice(&images.labels)],
            Self::Arrays(arrays) => {
                [bytemuck::cast_slice(&arrays.values), bytemuck::cast_slice(&arrays.labels)]
            }
            Self::Sequences(sequences) => [&[], bytemuck::cast_slice(sequences.tokens())],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_filled_as_numbers() {
        let set = SampleSet::Sequences(SequenceSet::new((5..12).collect(), 2));
        assert_eq!((set.len(), set.input(), set.targets_each()), (3, [2, 1, 1], 2));
        assert_eq!(set.targets(&[2, 0]), [10, 11, 6, 7]);
        let mut out = vec![1.0; 9];
        let normalisation = Normalisation::none();
        let preparation =
            Preparation { normalisation: &normalisation, augmentation: None, place: (0, 0) };
        set.fill(&preparation, &[2, 0], &mut out);
        assert_eq!(out, [9.0, 10.0, 5.0, 6.0]);
    }
}
