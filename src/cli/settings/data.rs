//! Settings of the data.

use crate::data::{DatasetKind, TextLevel, TextOptions};
use crate::setting::{
    Given, MAX_COUNT, Need, Off, Refusal, Setting, path, switch, text, whole, word,
};
use std::path::PathBuf;

/// Data set.
pub const DATASET: Setting<DatasetKind> = text(
    "dataset",
    "Data set: fashion-mnist-slice (embedded in the program), fashion-mnist, mnist, emnist-SPLIT, cifar10, cifar100, folder or \
     text; with --data-dir and nothing else fashion-mnist",
)
.default(|| DatasetKind::FashionMnistSlice)
.example("emnist-letters");

/// Where the data are.
pub const DATA_DIR: Setting<PathBuf> = path(
    "data-dir",
    "Folder of the data set's files, or file of a text; without it HWSIM_DATA is searched and, for fashion-mnist, the system's \
     folder. Without it a text is the embedded one",
)
.placeholder("DIR")
.aliases(&["dataset-dir", "data-path"])
// What is embedded in the program is in no folder.
.needs(&[Need::IsNot {
    setting: "dataset",
    word: "fashion-mnist-slice",
    needs: "another data set",
    unless: None,
}])
.execution();

const OF_A_TEXT: &[Need] = &[Need::Is("dataset", &["text"])];

/// Words or characters.
pub const TEXT_LEVEL: Setting<TextLevel> =
    word("text-level", "text: tokens are words or characters")
        .default(|| TextOptions::default().level)
        .needs(OF_A_TEXT);

/// Tokens of a sequence.
pub const SEQUENCE_LENGTH: Setting<usize> = whole(
    "sequence-length",
    "text: tokens of a sequence",
    (1, TextOptions::MAX_SEQUENCE_LENGTH as i64),
)
.placeholder("T")
.default(|| TextOptions::default().sequence_length)
.needs(OF_A_TEXT);

/// Size of the vocabulary.
pub const VOCABULARY: Setting<usize> = whole(
    "vocabulary",
    "text: size of the vocabulary, the most frequent tokens; all others are one unknown token",
    (1, TextOptions::MAX_VOCABULARY as i64),
)
.default(|| TextOptions::default().vocabulary)
.needs(OF_A_TEXT);

/// Training images or sequences used.
pub const LIMIT_TRAIN: Setting<usize> = whole(
    "limit-train",
    "Training images used, the classes in equal parts, or first sequences of a text",
    (1, MAX_COUNT),
)
.default_words("all");

/// Test images or sequences used.
pub const LIMIT_TEST: Setting<usize> = whole(
    "limit-test",
    "Test images used, the classes in equal parts, or first sequences of a text",
    (1, MAX_COUNT),
)
.default_words("all");

/// Images or sequences of a micro-batch.
pub const BATCH_SIZE: Setting<usize> =
    whole("batch-size", "Images or sequences of a micro-batch", (1, 1 << 20))
        .aliases(&["bs", "batch"])
        .default(|| 128)
        .default_except("16 with a text");

/// Random crops and flips.
pub const AUGMENT: Setting<bool> = switch(
    "augment",
    "Crop and flip CIFAR training images at random; other data sets are not augmented",
    Some(Off { names: &["no-augment"], help: "Show training images as they are" }),
)
.default(|| true);

pub(super) const SETTINGS: super::table::Group = (
    "Data",
    &[
        &DATASET,
        &DATA_DIR,
        &TEXT_LEVEL,
        &SEQUENCE_LENGTH,
        &VOCABULARY,
        &LIMIT_TRAIN,
        &LIMIT_TEST,
        &BATCH_SIZE,
        &AUGMENT,
    ],
);

pub(super) fn text_options(given: &dyn Given) -> Result<TextOptions, Refusal> {
    Ok(TextOptions {
        level: TEXT_LEVEL.get(given)?,
        sequence_length: SEQUENCE_LENGTH.get(given)?,
        vocabulary: VOCABULARY.get(given)?,
    })
}
