//! The order in which an epoch visits the training images.

use hwmodel::random::{generator, shuffle};

/// Names the random numbers of shuffling among those of a run.
const PURPOSE: u64 = u64::from_be_bytes(*b"shuffle ");

/// A shuffle of the images of one epoch: a function of (seed, epoch, number of images) alone, so
/// that a resumed run visits the same images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochOrder {
    indices: Vec<u32>,
}

impl EpochOrder {
    /// The order of `epoch` in a set of `len` images.
    ///
    /// # Panics
    /// If `len` does not fit 32 bits.
    pub fn new(seed: u64, epoch: u64, len: usize) -> Self {
        let mut order = Self::sequential(len);
        shuffle(&mut generator(seed, &[PURPOSE, epoch]), &mut order.indices);
        order
    }

    /// The order without shuffling, as test sets are visited.
    ///
    /// # Panics
    /// If `len` does not fit 32 bits.
    pub fn sequential(len: usize) -> Self {
        let len = u32::try_from(len).expect("image indices have 32 bits");
        Self { indices: (0..len).collect() }
    }

    /// The image indices in the order of visiting.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Consecutive batches of `size` images; the last one has the images that remain.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn batches(&self, size: usize) -> std::slice::Chunks<'_, u32> {
        self.indices.chunks(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_visited_once_in_an_order_of_its_own() {
        let order = EpochOrder::new(1, 2, 1000);
        let mut sorted = order.indices().to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, EpochOrder::sequential(1000).indices());
        assert_eq!(order, EpochOrder::new(1, 2, 1000));
        assert_ne!(order, EpochOrder::new(1, 3, 1000));
        assert_ne!(order, EpochOrder::new(2, 2, 1000));
        assert!(EpochOrder::new(1, 2, 0).indices().is_empty());
    }

    #[test]
    fn the_last_batch_has_the_rest() {
        let order = EpochOrder::new(1, 0, 10);
        let sizes: Vec<usize> = order.batches(4).map(<[u32]>::len).collect();
        assert_eq!(sizes, [4, 4, 2]);
        assert_eq!(order.batches(4).flatten().copied().collect::<Vec<_>>(), order.indices());
    }

    /// Published results depend on these values: a change here belongs into the changelog.
    #[test]
    fn the_order_is_stable() {
        assert_eq!(EpochOrder::new(42, 1, 8).indices(), [1, 6, 7, 5, 4, 3, 0, 2]);
    }
}
