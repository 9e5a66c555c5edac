//! Partitions of a data set: small data sets, each a row of the error matrix.

use super::error::PepppError;
use super::superclasses::SUPERCLASSES;
use crate::data::{Dataset, ImageSet, SampleSet};
use hwmodel::cast::exact;
use hwmodel::random::{below, generator, shuffle};
use rand_core::Rng as _;
use std::ops::RangeInclusive;

/// Names the random numbers of partitions.
const PURPOSE: u64 = u64::from_be_bytes(*b"partitio");

/// Names the seed of a partition's images.
const IMAGES: u64 = u64::from_be_bytes(*b"images\0\0");

/// Some classes of a data set with some of their images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Name, the row of a matrix.
    pub name: String,
    /// Labels in the data set, ascending; label i of the partition is `classes[i]`.
    pub classes: Vec<u16>,
    /// Seed of the choice of images.
    pub seed: u64,
}

/// Most images of a partition, training and test; `None` for all of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartitionSize {
    /// Training images.
    pub train: Option<usize>,
    /// Test images.
    pub test: Option<usize>,
}

impl Partition {
    /// `count` partitions of a data set of `classes` classes, each of a random number of random classes, `sizes` says how
    /// many. Partitions of the same classes are allowed: they differ in their images. A longer list begins with a
    /// shorter one.
    ///
    /// # Errors
    /// If there are no partitions, or they would need fewer than 2 or more classes than there are.
    pub fn random(
        classes: usize,
        count: usize,
        sizes: RangeInclusive<usize>,
        seed: u64,
    ) -> Result<Vec<Self>, PepppError> {
        let (least, most) = (*sizes.start(), *sizes.end());
        if count == 0 {
            return Err(PepppError::NoPartitions);
        }
        if least < 2 || most < least || most > classes {
            return Err(PepppError::PartitionClasses { least, most, classes });
        }
        let one = |number: usize| {
            let stream = number as u64;
            let mut random = generator(seed, &[PURPOSE, stream]);
            // Hashed with the number: neighbouring seeds share no partition.
            let images = generator(seed, &[PURPOSE, stream, IMAGES]).next_u64();
            let size = least + below(&mut random, exact::<u32>(most - least + 1)) as usize;
            let mut labels: Vec<u16> = (0..exact::<u16>(classes)).collect();
            shuffle(&mut random, &mut labels);
            labels.truncate(size);
            labels.sort_unstable();
            Self { name: format!("p{:02}", number + 1), classes: labels, seed: images }
        };
        Ok((0..count).map(one).collect())
    }

    /// The twenty superclasses of CIFAR-100, PEPPP's data sets 2 to 21.
    ///
    /// # Errors
    /// If `dataset` does not have the classes of CIFAR-100.
    pub fn superclasses(dataset: &Dataset, seed: u64) -> Result<Vec<Self>, PepppError> {
        let label = |name: &str| {
            let known = dataset.class_names.iter().position(|class| class == name);
            let missing =
                || PepppError::Superclass { dataset: dataset.name.clone(), class: name.to_owned() };
            known.map(exact::<u16>).ok_or_else(missing)
        };
        let one = |(name, classes): &(&str, [&str; 5])| {
            let mut classes =
                classes.iter().map(|class| label(class)).collect::<Result<Vec<u16>, _>>()?;
            classes.sort_unstable();
            Ok(Self { name: (*name).to_owned(), classes, seed })
        };
        SUPERCLASSES.iter().map(one).collect()
    }

    /// The images of this partition, as even over the classes as their numbers allow; labels count from 0 in the order
    /// of `classes`.
    ///
    /// # Errors
    /// If `dataset` is a text, or does not have a class or images of it.
    pub fn select(&self, dataset: &Dataset, size: PartitionSize) -> Result<Dataset, PepppError> {
        let names = self.classes.iter().map(|&class| {
            let known = dataset.class_names.get(usize::from(class));
            let (partition, classes) = (self.name.clone(), dataset.classes());
            known.cloned().ok_or(PepppError::NoSuchClass { partition, class, classes })
        });
        let class_names = names.collect::<Result<Vec<_>, _>>()?;
        let half = |samples: &SampleSet, limit, half, set| {
            let images = samples.images();
            let images = images.ok_or_else(|| PepppError::Images(dataset.name.clone()))?;
            let selected = self.images(images, limit, half);
            selected.map(SampleSet::Images).map_err(|class| PepppError::EmptyClass {
                partition: self.name.clone(),
                class: class_names[class].clone(),
                set,
            })
        };
        Ok(Dataset {
            name: format!("{} {}", dataset.name, self.name),
            train: half(&dataset.train, size.train, 0, "training")?,
            test: half(&dataset.test, size.test, 1, "test")?,
            class_names,
            origin: dataset.origin.clone(),
            normalisation: dataset.normalisation.clone(),
            augmentation: dataset.augmentation,
            text: None,
        })
    }

    /// Images of the classes, taking turns, relabelled; or the number of a class without any.
    fn images(
        &self,
        images: &ImageSet,
        limit: Option<usize>,
        half: u64,
    ) -> Result<ImageSet, usize> {
        let mut by_class = Vec::with_capacity(self.classes.len());
        for (number, &class) in self.classes.iter().enumerate() {
            let of_class = |&index: &u32| images.labels[index as usize] == class;
            let mut own: Vec<u32> = (0..exact::<u32>(images.len())).filter(of_class).collect();
            if own.is_empty() {
                return Err(number);
            }
            let path = [PURPOSE, 1 + half, u64::from(class)];
            shuffle(&mut generator(self.seed, &path), &mut own);
            by_class.push(own);
        }
        let most = by_class.iter().map(Vec::len).max().unwrap_or(0);
        let turns = (0..most).flat_map(|turn| {
            let by_class = &by_class;
            (0..by_class.len())
                .filter_map(move |class| Some((*by_class[class].get(turn)?, exact::<u16>(class))))
        });
        let chosen: Vec<(u32, u16)> = turns.take(limit.unwrap_or(usize::MAX)).collect();
        let indices: Vec<u32> = chosen.iter().map(|&(index, _)| index).collect();
        let mut selected = images.select(&indices);
        selected.labels = chosen.into_iter().map(|(_, label)| label).collect();
        Ok(selected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DatasetKind, SearchPath, load};

    #[test]
    fn partitions_repeat_and_extend() {
        let long = Partition::random(10, 30, 2..=5, 7).unwrap();
        assert_eq!(long[..20], Partition::random(10, 20, 2..=5, 7).unwrap());
        assert_ne!(long, Partition::random(10, 30, 2..=5, 8).unwrap());
        let sizes: std::collections::BTreeSet<usize> =
            long.iter().map(|partition| partition.classes.len()).collect();
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
        for partition in &long {
            assert!(partition.classes.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(partition.classes.iter().all(|&class| class < 10));
        }
    }

    #[test]
    fn no_two_partitions_of_any_seeds_share_the_choice_of_images() {
        let seeds = |seed| {
            let all = Partition::random(10, 40, 2..=5, seed).unwrap();
            all.into_iter().map(|partition| partition.seed)
        };
        let all: std::collections::HashSet<u64> = (0..40).flat_map(seeds).collect();
        assert_eq!(all.len(), 40 * 40);
    }

    #[test]
    fn images_are_balanced_and_relabelled() {
        let dataset = load(DatasetKind::FashionMnistSlice, &SearchPath::default()).unwrap();
        let partition = Partition { name: "p".into(), classes: vec![2, 5, 9], seed: 3 };
        let size = PartitionSize { train: Some(31), test: None };
        let part = partition.select(&dataset, size).unwrap();
        assert_eq!(part.class_names, ["Pullover", "Sandal", "Ankle boot"]);
        let images = |set: &SampleSet| set.images().unwrap().clone();
        let (whole, train) = (images(&dataset.train), images(&part.train));
        assert_eq!(train.class_counts(3), [11, 10, 10]);
        assert_eq!(images(&part.test).class_counts(3), [100, 100, 100]);
        // Every image is one of its class in the whole set.
        let class = usize::from(train.labels[1]);
        let label = partition.classes[class];
        let known = (0..whole.len())
            .any(|index| whole.labels[index] == label && whole.image(index) == train.image(1));
        assert!(known);
        let other = Partition { seed: 4, ..partition.clone() };
        assert_ne!(other.select(&dataset, size).unwrap().train, part.train);
    }

    #[test]
    fn impossible_partitions_are_explained() {
        let error = |count, sizes| Partition::random(10, count, sizes, 1).unwrap_err().to_string();
        assert!(error(0, 2..=3).contains("no partitions"));
        assert!(error(3, 1..=3).contains("1 to 3 classes"));
        assert!(error(3, 2..=11).contains("has 10"));
        let dataset = load(DatasetKind::FashionMnistSlice, &SearchPath::default()).unwrap();
        let wrong = Partition { name: "x".into(), classes: vec![12], seed: 1 };
        let error = wrong.select(&dataset, PartitionSize::default()).unwrap_err().to_string();
        assert!(error.contains("class 12"), "{error}");
        let error = Partition::superclasses(&dataset, 1).unwrap_err().to_string();
        assert!(error.contains("`beaver`") && error.contains("fashion-mnist"), "{error}");
    }
}
