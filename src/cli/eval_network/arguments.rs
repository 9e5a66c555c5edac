//! The flags of `hwsim eval` for networks from ONNX files.

use crate::graph::Requantise;
use crate::inference::{Layout, Task};
use std::path::PathBuf;
use std::str::FromStr;

/// Where inputs of an ONNX network come from, and how it is run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "ONNX networks")]
pub(in crate::cli) struct NetworkArguments {
    /// Inputs: a .npy file, or a .npz file with one array, or with one for each input under its name.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arrays", "images", "dataset"])]
    pub(super) x: Option<PathBuf>,
    /// What is right for these inputs: classes, one-hot rows, labels of 0 and 1, or real numbers.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arrays", "images", "dataset"])]
    pub(super) y: Option<PathBuf>,
    /// Inputs and what is right in one .npz file: x and y, or x_test and y_test.
    #[arg(long = "data", value_name = "FILE.npz", conflicts_with_all = ["images", "dataset"])]
    pub(super) arrays: Option<PathBuf>,
    /// Pictures (PNG, JPEG): one folder for each class, numbered by name, or one folder without classes.
    #[arg(long, value_name = "DIR", conflicts_with = "dataset")]
    pub(super) images: Option<PathBuf>,
    /// Height and width of pictures when the network gets them [default: those of its input].
    #[arg(long, value_name = "HxW")]
    pub(super) image: Option<Size>,
    /// Resize the shorter side of pictures to so many pixels first, as torchvision's Resize.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(super) resize: Option<u32>,
    /// Then cut so many pixels out of the middle, as torchvision's CenterCrop.
    #[arg(long, value_name = "HxW", conflicts_with = "image")]
    pub(super) crop: Option<Size>,
    /// What a pixel from 0 to 255 is multiplied with, as in 1 or 1/128 [default: 1/255].
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub(super) scale: Option<f32>,
    /// Where images have their channels: in --x and --data those of the arrays; elsewhere those that the network takes, if
    /// its input does not show it.
    #[arg(long, value_enum, value_name = "WORD")]
    pub(super) layout: Option<LayoutWord>,
    /// What is asked: a class, any number of labels, or real numbers [default: by type and shape of what is right].
    #[arg(long, value_enum, value_name = "WORD")]
    pub(super) task: Option<TaskWord>,
    /// Size of an open dimension of the inputs, as in batch=8; may be repeated.
    #[arg(long, value_name = "NAME=SIZE", value_delimiter = ',')]
    pub(in crate::cli) dim: Vec<Dimension>,
    /// Inputs that are run together if the network takes any number [default: up to 500]. Only quantisers that choose their
    /// scales from the batch depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(super) batch: Option<u32>,
    /// Real numbers in float32, as a float unit has them, or in float64, in which quantised graphs are exact [default: float64 if
    /// the graph has quantisers].
    #[arg(long, value_enum, value_name = "WORD")]
    pub(super) reals: Option<RealsWord>,
    /// How QuantizeLinear and the QLinear operators requantise: by the quotient of the scales in float64, or as a float32, as ONNX
    /// Runtime does [default: exact].
    #[arg(long, value_enum, value_name = "WORD")]
    pub(super) requantise: Option<RequantiseWord>,
    /// Write the rows by true class and by the class that the network gives as CSV.
    #[arg(long, value_name = "FILE")]
    pub(super) confusion: Option<PathBuf>,
    /// Compare every tensor in a dump of another program with hwsim's for the same inputs: NAME, its integers NAME!int, the sums
    /// of a product NAME!acc. Exit code 1 if anything differs.
    #[arg(long, value_name = "FILE.npz")]
    pub(super) against: Option<PathBuf>,
    /// How far reals may be from those of --against, as a share of the largest number of the tensor [default: 1e-4].
    #[arg(long, value_name = "SHARE", requires = "against", value_parser = share)]
    pub(super) tolerance: Option<f64>,
    /// Show no progress.
    #[arg(long)]
    pub(super) quiet: bool,
}

impl NetworkArguments {
    /// The flags that are given, for messages.
    pub(in crate::cli) fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("x", self.x.is_some()),
            ("y", self.y.is_some()),
            ("data", self.arrays.is_some()),
            ("images", self.images.is_some()),
            ("confusion", self.confusion.is_some()),
            ("against", self.against.is_some()),
            ("reals", self.reals.is_some()),
            ("requantise", self.requantise.is_some()),
            ("task", self.task.is_some()),
            ("dim", !self.dim.is_empty()),
            ("batch", self.batch.is_some()),
            ("quiet", self.quiet),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).chain(self.of_pixels())
    }

    /// Whether a flag also holds for the layers that are made of the network.
    pub(in crate::cli) fn of_layers(&self, flag: &str) -> bool {
        flag == "dim"
    }

    /// Those of them that say how pixels become numbers.
    pub(super) fn of_pixels(&self) -> impl Iterator<Item = &'static str> + use<> {
        let given = [
            ("image", self.image.is_some()),
            ("resize", self.resize.is_some()),
            ("crop", self.crop.is_some()),
            ("scale", self.scale.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RequantiseWord {
    /// Exact but for the error of float64.
    Exact,
    /// The factor of ONNX Runtime.
    Float32,
}

impl From<RequantiseWord> for Requantise {
    fn from(word: RequantiseWord) -> Self {
        match word {
            RequantiseWord::Exact => Self::Exact,
            RequantiseWord::Float32 => Self::Float32,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LayoutWord {
    /// Channels before rows.
    Nchw,
    /// Channels behind columns.
    Nhwc,
}

impl From<LayoutWord> for Layout {
    fn from(word: LayoutWord) -> Self {
        match word {
            LayoutWord::Nchw => Self::Nchw,
            LayoutWord::Nhwc => Self::Nhwc,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TaskWord {
    /// One class.
    Classes,
    /// Any number of labels.
    Labels,
    /// Real numbers.
    Regression,
}

impl From<TaskWord> for Task {
    fn from(word: TaskWord) -> Self {
        match word {
            TaskWord::Classes => Self::Classes,
            TaskWord::Labels => Self::Labels,
            TaskWord::Regression => Self::Regression,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RealsWord {
    /// Of a float unit.
    Float32,
    /// Of exact arithmetic.
    Float64,
}

/// Height and width, written `224x224`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) height: usize,
    pub(super) width: usize,
}

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let sizes: Option<Vec<usize>> = text
            .split(['x', '×'])
            .map(|size| size.trim().parse().ok().filter(|size| (1..=16_384).contains(size)))
            .collect();
        match sizes.as_deref() {
            Some(&[height, width]) => Ok(Self { height, width }),
            Some(&[side]) => Ok(Self { height: side, width: side }),
            _ => Err("write height and width, each 1 to 16384, as in 224x224".to_owned()),
        }
    }
}

/// An open dimension and its size, written `batch=8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Dimension {
    pub(in crate::cli) name: String,
    pub(in crate::cli) size: usize,
}

impl FromStr for Dimension {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=').map(|(name, size)| (name.trim(), size.trim().parse()));
        match parts {
            Some((name, Ok(size))) if !name.is_empty() && (1..=1 << 28).contains(&size) => {
                Ok(Self { name: name.to_owned(), size })
            }
            _ => Err("write the name and a size from 1 to 2^28, as in batch=8".to_owned()),
        }
    }
}

/// A number, or a fraction.
fn factor(text: &str) -> Result<f32, String> {
    let number = |text: &str| text.trim().parse::<f32>().ok();
    let value = match text.split_once('/') {
        Some((above, below)) => number(above).zip(number(below)).map(|(a, b)| a / b),
        None => number(text),
    };
    value
        .filter(|value| value.is_finite() && *value != 0.0)
        .ok_or_else(|| "write a number other than 0, or a fraction, as in 1/255".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "write a number from 0 to 1, as in 1e-4".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_factors_and_dimensions_are_read() {
        assert_eq!("28x20".parse(), Ok(Size { height: 28, width: 20 }));
        assert_eq!("32".parse(), Ok(Size { height: 32, width: 32 }));
        assert!("0x3".parse::<Size>().is_err());
        assert_eq!(factor("1/256"), Ok(1.0 / 256.0));
        assert_eq!(factor("2"), Ok(2.0));
        assert!(factor("1/0").is_err());
        assert!(factor("x").is_err());
        let dimension: Dimension = "unk__10=3".parse().unwrap();
        assert_eq!((dimension.name.as_str(), dimension.size), ("unk__10", 3));
        assert!("=3".parse::<Dimension>().is_err());
        assert!(share("2").is_err());
    }
}
