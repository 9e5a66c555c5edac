//! The arguments of `hwsim sweep`, and the TOML file they can be given in.

use crate::cli::arguments::{ListError, expand, fixed_type};
use crate::cli::cost::Dimension;
use crate::cli::errors::Failure;
use crate::cli::model;
use crate::design::sweep::{Grid, Shard, value_of};
use anyhow::{Context as _, anyhow};
use hwmodel::mac_style::MacStyle;
use hwmodel::machine::Dataflow;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Many designs: costed on a network or a trace, or trained.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Every flag of a list takes values separated by commas and ranges of whole numbers: 8..64 (both ends included), 8..64:8 (step), 8..64:x2 (doubling). A sweep that was stopped resumes when the same command is given again.\ndocs/explore.md explains axes, files, results and shards."
)]
pub(in crate::cli) struct SweepArguments {
    #[command(subcommand)]
    pub(super) command: Option<SweepCommand>,
    /// TOML file with grid, single points and what is evaluated; flags win over it.
    #[arg(long, value_name = "FILE.toml")]
    pub(super) file: Option<PathBuf>,
    /// Machines to start from: shipped names or TOML files [default: edge-16x16].
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    machine: Vec<String>,
    /// Rows of the array.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    rows: Vec<String>,
    /// Columns of the array.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    columns: Vec<String>,
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes", help = dataflows())]
    dataflow: Vec<String>,
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes", help = mac_styles())]
    mac_style: Vec<String>,
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes", help = mac_width())]
    mac_width: Vec<String>,
    /// Accumulator bits (1 to 64) or exact.
    #[arg(long, alias = "acc", value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    accumulator: Vec<String>,
    /// What an addition outside the accumulator's range does: wrap, saturate or another overflow mode.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    accumulator_overflow: Vec<String>,
    /// Fractional length of the accumulator in bits.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Axes"
    )]
    accumulator_fl: Vec<String>,
    /// Rounding where the accumulator drops bits; needs a fractional length.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    accumulator_rounding: Vec<String>,
    /// Products that an inner accumulator sums before their sum is added to the outer one.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    accumulator_inner_terms: Vec<String>,
    /// Bits of the inner accumulator (1 to 64) or exact.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    accumulator_inner_width: Vec<String>,
    /// SRAM of each operand in KiB.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    sram_kib: Vec<String>,
    /// SRAM bandwidth in bits per cycle.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    sram_bandwidth: Vec<String>,
    /// DRAM bandwidth in bits per cycle.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    bandwidth: Vec<String>,
    /// Clock in MHz.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    clock_mhz: Vec<String>,
    /// Technology node in nm: 45, 7 or one of the machine's own table.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    node: Vec<String>,
    /// Word lengths in bits; not with --trace.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    wl: Vec<String>,
    /// Formats in any notation, joined by `;`, as in '8,4;u8,4;ap_fixed<16,6,AP_RND,AP_SAT>', in place of --wl and --fl; not
    /// with --trace.
    #[arg(
        long,
        value_name = "LIST",
        allow_hyphen_values = true,
        conflicts_with_all = ["wl", "fl", "trace"],
        help_heading = "Axes"
    )]
    number_format: Option<String>,
    /// With --train: fractional lengths in bits.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Axes"
    )]
    fl: Vec<String>,
    /// With --train: rounding of weights, activations and gradients.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    rounding: Vec<String>,
    /// With --train: random bits of stochastic rounding.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Axes")]
    random_bits: Vec<String>,
    /// Any other part of an accumulator, as in --set accumulator-tile-width=12,16, and with --train any other setting of
    /// `hwsim train`, as in --set learning-rate=0.1,0.01; may be repeated.
    #[arg(long, value_name = "NAME=LIST", help_heading = "Axes")]
    set: Vec<String>,
    /// Network that is costed, or with --train trained: a built-in name (docs/networks.md), a file of `hwsim train --save-model`,
    /// or an ONNX file [default: lenet5]. Without an axis of word lengths a file is costed with its own.
    #[arg(long, alias = "model", value_name = "MODEL", help_heading = "Evaluated")]
    arch: Option<String>,
    /// Size of an open dimension of the inputs of an ONNX network that is costed, as in --dim N=1; may be repeated.
    #[arg(long, value_name = "NAME=SIZE", value_delimiter = ',', conflicts_with_all = ["trace", "train"], help_heading = "Evaluated")]
    dim: Vec<Dimension>,
    /// Images at a time [default: 1]; not with --train.
    #[arg(long, value_name = "N", conflicts_with_all = ["trace", "train"], help_heading = "Evaluated")]
    batch: Option<u64>,
    /// Cost the gradients too, in float32 as in training.
    #[arg(long, conflicts_with_all = ["trace", "train"], help_heading = "Evaluated")]
    gradients: bool,
    /// Replay a trace of `hwsim train`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["train", "arch", "wl"], help_heading = "Evaluated")]
    trace: Option<PathBuf>,
    /// Train at every point, since formats, rounding and accumulators change what is learnt.
    #[arg(long, help_heading = "Evaluated")]
    train: bool,
    /// The table; results so far are next to it in FILE.csv.log.
    #[arg(short, long, alias = "out", value_name = "FILE.csv")]
    pub(super) output: Option<PathBuf>,
    /// Leave impossible machines out; otherwise the first is an error.
    #[arg(long)]
    pub(super) skip_impossible: bool,
    /// Evaluate only each n-th point, from the i-th (from 0), into a separate log; `hwsim sweep merge` joins them.
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,
    /// Evaluate nothing; write a Slurm job array that does.
    #[arg(long, value_name = "FILE.sh", requires = "shards", conflicts_with = "shard")]
    pub(super) slurm: Option<PathBuf>,
    /// Tasks of the job array.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) shards: u16,
    /// Threads [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Show no progress.
    #[arg(long)]
    pub(super) quiet: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum SweepCommand {
    /// Join the logs of all shards of a sweep into its table.
    Merge(MergeArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct MergeArguments {
    /// The table.
    #[arg(short, long, alias = "out", value_name = "FILE.csv")]
    pub(super) output: PathBuf,
    /// Logs of the shards, FILE.csv.shard-I-of-N.log.
    #[arg(required = true, value_name = "LOG")]
    pub(super) logs: Vec<PathBuf>,
}

/// The TOML file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SweepFile {
    #[serde(default)]
    grid: Table,
    #[serde(default)]
    point: Vec<Table>,
    network: Option<NetworkKeys>,
    trace: Option<PathBuf>,
    train: Option<Table>,
}

/// The network whose shapes are costed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkKeys {
    pub(super) arch: Option<String>,
    pub(super) batch: Option<u64>,
    pub(super) gradients: Option<bool>,
    pub(super) image: Option<[usize; 3]>,
    pub(super) classes: Option<usize>,
    /// Sizes of open dimensions of an ONNX network.
    #[serde(default)]
    pub(super) dim: BTreeMap<String, u64>,
}

impl NetworkKeys {
    /// The network, if it is a file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.arch.as_deref().and_then(|arch| model::file_of(Path::new(arch)))
    }
}

/// A sweep as it was asked for.
pub(super) struct Specification {
    pub(super) grid: Grid,
    pub(super) network: NetworkKeys,
    pub(super) trace: Option<PathBuf>,
    /// Settings of `hwsim train`.
    pub(super) train: Option<Table>,
}

/// Reads the file `path`.
fn read(path: &Path) -> Result<SweepFile, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{name}`"))
        .map_err(Failure::Usage)?;
    let file: Result<SweepFile, _> = toml::from_str(&text);
    file.with_context(|| format!("`{name}`")).map_err(Failure::Usage)
}

/// The grid of the file `path`.
pub(super) fn grid_of(path: &Path) -> Result<Grid, Failure> {
    let file = read(path)?;
    Grid::from_toml(&file.grid, &file.point).map_err(Failure::usage)
}

/// The names of the dataflows.
fn dataflows() -> String {
    let names: Vec<_> = Dataflow::ALL.iter().map(|dataflow| dataflow.name()).collect();
    names.join(", ")
}

/// The names of the MAC styles.
fn mac_styles() -> String {
    let names: Vec<_> = MacStyle::ALL.iter().map(|style| style.name).collect();
    names.join(", ")
}

/// What a width is, and which styles have none.
fn mac_width() -> String {
    let without = MacStyle::ALL.iter().filter(|style| style.width.is_none());
    let names: Vec<_> = without.map(|style| style.name).collect();
    format!("Width of the MACs in bits; not for {}", names.join(" and "))
}

/// The values in the list of a flag.
fn axis_values(list: &str) -> Result<Vec<Value>, ListError> {
    Ok(expand(list)?.iter().map(|item| value_of(item)).collect())
}

/// The error of the flag `--name`.
fn of_flag(name: &str, error: ListError) -> Failure {
    Failure::Usage(anyhow!("`--{name}`: {error}"))
}

impl SweepArguments {
    /// File and flags together.
    pub(super) fn specification(&self) -> Result<Specification, Failure> {
        let mut file = self.file.as_deref().map(read).transpose()?.unwrap_or_default();
        let mut grid = Grid::from_toml(&file.grid, &file.point).map_err(Failure::usage)?;
        for (name, values) in [
            ("machine", &self.machine),
            ("rows", &self.rows),
            ("columns", &self.columns),
            ("dataflow", &self.dataflow),
            ("mac-style", &self.mac_style),
            ("mac-width", &self.mac_width),
            ("accumulator", &self.accumulator),
            ("accumulator-overflow", &self.accumulator_overflow),
            ("accumulator-fl", &self.accumulator_fl),
            ("accumulator-rounding", &self.accumulator_rounding),
            ("accumulator-inner-terms", &self.accumulator_inner_terms),
            ("accumulator-inner-width", &self.accumulator_inner_width),
            ("sram-kib", &self.sram_kib),
            ("sram-bandwidth", &self.sram_bandwidth),
            ("bandwidth", &self.bandwidth),
            ("clock-mhz", &self.clock_mhz),
            ("node", &self.node),
            ("wl", &self.wl),
            ("fl", &self.fl),
            ("rounding", &self.rounding),
            ("random-bits", &self.random_bits),
        ] {
            if !values.is_empty() {
                let values =
                    axis_values(&values.join(",")).map_err(|error| of_flag(name, error))?;
                grid.axis(name, values).map_err(Failure::usage)?;
            }
        }
        if let Some(list) = &self.number_format {
            let mut formats = Vec::new();
            for text in list.split(';') {
                fixed_type(text, "--number-format")?;
                formats.push(Value::String(text.trim().to_owned()));
            }
            grid.axis("number-format", formats).map_err(Failure::usage)?;
        }
        for set in &self.set {
            let Some((name, values)) = set.split_once('=') else {
                return Err(Failure::usage(anyhow!(
                    "--set `{set}`: write NAME=VALUE or NAME=VALUE,VALUE"
                )));
            };
            let values = match name.trim() {
                // Its values are ranges themselves.
                "bits" => values.split(',').map(value_of).collect(),
                // A format has commas itself.
                "number-format" => values.split(';').map(value_of).collect(),
                name => {
                    axis_values(values).map_err(|error| of_flag(&format!("set {name}"), error))?
                }
            };
            grid.axis(name.trim(), values).map_err(Failure::usage)?;
        }
        if self.train && file.train.is_none() {
            file.train = Some(Table::new());
        }
        if let (Some(train), Some(arch)) = (&mut file.train, &self.arch) {
            train.insert("arch".to_owned(), Value::String(arch.clone()));
        }
        let mut network = file.network.clone().unwrap_or_default();
        network.arch = self.arch.clone().or(network.arch);
        network.batch = self.batch.or(network.batch);
        network.dim.extend(self.dim.iter().map(|dim| (dim.name.clone(), dim.size)));
        network.gradients = Some(self.gradients || network.gradients.unwrap_or(false));
        let trace = self.trace.clone().or(file.trace);
        if file.train.is_some() && (trace.is_some() || file.network.is_some()) {
            return Err(Failure::usage(anyhow!(
                "a sweep trains, replays a trace or costs a network: choose one"
            )));
        }
        Ok(Specification { grid, network, trace, train: file.train })
    }
}
