//! A subset of a data set with balanced classes.

use super::ImageSet;
use hwmodel::cast::exact;
use hwmodel::random::{generator, shuffle};

/// Names the random numbers of limiting; also its seed, for a limited set is the same in every run.
const PURPOSE: u64 = u64::from_be_bytes(*b"limit   ");

/// The first `count` images of a fixed order in which classes are sampled round-robin, or `None` if the set
/// has no more.
///
/// The images of each class are shuffled; then round after round takes one image of every class that
/// has any left, in a class order shuffled for each round. So the numbers of images of two classes
/// differ by at most 1 until one of them is used up, and a larger limit extends a smaller one.
pub(super) fn limited(images: &ImageSet, count: usize, half: u64) -> Option<ImageSet> {
    chosen(&images.labels, count, half).map(|indices| images.select(&indices))
}

/// The same for samples with these labels: which they are.
pub(super) fn chosen(labels: &[u16], count: usize, half: u64) -> Option<Vec<u32>> {
    (count < labels.len()).then(|| {
        let mut order = balanced_order(labels, half);
        order.truncate(count);
        order
    })
}

fn balanced_order(labels: &[u16], half: u64) -> Vec<u32> {
    let classes = labels.iter().max().map_or(0, |&last| usize::from(last) + 1);
    let mut by_class = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        by_class[usize::from(label)].push(exact::<u32>(index));
    }
    for (class, indices) in by_class.iter_mut().enumerate() {
        shuffle(&mut generator(PURPOSE, &[half, 0, class as u64]), indices);
    }
    let mut rounds = generator(PURPOSE, &[half, 1]);
    let mut turn: Vec<usize> = (0..classes).collect();
    let mut order = Vec::with_capacity(labels.len());
    for round in 0.. {
        turn.retain(|&class| round < by_class[class].len());
        if turn.is_empty() {
            break;
        }
        shuffle(&mut rounds, &mut turn);
        order.extend(turn.iter().map(|&class| by_class[class][round]));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(labels: Vec<u16>) -> ImageSet {
        let pixels = (0..labels.len()).map(|index| index as u8).collect();
        ImageSet { channels: 1, height: 1, width: 1, pixels, labels }
    }

    #[test]
    fn classes_are_balanced_until_one_is_used_up() {
        let labels: Vec<u16> = (0..100).map(|i| if i < 70 { 0 } else { 1 + i % 3 }).collect();
        let images = set(labels);
        assert_eq!(images.class_counts(4), [70, 10, 10, 10]);
        for count in 1..=40 {
            let counts = limited(&images, count, 0).unwrap().class_counts(4);
            assert!(counts.iter().all(|&n| n.abs_diff(count / 4) <= 1), "{count}: {counts:?}");
        }
        assert_eq!(limited(&images, 60, 0).unwrap().class_counts(4), [30, 10, 10, 10]);
    }

    #[test]
    fn a_larger_limit_extends_a_smaller_one() {
        let images = set((0..90).map(|i| i % 3).collect());
        let large = limited(&images, 50, 0).unwrap();
        let small = limited(&images, 20, 0).unwrap();
        assert_eq!(small.pixels, large.pixels[..20]);
        let mut distinct = large.pixels.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 50);
        assert_ne!(small.pixels, limited(&images, 20, 1).unwrap().pixels);
    }

    #[test]
    fn a_limit_beyond_the_set_changes_nothing() {
        let images = set(vec![1, 0, 1]);
        assert_eq!(limited(&images, 3, 0), None);
        assert_eq!(limited(&images, usize::MAX, 0), None);
        assert_eq!(limited(&set(vec![]), 1, 0), None);
    }

    /// Published results depend on these values: a change here belongs into the changelog.
    #[test]
    fn the_choice_is_stable() {
        assert_eq!(balanced_order(&[0, 1, 0, 1, 0, 1], 0), [5, 0, 3, 2, 1, 4]);
    }
}
