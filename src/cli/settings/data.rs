//! Settings of the data.

use crate::data::{DatasetKind, Normalisation, TextLevel, TextOptions};
use crate::setting::{
    Given, MAX_COUNT, Need, Off, Refusal, Setting, path, switch, text, whole, word,
};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Data set.
pub const DATASET: Setting<DatasetKind> = text(
    "dataset",
    "Data set: fashion-mnist-slice (embedded in the program), fashion-mnist, mnist, emnist-SPLIT, cifar10, cifar100, folder, \
     arrays or text; with --data-dir and nothing else fashion-mnist, or arrays if that is a .npz file",
)
.default(|| DatasetKind::FashionMnistSlice)
.example("emnist-letters");

/// Where the data are.
pub const DATA_DIR: Setting<PathBuf> = path(
    "data-dir",
    "Folder of the data set's files, .npz file of arrays, or file of a text; without it HWSIM_DATA is searched and, for fashion-mnist, the system's \
     folder. Without it a text is the embedded one",
)
.placeholder("DIR")
.aliases(&["data", "dataset-dir", "data-path"])
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

/// Mean of each channel.
pub const MEAN: Setting<Channels> = text(
    "mean",
    "What is subtracted from pixels scaled to 0 to 1: a number for all channels, or one for each; the data set's own if not given",
)
.example("0.286")
.needs(&[Need::With(&["std"])]);

/// Standard deviation of each channel.
pub const STD: Setting<Channels> = text("std", "What they are then divided by, as --mean")
    .example("0.353")
    .needs(&[Need::With(&["mean"])]);

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
        &MEAN,
        &STD,
        &AUGMENT,
    ],
);

/// A number for each channel, or one for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Channels(pub Vec<f32>);

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| part.trim().parse::<f32>().ok().filter(|x| x.is_finite());
        let numbers: Option<Vec<f32>> = text.split(',').map(number).collect();
        numbers
            .map(Self)
            .ok_or_else(|| "use a number, or one for each channel, as in 0.49,0.48,0.45".to_owned())
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

pub(super) fn normalisation(given: &dyn Given) -> Result<Option<Normalisation>, Refusal> {
    let (mean, std) = (MEAN.optional(given)?, STD.optional(given)?);
    Ok(mean.zip(std).map(|(mean, std)| Normalisation { mean: mean.0, std: std.0 }))
}

pub(super) fn text_options(given: &dyn Given) -> Result<TextOptions, Refusal> {
    Ok(TextOptions {
        level: TEXT_LEVEL.get(given)?,
        sequence_length: SEQUENCE_LENGTH.get(given)?,
        vocabulary: VOCABULARY.get(given)?,
    })
}
