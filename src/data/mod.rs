//! Data sets of images and text: finding, reading, checking and batching them.
//!
//! [`load`] turns a [`DatasetKind`] and a [`SearchPath`] into a [`Dataset`]: a training and a test
//! [`SampleSet`] (an [`ImageSet`] of 8-bit pixels, an [`ArraySet`] of numbers, or a [`SequenceSet`] of token numbers), class names or
//! vocabulary, the [`Normalisation`] and the [`Augmentation`] of training. [`EpochOrder`] shuffles an epoch and
//! [`SampleSet::fill`] writes float32 batches in NHWC order. docs/data.md shows the file layouts and says how to get each data set.
//!
//! Readers validate all input: a file that is cut off, mislabelled or has an absurd header is a
//! [`DataError`] that names the file and the offset. This module never reads the environment and
//! knows nothing of networks.
//!
//! ```
//! use hwsim::data::{DatasetKind, EpochOrder, Preparation, SearchPath, load};
//!
//! // The slice of Fashion-MNIST is part of the program and needs no files.
//! let dataset = load(DatasetKind::FashionMnistSlice, &SearchPath::default())?;
//! let dataset = dataset.limit(Some(100), None)?;
//! let (seed, epoch) = (1, 0);
//! let order = EpochOrder::new(seed, epoch, dataset.train.len());
//! let mut batch = Vec::new();
//! for indices in order.batches(50) {
//!     let preparation = Preparation {
//!         normalisation: &dataset.normalisation,
//!         augmentation: dataset.augmentation.as_ref(),
//!         place: (seed, epoch),
//!     };
//!     dataset.train.fill(&preparation, indices, &mut batch);
//!     assert_eq!(batch.len(), 50 * 32 * 32);
//! }
//! # Ok::<(), hwsim::data::DataError>(())
//! ```

mod array_set;
pub mod arrays;
mod augmentation;
mod batch;
mod cifar;
mod class_names;
mod dataset;
mod embedded;
mod error;
mod folder;
mod idx;
mod image_set;
mod kind;
mod limit;
mod mnist;
mod normalisation;
mod order;
mod own_arrays;
mod own_size;
mod picture;
mod pictures;
mod resize;
mod sample_set;
mod search;
mod stream;
pub mod text;

pub use array_set::ArraySet;
pub use augmentation::Augmentation;
pub use batch::fill_batch;
pub use dataset::{Dataset, Origin, load, load_arrays, load_sized, load_text};
pub use error::{DataError, Location};
pub use image_set::{DEFAULT_SIZE, ImageSet};
pub use kind::{DatasetKind, DatasetKindError, EmnistSplit};
pub use normalisation::Normalisation;
pub use order::EpochOrder;
pub use own_arrays::OwnArraysProblem;
pub use own_size::{TestImages, test_images};
pub use pictures::{Preprocessing, load_pictures};
pub use sample_set::{Preparation, SampleSet};
pub use search::{SYSTEM_FASHION_MNIST, SearchPath};
pub use text::{SequenceSet, TextLevel, TextOptions};
