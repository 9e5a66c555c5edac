//! The arguments of `hwsim calibrate`.

use crate::cli::arguments::{FormatArguments, numbers};
use crate::cli::errors::Failure;
use crate::cli::eval_network::Dimension;
use crate::cli::model_data::DataArguments;
use crate::design::calibration::CalibrationOptions;
use crate::precision::AdaptOptions;
use crate::precision::calibration::{Choice, Method};
use crate::precision::edf::MAX_RESOLUTION;
use anyhow::anyhow;
use hwmodel::number::format::MAX_WORD_LENGTH;
use std::path::PathBuf;

/// Formats for the layers of a float network from calibration data.
///
/// Runs training images through the network in float32 and chooses a format for the input, weight, bias and output of each
/// layer. The file of --output can be edited and given back as --layer-formats @FILE.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/calibration.md describes the methods and the file.")]
pub(in crate::cli) struct CalibrateArguments {
    /// Model file, as written by `hwsim train --save-model`, or an ONNX network of floats.
    pub(super) model: PathBuf,
    /// The file of formats to write, TOML.
    #[arg(short, long, alias = "out", value_name = "FILE.toml")]
    pub(super) output: Option<PathBuf>,
    /// How a fractional length is chosen: so that no value saturates, that --percentile of the values do not, or that the mean
    /// square error is least; or both lengths by AdaPT's PushDown, the fewest bits without loss of information.
    #[arg(long, value_enum, value_name = "WORD", default_value_t = MethodWord::Mse)]
    method: MethodWord,
    /// Word length in bits of inputs, weights and outputs; of a list with --min-sqnr the shortest that reaches it. With pushdown
    /// the most bits [default: 8, with pushdown 32].
    #[arg(long, value_name = "LIST", value_parser = numbers::<u32>)]
    wl: Option<std::vec::Vec<u32>>,
    /// Word length of weights, where it differs from --wl.
    #[arg(long, value_name = "LIST", value_parser = numbers::<u32>)]
    weight_wl: Option<std::vec::Vec<u32>>,
    /// Word length of biases, whose values never saturate.
    #[arg(long, value_name = "BITS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_WORD_LENGTH)))]
    bias_wl: u32,
    /// Signal to quantisation noise ratio in dB that each tensor has to reach: its word length is the shortest of --wl with
    /// which it does, or the longest.
    #[arg(long, value_name = "DB")]
    min_sqnr: Option<f64>,
    /// Percentage of the values that do not saturate, with --method percentile [default: 99.99].
    #[arg(long, value_name = "PERCENT")]
    percentile: Option<f64>,
    /// KL divergence in nats below which a format loses no information, with --method pushdown [default: 0.01].
    #[arg(long, value_name = "NATS")]
    epsilon_kl: Option<f64>,
    /// Bins of the histograms of pushdown [default: 50].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RESOLUTION)))]
    resolution: Option<u32>,
    /// Signed formats only, also for tensors without negative values.
    #[arg(long)]
    signed: bool,
    /// Training images used, the classes in equal parts.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(super) images: usize,
    #[command(flatten)]
    pub(super) data: DataArguments,
    /// Size of an open dimension of the inputs of an ONNX network, as in length=29; may be repeated.
    #[arg(long, value_name = "NAME=SIZE", value_delimiter = ',')]
    pub(super) dim: Vec<Dimension>,
    /// Threads; all processors if not given.
    #[arg(long)]
    pub(super) threads: Option<usize>,
    #[command(flatten)]
    pub(super) format: FormatArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum MethodWord {
    /// No value saturates.
    Max,
    /// Nearly none does.
    Percentile,
    /// The least mean square error.
    Mse,
    /// AdaPT's PushDown.
    Pushdown,
}

/// The options, but for what the network says.
pub(super) struct Asked {
    options: CalibrationOptions,
}

impl Asked {
    /// The options for a network whose requantisers saturate or not.
    pub(super) fn of_network(self, saturates: bool) -> CalibrationOptions {
        CalibrationOptions { saturates, ..self.options }
    }
}

impl CalibrateArguments {
    /// What is asked for.
    ///
    /// # Errors
    /// A usage error if a number is out of range or has no effect.
    pub(super) fn options(&self) -> Result<Asked, Failure> {
        if self.images == 0 {
            return Err(Failure::usage(anyhow!("`--images` is 0: use at least 1")));
        }
        let method = self.method()?;
        let default = if self.method == MethodWord::Pushdown { MAX_WORD_LENGTH } else { 8 };
        let activations = self.lengths("wl", self.wl.as_deref().unwrap_or(&[default]))?;
        let weights = match &self.weight_wl {
            Some(given) => self.lengths("weight-wl", given)?,
            None => activations.clone(),
        };
        if let Some(least) = self.min_sqnr {
            if !(least.is_finite() && least > 0.0) {
                return Err(Failure::usage(anyhow!(
                    "`--min-sqnr` is {least}: use a number of dB above 0"
                )));
            }
            if activations.len() == 1 && weights.len() == 1 {
                return Err(Failure::usage(anyhow!(
                    "`--min-sqnr` chooses among word lengths: give several, as in `--wl 4,6,8`"
                )));
            }
        }
        let choice = |word_lengths| Choice { method, word_lengths, least_sqnr_db: self.min_sqnr };
        let options = CalibrationOptions {
            activations: choice(activations),
            weights: choice(weights),
            bias_bits: self.bias_wl,
            unsigned: !self.signed,
            saturates: true,
        };
        Ok(Asked { options })
    }

    fn method(&self) -> Result<Method, Failure> {
        let of_others = [
            ("percentile", self.percentile.is_some(), MethodWord::Percentile),
            ("epsilon-kl", self.epsilon_kl.is_some(), MethodWord::Pushdown),
            ("resolution", self.resolution.is_some(), MethodWord::Pushdown),
        ];
        if let Some((flag, _, other)) =
            of_others.iter().find(|(_, given, other)| *given && *other != self.method)
        {
            return Err(Failure::usage(anyhow!(
                "`--{flag}` needs `--method {}` and has no meaning with `{}`: leave it out",
                word(*other),
                word(self.method)
            )));
        }
        let adapt = AdaptOptions::default();
        Ok(match self.method {
            MethodWord::Max => Method::Max,
            MethodWord::Mse => Method::MeanSquareError,
            MethodWord::Percentile => {
                let percent = self.percentile.unwrap_or(99.99);
                if !(percent > 0.0 && percent <= 100.0) {
                    return Err(Failure::usage(anyhow!(
                        "`--percentile` is {percent}: use a number above 0, at most 100"
                    )));
                }
                Method::Percentile(percent)
            }
            MethodWord::Pushdown => {
                let epsilon_kl = self.epsilon_kl.unwrap_or(adapt.epsilon_kl);
                if !(epsilon_kl.is_finite() && epsilon_kl > 0.0) {
                    return Err(Failure::usage(anyhow!(
                        "`--epsilon-kl` is {epsilon_kl}: use a number above 0"
                    )));
                }
                let resolution = self.resolution.unwrap_or(adapt.resolution.lower);
                Method::PushDown { epsilon_kl, resolution }
            }
        })
    }

    /// The word lengths of a flag, ascending.
    fn lengths(&self, flag: &str, given: &[u32]) -> Result<Vec<u32>, Failure> {
        let mut lengths = given.to_vec();
        lengths.sort_unstable();
        lengths.dedup();
        if let Some(wrong) = lengths.iter().find(|wl| !(1..=MAX_WORD_LENGTH).contains(*wl)) {
            return Err(Failure::usage(anyhow!(
                "`--{flag}` has {wrong}: use word lengths of 1 to {MAX_WORD_LENGTH} bits"
            )));
        }
        match (lengths.len(), self.method) {
            (0, _) => {
                Err(Failure::usage(anyhow!("`--{flag}` has no word length: give one, as in 8")))
            }
            (2.., MethodWord::Pushdown) => Err(Failure::usage(anyhow!(
                "`--{flag}` has several word lengths, and pushdown chooses them itself: give the most bits"
            ))),
            (2.., _) if self.min_sqnr.is_none() => Err(Failure::usage(anyhow!(
                "`--{flag}` has several word lengths: give one, or `--min-sqnr DB` that decides for each tensor"
            ))),
            _ => Ok(lengths),
        }
    }

    /// The method and its numbers, for tables.
    pub(super) fn described(&self) -> String {
        let list =
            |lengths: &[u32]| lengths.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let mut text = format!("method {}", word(self.method));
        match self.method {
            MethodWord::Percentile => text += &format!(" {}", self.percentile.unwrap_or(99.99)),
            MethodWord::Pushdown => {
                let epsilon = self.epsilon_kl.unwrap_or(AdaptOptions::default().epsilon_kl);
                text += &format!(", KL divergence below {epsilon}");
            }
            MethodWord::Max | MethodWord::Mse => {}
        }
        let default = if self.method == MethodWord::Pushdown { MAX_WORD_LENGTH } else { 8 };
        let most = if self.method == MethodWord::Pushdown { "at most " } else { "" };
        text += &format!(", {most}{} bits", list(self.wl.as_deref().unwrap_or(&[default])));
        if let Some(weights) = &self.weight_wl {
            text += &format!(", weights {}", list(weights));
        }
        if let Some(least) = self.min_sqnr {
            text += &format!(", at least {least} dB");
        }
        text
    }
}

fn word(method: MethodWord) -> String {
    use clap::ValueEnum as _;
    method.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}
