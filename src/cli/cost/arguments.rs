//! The arguments of `hwsim cost`.

use crate::cli::arguments::{AccumulatorCostArguments, OutputArguments};
use crate::design::workload::Pass;
use crate::network::arch;
use hwmodel::machine::Machine;
use std::path::PathBuf;
use std::str::FromStr;

/// Cycles, traffic and energy of a network on machines, layer by layer, without running it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "In the table, layers that cost nothing are left out; several machines begin with one row each. CSV has one row a phase of a layer and machine, and one of totals; JSON has the same, nested. docs/cost.md explains every number."
)]
#[command(group(clap::ArgGroup::new("workload").required(true).args(["model", "arch", "topology", "onnx"])))]
pub(in crate::cli) struct CostArguments {
    /// Network: the name of an architecture as of --arch, a file of `hwsim train --save-model`, or an ONNX file.
    #[arg(value_name = "MODEL")]
    pub(super) model: Option<PathBuf>,
    /// Architecture: any of `hwsim train` (docs/networks.md lists them), or of shapes only gpt2-small
    /// (1024 tokens). It may be given without the flag.
    #[arg(long, value_name = "NAME")]
    pub(super) arch: Option<String>,
    /// Topology of SCALE-Sim, CSV: convolution or GEMM format.
    #[arg(long, value_name = "FILE.csv")]
    pub(super) topology: Option<PathBuf>,
    /// ONNX model, also QONNX, QDQ and QOperator; its weights are not read. It may be given without the flag.
    #[arg(long, value_name = "FILE")]
    pub(super) onnx: Option<PathBuf>,
    /// Size of a dimension of the ONNX model's inputs that is not a number, by its name, as in --dim N=1, or by input and axis,
    /// as in --dim x.2=28; may be repeated. The latter wins where several axes have one name.
    #[arg(long, value_name = "NAME=SIZE", value_delimiter = ',',
          conflicts_with_all = ["arch", "topology"])]
    pub(super) dim: Vec<Dimension>,
    /// Height, width and channels of the images that --arch is built for [default: those its sizes are
    /// published for, 32x32x1, 32x32x3 or 224x224x3]; Tx1x1 for sequences of T tokens [default: 64x1x1].
    #[arg(long, value_name = "HxWxC", conflicts_with_all = ["topology", "onnx"])]
    pub(super) image: Option<ImageSize>,
    /// Classes that --arch is built for [default: 10, or 1000 where the images are 224x224x3], or tokens of
    /// a vocabulary [default: 10001].
    #[arg(long, value_name = "N", conflicts_with_all = ["topology", "onnx"],
          value_parser = clap::value_parser!(u32).range(1..=arch::MOST_CLASSES as i64))]
    pub(super) classes: Option<u32>,
    /// Machines: shipped names or TOML files, separated by commas or repeated.
    #[arg(long, value_name = "NAME|FILE", value_delimiter = ',',
          default_value = Machine::DEFAULT, conflicts_with = "scale_sim_config")]
    pub(super) machine: Vec<String>,
    /// A configuration of SCALE-Sim in place of a machine: the cycles of --topology by the rules of
    /// SCALE-Sim (docs/scale-sim.md).
    #[arg(long, value_name = "FILE.cfg",
          conflicts_with_all = ["model", "arch", "onnx", "wl", "fl", "number_format", "float32", "formats", "accumulator", "pass",
                                "batch"])]
    pub(super) scale_sim_config: Option<PathBuf>,
    /// Write SCALE-Sim's reports into this folder.
    #[arg(long, value_name = "DIR", requires = "scale_sim_config")]
    pub(super) scale_sim_reports: Option<PathBuf>,
    /// Show where SCALE-Sim's numbers differ from hardware, and why.
    #[arg(long, requires = "scale_sim_config")]
    pub(super) explain_quirks: bool,
    /// Word length in bits of inputs, weights and outputs, 1 to 32, of every layer [default: 8, but what a saved model or the
    /// quantisers of an ONNX model say].
    #[arg(long, value_name = "WL")]
    pub(super) wl: Option<u32>,
    /// Fractional length in bits; it changes no cost [default: 4, but what a saved model or the
    /// quantisers of an ONNX model say].
    #[arg(long, value_name = "FL", allow_negative_numbers = true)]
    pub(super) fl: Option<i32>,
    /// Format of every layer in any notation, in place of --wl and --fl, as in u8,4 or ap_fixed<16,6>; its modes change no cost.
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with_all = ["wl", "fl"])]
    pub(super) number_format: Option<String>,
    /// Float32 in place of fixed point.
    #[arg(long, conflicts_with_all = ["wl", "fl", "number_format", "accumulator", "formats"])]
    pub(super) float32: bool,
    /// The formats that a `hwsim train --trace` had in force at a step, layer by layer.
    #[arg(long, value_name = "TRACE.csv@STEP", conflicts_with_all = ["wl", "fl", "number_format"])]
    pub(super) formats: Option<TraceStep>,
    #[command(flatten)]
    pub(super) accumulator: AccumulatorCostArguments,
    /// What is computed: inference, or one training step (forward, backward, weight update).
    #[arg(long, value_enum, default_value_t = PassChoice::Inference)]
    pub(super) pass: PassChoice,
    /// Samples computed together; on top of a batch that an ONNX model has itself.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    pub(super) batch: u64,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum PassChoice {
    Inference,
    Training,
}

impl From<PassChoice> for Pass {
    fn from(choice: PassChoice) -> Self {
        match choice {
            PassChoice::Inference => Self::Inference,
            PassChoice::Training => Self::Training,
        }
    }
}

/// `[h, w, c]`, written `32x32x3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct ImageSize(pub(super) [usize; 3]);

impl FromStr for ImageSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let sizes: Option<Vec<usize>> = text
            .split(['x', '×', ','])
            .map(|size| {
                size.trim().parse().ok().filter(|size| (1..=arch::MOST_PIXELS).contains(size))
            })
            .collect();
        match sizes.as_deref() {
            Some(&[h, w, c]) => Ok(Self([h, w, c])),
            _ => Err("write height, width and channels, each 1 to 65536, as in 32x32x3".to_owned()),
        }
    }
}

/// A trace and a step in it, written `out.csv@120`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct TraceStep {
    pub(super) trace: PathBuf,
    pub(super) step: u64,
}

impl FromStr for TraceStep {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('@').filter(|(trace, _)| !trace.is_empty());
        match parts.map(|(trace, step)| (trace, step.parse())) {
            Some((trace, Ok(step))) => Ok(Self { trace: trace.into(), step }),
            _ => Err("write the trace and a step, as in out.csv@120".to_owned()),
        }
    }
}

/// A dimension and its size, written `N=1` or `x.2=28`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Dimension {
    pub(in crate::cli) name: String,
    pub(in crate::cli) size: u64,
}

impl FromStr for Dimension {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=').map(|(name, size)| (name.trim(), size.trim().parse()));
        match parts {
            Some((name, Ok(size))) if !name.is_empty() && (1..=1 << 32).contains(&size) => {
                Ok(Self { name: name.to_owned(), size })
            }
            _ => Err("write the name and a size from 1 to 2^32, as in N=1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_steps_and_dimensions_are_read() {
        assert_eq!("28x28x1".parse(), Ok(ImageSize([28, 28, 1])));
        assert!("28x28".parse::<ImageSize>().is_err());
        assert!("0x28x1".parse::<ImageSize>().is_err());
        let step: TraceStep = "a@b.csv@7".parse().unwrap();
        assert_eq!((step.trace, step.step), (PathBuf::from("a@b.csv"), 7));
        assert!("a.csv".parse::<TraceStep>().is_err());
        assert!("@3".parse::<TraceStep>().is_err());
        let dimension: Dimension = "batch=3".parse().unwrap();
        assert_eq!((dimension.name.as_str(), dimension.size), ("batch", 3));
        assert!("N=0".parse::<Dimension>().is_err());
        assert!("=1".parse::<Dimension>().is_err());
    }
}
