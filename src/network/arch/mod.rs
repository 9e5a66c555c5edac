//! Architectures: one file of data each. `docs/networks.md` lists their sizes and sources.

mod alexnet;
mod alexnet_imagenet;
mod googlenet;
mod lenet5;
mod lstm;
mod mlp;
mod mobilenetv2;
mod normalised;
mod residual;
mod resnet18;
mod resnet20;
mod resnet34;
mod resnet50;
mod transformer;
mod vgg;
mod vgg11;
mod vgg13;
mod vgg16;
mod vgg19;

use super::builder::{Builder, Initialisation};
use super::error::NetworkError;
use super::graph::Network;

/// The task that an architecture is built for: images with classes, or sequences of tokens with the next token of
/// each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task {
    /// `[h, w, c]` of an image, or `[T, 1, 1]` for sequences of T tokens.
    pub input: [usize; 3],
    /// Number of classes, or tokens of the vocabulary.
    pub classes: usize,
    /// Initialisation of the weights.
    pub initialisation: Initialisation,
}

/// The largest side in pixels of images that get an architecture's variant for small images (CIFAR has 32),
/// where it has one.
pub const SMALL_IMAGE: usize = 64;

/// The largest height, width and number of channels of an image, and the longest sequence.
pub const MOST_PIXELS: usize = 1 << 16;

/// The most classes, or tokens of a vocabulary.
pub const MOST_CLASSES: usize = 1_000_000;

impl Task {
    /// Refuses impossible sizes before anything is counted or drawn.
    fn check(&self) -> Result<(), NetworkError> {
        let [h, w, c] = self.input;
        for (what, given, most) in [
            ("image height or sequence length", h, MOST_PIXELS),
            ("image width", w, MOST_PIXELS),
            ("number of channels", c, MOST_PIXELS),
            ("number of classes or tokens", self.classes, MOST_CLASSES),
        ] {
            if !(1..=most).contains(&given) {
                return Err(NetworkError::Size { what, given, most });
            }
        }
        Ok(())
    }

    /// Whether the variant for small images is built.
    fn has_small_images(&self) -> bool {
        let [h, w, _] = self.input;
        h.max(w) <= SMALL_IMAGE
    }
}

/// An architecture and what it takes.
struct Architecture {
    name: &'static str,
    build: fn(&Task) -> Result<Builder, NetworkError>,
    /// Smallest height and width of an image in pixels.
    least: usize,
    /// Images and classes that its published sizes are for.
    published: ([usize; 3], usize),
}

const CIFAR: ([usize; 3], usize) = ([32, 32, 3], 10);
/// MNIST and its like, padded to 32×32.
const GREY: ([usize; 3], usize) = ([32, 32, 1], 10);
const IMAGENET: ([usize; 3], usize) = ([224, 224, 3], 1000);
/// Sequences of 64 tokens of the 10,000 most frequent and the unknown one.
const TEXT: ([usize; 3], usize) = ([64, 1, 1], 10_001);

const ARCHITECTURES: [Architecture; 16] = [
    Architecture { name: "lenet5", build: lenet5::build, least: 16, published: GREY },
    Architecture { name: "alexnet", build: alexnet::build, least: 29, published: CIFAR },
    Architecture { name: "resnet20", build: resnet20::build, least: 1, published: CIFAR },
    Architecture { name: "mlp", build: mlp::build, least: 1, published: GREY },
    Architecture { name: "resnet18", build: resnet18::build, least: 1, published: IMAGENET },
    Architecture { name: "resnet34", build: resnet34::build, least: 1, published: IMAGENET },
    Architecture { name: "resnet50", build: resnet50::build, least: 1, published: IMAGENET },
    Architecture { name: "vgg11", build: vgg11::build, least: 32, published: IMAGENET },
    Architecture { name: "vgg13", build: vgg13::build, least: 32, published: IMAGENET },
    Architecture { name: "vgg16", build: vgg16::build, least: 32, published: IMAGENET },
    Architecture { name: "vgg19", build: vgg19::build, least: 32, published: IMAGENET },
    Architecture { name: "googlenet", build: googlenet::build, least: 1, published: IMAGENET },
    Architecture { name: "mobilenetv2", build: mobilenetv2::build, least: 1, published: IMAGENET },
    Architecture {
        name: "alexnet-imagenet",
        build: alexnet_imagenet::build,
        least: 63,
        published: IMAGENET,
    },
    Architecture { name: "lstm", build: lstm::build, least: 1, published: TEXT },
    Architecture { name: "transformer", build: transformer::build, least: 1, published: TEXT },
];

/// Those of [`ARCHITECTURES`] that take sequences of tokens.
const LANGUAGE_MODELS: [&str; 2] = ["lstm", "transformer"];

/// The names of all architectures.
pub fn names() -> impl Iterator<Item = &'static str> {
    ARCHITECTURES.iter().map(|architecture| architecture.name)
}

/// Whether architecture `name` is a language model, which takes sequences of tokens and predicts the next
/// token of each; the others classify images.
pub fn is_language_model(name: &str) -> bool {
    LANGUAGE_MODELS.contains(&name)
}

/// A small task for architecture `name`: ten classes of 32×32 colour images, or for language models sequences
/// of 64 tokens of 10,001.
pub fn common_task(name: &str, initialisation: Initialisation) -> Task {
    let (input, classes) = if is_language_model(name) { TEXT } else { CIFAR };
    Task { input, classes, initialisation }
}

fn find(name: &str) -> Result<&'static Architecture, NetworkError> {
    ARCHITECTURES.iter().find(|known| known.name == name).ok_or_else(|| {
        let known = names().collect::<Vec<_>>().join(", ");
        NetworkError::UnknownArchitecture { name: name.to_owned(), known }
    })
}

/// Shape `[h, w, c]` of the images and number of classes that the published sizes of architecture `name`
/// are for: 224×224×3 and 1000, 32×32×3 and 10, 32×32×1 and 10, or sequences of 64 tokens of 10,001.
///
/// # Errors
/// If no architecture has this name.
pub fn published_task(name: &str) -> Result<([usize; 3], usize), NetworkError> {
    find(name).map(|architecture| architecture.published)
}

/// The layers of architecture `name`, without initial values.
///
/// # Errors
/// If no architecture has this name or it does not fit the images.
pub fn layers(name: &str, task: &Task) -> Result<Builder, NetworkError> {
    let architecture = find(name)?;
    task.check()?;
    let [h, w, _] = task.input;
    let side = h.min(w);
    if side < architecture.least {
        let fits = |other: &&Architecture| side >= other.least && !is_language_model(other.name);
        let others = ARCHITECTURES.iter().filter(fits);
        let others: Vec<&str> = others.map(|other| other.name).collect();
        return Err(NetworkError::ImageTooSmall {
            name: name.to_owned(),
            image: [h, w],
            least: architecture.least,
            others: others.join(", "),
        });
    }
    (architecture.build)(task)
}

/// Builds architecture `name` with initial values.
///
/// # Errors
/// If no architecture has this name or it does not fit the images.
pub fn build(name: &str, task: &Task) -> Result<Network, NetworkError> {
    layers(name, task)?.finish()
}

#[cfg(test)]
mod tests;
