//! Test sets with their images as they are stored, for networks that take them so.

use super::dataset::storage;
use super::search::{Place, SearchPath, find};
use super::{DataError, DatasetKind, ImageSet, Origin};
use super::{cifar, class_names, embedded, mnist};

/// Labelled images with what they are.
#[derive(Debug, Clone, PartialEq)]
pub struct TestImages {
    /// Names of the classes, label 0 first; empty if the images have no classes.
    pub class_names: Vec<String>,
    /// The images; their labels mean nothing without classes.
    pub images: ImageSet,
    /// Where they come from.
    pub origin: Origin,
}

/// The test set of a data set at its own size: 28×28 for the MNIST family, 32×32 for CIFAR.
///
/// # Errors
/// If the files are not found or malformed.
///
/// # Panics
/// For [`DatasetKind::Folder`], [`DatasetKind::Arrays`] and [`DatasetKind::Text`], which have no size of their own.
pub fn test_images(kind: DatasetKind, search: &SearchPath) -> Result<TestImages, DataError> {
    assert!(
        !matches!(kind, DatasetKind::Folder | DatasetKind::Arrays | DatasetKind::Text),
        "no data set of images"
    );
    let place = find(kind, search)?;
    let mut class_names = class_names::built_in(kind);
    let storage = storage(kind, class_names.len());
    let images = match (kind, &place) {
        (_, Place::Embedded) => embedded::load_test(storage)?,
        (DatasetKind::Cifar10 | DatasetKind::Cifar100, Place::Folder(path)) => {
            let images;
            (class_names, images) = cifar::load_test(kind, path)?;
            images
        }
        (_, Place::Folder(path)) => mnist::load_test(kind, storage, path)?,
    };
    Ok(TestImages { class_names, images, origin: place.into() })
}

impl TestImages {
    /// The same images with `[height, width]` pixels, bilinear as [`load_pictures`](super::load_pictures) resizes.
    ///
    /// # Errors
    /// If they take too much memory.
    pub fn resized(self, size: [usize; 2]) -> Result<Self, DataError> {
        Ok(Self { images: self.images.resized(size)?, ..self })
    }

    /// The first `count` images of an order in which the classes take turns; all if there are fewer.
    #[must_use]
    pub fn limited(self, count: usize) -> Self {
        match super::limit::limited(&self.images, count, 1) {
            Some(images) => Self { images, ..self },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SampleSet, load};

    #[test]
    fn the_slice_has_its_own_size() {
        let kind = DatasetKind::FashionMnistSlice;
        let test = test_images(kind, &SearchPath::default()).unwrap();
        let ImageSet { height, width, channels, .. } = test.images;
        assert_eq!((height, width, channels, test.images.len()), (28, 28, 1, 1000));
        // Resized, it is what the built-in networks get.
        let SampleSet::Images(known) = load(kind, &SearchPath::default()).unwrap().test else {
            panic!("images")
        };
        assert_eq!(test.resized([32, 32]).unwrap().images, known);
    }
}
