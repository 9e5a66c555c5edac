//! Every setting of a training run, as one flag and one TOML key each.

use super::bit_range::BitRange;
use super::choices::{
    BackwardKind, ControllerKind, OptimiserKind, ScheduleKind, Switch, switch, word,
};
use super::defaults::preset_names;
use super::format_schedule::FormatSchedule;
use super::gradient_scale::GradientScale;
use super::layer_formats::LayerFormats;
use super::random_source::RandomSourceKind;
use crate::cli::arguments::numbers;
use crate::data::{DatasetKind, TextLevel};
use crate::network::arch;
use crate::precision::{BitStrategy, Depth, Factor, Granularity, PushDownRange, Variant};
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args};
use hwmodel::{AccumulatorWidth, Overflow, Rounding};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const DATA: &str = "Data";
const RUN: &str = "Run";
const OPT: &str = "Optimiser";
const SCHED: &str = "Learning rate schedule";
const CTRL: &str = "Precision controller";
const ADAPT: &str = "AdaPT controller";
const RIVALS: &str = "MuPPET and Shen et al. 2024";
const ARITH: &str = "Arithmetic and machine";
const FILES: &str = "Files and output";

/// The settings of a training run that were given in one place; what was not given is `None`.
///
/// Flags (clap) and configuration files (serde) are read into the same fields: a flag `--batch-size`
/// and a key `batch-size` are the same setting. `--no-augment` is `augment = false` in a file.
/// Values are checked by [`resolve`](Self::resolve), after everything is put together.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TrainArguments {
    /// TOML file with settings; its keys are the names of these flags, and flags win over it.
    #[arg(long, value_name = "FILE", help_heading = RUN)]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Start from a published set of hyperparameters instead of the defaults; flags and file win
    /// over it.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(preset_names()), help_heading = RUN)]
    pub preset: Option<String>,
    /// Architecture of the network [default: lenet5] (lstm with a text).
    #[arg(long, aliases = ["model", "architecture", "network"], value_name = "NAME", value_parser = PossibleValuesParser::new(arch::names()), help_heading = RUN)]
    pub arch: Option<String>,
    /// Passes over the training set [default: 12] [range: 1 to 1000000].
    #[arg(long, aliases = ["num-epochs", "max-epochs"], value_name = "N", allow_hyphen_values = true, help_heading = RUN)]
    pub epochs: Option<i64>,
    /// Optimiser steps after which the run ends early [range: 1 to 9223372036854775807].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = RUN)]
    pub max_steps: Option<i64>,
    /// Seed of every random number; equal settings with equal seeds give equal bits [default: 1]
    /// [range: 0 to 9223372036854775807].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = RUN)]
    pub seed: Option<i64>,
    /// Threads; the results do not depend on them [default: one for each processor] [range: 1 to
    /// 1024].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = RUN)]
    pub threads: Option<i64>,
    /// Also train the float32 twin, the same run without quantisers, to compare with.
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "no_with_baseline", help_heading = RUN)]
    pub with_baseline: Switch,
    /// Undo `with-baseline` of the file.
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "with_baseline", help_heading = RUN)]
    #[serde(skip)]
    pub no_with_baseline: Switch,
    /// Data set: fashion-mnist-slice (embedded in the program), fashion-mnist, mnist, emnist-SPLIT,
    /// cifar10, cifar100, folder or text; with --data-dir and nothing else fashion-mnist [default:
    /// fashion-mnist-slice].
    #[arg(long, value_name = "NAME", help_heading = DATA)]
    pub dataset: Option<DatasetKind>,
    /// Folder of the data set's files, or file of a text; without it HWSIM_DATA is searched and, for
    /// fashion-mnist, the system's folder. Without it a text is the embedded one.
    #[arg(long, aliases = ["dataset-dir", "data-path"], value_name = "DIR", help_heading = DATA)]
    pub data_dir: Option<PathBuf>,
    /// text: tokens are words or characters [default: word].
    #[arg(long, value_name = "WORD", value_parser = word::<TextLevel>(), help_heading = DATA)]
    pub text_level: Option<TextLevel>,
    /// text: tokens of a sequence [default: 64] [range: 1 to 4096].
    #[arg(long, value_name = "T", allow_hyphen_values = true, help_heading = DATA)]
    pub sequence_length: Option<i64>,
    /// text: most frequent tokens that are told apart [default: 10000] [range: 1 to 65534].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = DATA)]
    pub vocabulary: Option<i64>,
    /// Training images used, the classes in equal parts, or first sequences of a text [default: all]
    /// [range: 1 to 1000000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = DATA)]
    pub limit_train: Option<i64>,
    /// Test images used, the classes in equal parts, or first sequences of a text [default: all]
    /// [range: 1 to 1000000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = DATA)]
    pub limit_test: Option<i64>,
    /// Images or sequences of a micro-batch [default: 128] (16 with a text) [range: 1 to 1048576].
    #[arg(long, aliases = ["bs", "batch"], value_name = "N", allow_hyphen_values = true, help_heading = DATA)]
    pub batch_size: Option<i64>,
    /// Crop and flip CIFAR training images at random; other data sets are never varied [default:
    /// on].
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "no_augment", help_heading = DATA)]
    pub augment: Switch,
    /// Show training images as they are.
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "augment", help_heading = DATA)]
    #[serde(skip)]
    pub no_augment: Switch,
    /// Rule of the update: SGD with momentum, or Adam [default: sgd].
    #[arg(long, aliases = ["optimizer", "optim"], value_name = "WORD", value_parser = word::<OptimiserKind>(), help_heading = OPT)]
    pub optimiser: Option<OptimiserKind>,
    /// Initial learning rate; 0.001 with adam, 0.1 with sgd on a text [default: 0.01] [range: above 0, at most 1000000].
    #[arg(long, aliases = ["lr"], value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub learning_rate: Option<f64>,
    /// sgd: momentum μ in m ← μ·m + d [default: 0.9] [range: at least 0, below 1].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub momentum: Option<f64>,
    /// adam: decay β₁ of the mean of gradients [default: 0.9] [range: at least 0, below 1].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub beta1: Option<f64>,
    /// adam: decay β₂ of the mean of squared gradients [default: 0.999] [range: at least 0, below 1].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub beta2: Option<f64>,
    /// adam: ε, added to the root of the mean of squares [default: 0.00000001] [range: 1e-30 to
    /// 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub adam_epsilon: Option<f64>,
    /// Weight α of the L1 norm in the loss, also a source of sparsity [default: 0.00001] [range:
    /// 0 to 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub l1: Option<f64>,
    /// Weight decay β, the L2 part of the loss, in the gradient [default: 0.00000001] [range: 0 to 1000000].
    #[arg(long, aliases = ["weight-decay", "wd"], value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub l2: Option<f64>,
    /// Micro-batches whose gradients make one update [default: 1] [range: 1 to 65536].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = OPT)]
    pub accumulation: Option<i64>,
    /// Divide the gradient of each tensor by its L2 norm [default: on].
    #[arg(long, aliases = ["normalize-gradients"], action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "no_normalise_gradients", help_heading = OPT)]
    pub normalise_gradients: Switch,
    /// Take gradients as they are.
    #[arg(long, aliases = ["no-normalize-gradients"], action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "normalise_gradients", help_heading = OPT)]
    #[serde(skip)]
    pub no_normalise_gradients: Switch,
    /// Scale s of the truncated normal initial weights [default: 0.5] [range: above 0, at most
    /// 1000000].
    #[arg(long, aliases = ["initialization-scale", "init-scale"], value_name = "X", allow_hyphen_values = true, help_heading = OPT)]
    pub initialisation_scale: Option<f64>,
    /// How the learning rate changes: never, when the test loss stalls, at given epochs, or with
    /// every step along half a cosine [default: plateau].
    #[arg(long, aliases = ["scheduler", "lr-schedule", "lr-scheduler"], value_name = "WORD", value_parser = word::<ScheduleKind>(), help_heading = SCHED)]
    pub schedule: Option<ScheduleKind>,
    /// plateau: the learning rate is multiplied by this [default: 0.1] [range: above 0, below 1].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = SCHED)]
    pub plateau_factor: Option<f64>,
    /// plateau: epochs without improvement that are tolerated [default: 10] [range: 0 to
    /// 1000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = SCHED)]
    pub plateau_patience: Option<i64>,
    /// plateau: an improvement is a test loss below best·(1 - threshold) [default: 0.000001]
    /// [range: at least 0, below 1].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = SCHED)]
    pub plateau_threshold: Option<f64>,
    /// plateau: the learning rate never falls below this [default: 0] [range: 0 to 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = SCHED)]
    pub plateau_minimum: Option<f64>,
    /// step: numbers of the epochs, counted from 0 and ascending, before which the learning rate
    /// is multiplied, as in 10,13 or 10..30:5 [range: 1 to 1000000].
    #[arg(long, value_name = "LIST", value_parser = numbers::<i64>, allow_hyphen_values = true, help_heading = SCHED)]
    pub milestones: Option<std::vec::Vec<i64>>,
    /// step: the learning rate is multiplied by this [default: 0.1] [range: above 0, below 1].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = SCHED)]
    pub schedule_factor: Option<f64>,
    /// cosine: epochs at the beginning in which the learning rate rises linearly; fewer than all
    /// [default: 0] [range: 0 to 1000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = SCHED)]
    pub warmup_epochs: Option<i64>,
    /// cosine: the learning rate at the end, at most the initial one [default: 0] [range: 0 to
    /// 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = SCHED)]
    pub cosine_minimum: Option<f64>,
    /// What decides on number formats: AdaPT, ADEPT (AdaPT that may switch after any batch), MuPPET,
    /// Shen et al. 2024, formats chosen in advance, or none, which gives the float32 twin [default:
    /// adapt].
    #[arg(long, value_name = "WORD", value_parser = word::<ControllerKind>(), help_heading = CTRL)]
    pub controller: Option<ControllerKind>,
    /// Train with several controllers one after another and compare them, as in adapt,shen,float32;
    /// NAME goes before the extension of each run's files, and --checkpoint gets a folder NAME.
    #[arg(long, value_name = "WORD,...", value_delimiter = ',', value_parser = word::<ControllerKind>(), help_heading = CTRL)]
    pub controllers: Option<Vec<ControllerKind>>,
    /// Word length in bits: adapt starts with it, static keeps it [default: 8] [range: 1 to 32].
    #[arg(long, aliases = ["word-length", "bits-per-word"], value_name = "BITS", allow_hyphen_values = true, help_heading = CTRL)]
    pub wl: Option<i64>,
    /// Fractional length in bits: adapt starts with it, static keeps it [default: 4] [range:
    /// adapt 0 to 31, static -64 to 64].
    #[arg(long, aliases = ["fractional-length", "frac-bits"], value_name = "BITS", allow_hyphen_values = true, help_heading = CTRL)]
    pub fl: Option<i64>,
    /// static: formats of single layers as LAYER=WL,FL joined by `;`, as in conv1=8,4;fc3=16,12;
    /// all other layers have --wl and --fl.
    #[arg(long, value_name = "LIST", help_heading = CTRL)]
    pub layer_formats: Option<LayerFormats>,
    /// static: formats from given epochs on as EPOCH:WL,FL or EPOCH:LAYER=WL,FL joined by `;`, as in
    /// 0:8,4;5:12,6;10:16,8.
    #[arg(long, value_name = "LIST", help_heading = CTRL)]
    pub format_schedule: Option<FormatSchedule>,
    /// adapt, adept and muppet: follow the paper's equations or the released code where they
    /// disagree [default: paper].
    #[arg(long, value_name = "WORD", value_parser = word::<Variant>(), help_heading = ADAPT)]
    pub variant: Option<Variant>,
    /// adapt: formats may change after any batch (also ADEPT) or only at the end of an epoch
    /// [default: batch].
    #[arg(long, value_name = "WORD", value_parser = word::<Granularity>(), help_heading = ADAPT)]
    pub granularity: Option<Granularity>,
    /// adapt, variant paper: a format is lossless if its KL divergence is below this, in nats
    /// [default: 0.01] [range: 0 to 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = ADAPT)]
    pub epsilon_kl: Option<f64>,
    /// adapt, variant paper: the largest format that PushDown may choose, the full 32 bits or the
    /// format in force [default: full].
    #[arg(long, value_name = "WORD", value_parser = word::<PushDownRange>(), help_heading = ADAPT)]
    pub pushdown_range: Option<PushDownRange>,
    /// adapt: bits kept free above the binary point [default: 8] [range: 0 to 32].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = ADAPT)]
    pub buffer_bits: Option<i64>,
    /// adapt: smallest number of bins of the weight histogram [default: 50] [range: 1 to 65536].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = ADAPT)]
    pub resolution_lower: Option<i64>,
    /// adapt: largest number of bins of the weight histogram [default: 150] [range: 1 to 65536].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = ADAPT)]
    pub resolution_upper: Option<i64>,
    /// adapt: shortest gradient window, in optimiser steps [default: 25] [range: 1 to 1048576].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = ADAPT)]
    pub lookback_lower: Option<i64>,
    /// adapt: longest gradient window, in optimiser steps [default: 100] [range: 1 to 1048576].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = ADAPT)]
    pub lookback_upper: Option<i64>,
    /// adapt: share γ of the new lookback in its moving average [default: 0.33] [range: 0 to 1].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = ADAPT)]
    pub lookback_momentum: Option<f64>,
    /// adapt: add the word-length penalty P to the loss that the strategy sees [default: on, but
    /// off for lenet5 with variant released].
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "no_penalty", help_heading = ADAPT)]
    pub penalty: Switch,
    /// Leave the word-length penalty out of the loss.
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "penalty", help_heading = ADAPT)]
    #[serde(skip)]
    pub no_penalty: Switch,
    /// muppet: word lengths in bits on the way to float32, as in 8,12,14,16 or 8..16:2 [default: 8,12,14,16]
    /// [range: 1 to 32].
    #[arg(long, value_name = "LIST", value_parser = numbers::<i64>, allow_hyphen_values = true, help_heading = RIVALS)]
    pub levels: Option<std::vec::Vec<i64>>,
    /// muppet: r, epochs of a window of gradients; the paper's has one more [default: 3] [range: 1
    /// to 1000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = RIVALS)]
    pub window_epochs: Option<i64>,
    /// muppet: violations γ before a switch [default: 2] [range: 0 to 1000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = RIVALS)]
    pub violations: Option<i64>,
    /// muppet: α of the threshold α + β·e^(-λ·epoch) [default: 1] [range: -1000000 to 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = RIVALS)]
    pub threshold_alpha: Option<f64>,
    /// muppet: β of the threshold [default: 1.5] [range: -1000000 to 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = RIVALS)]
    pub threshold_beta: Option<f64>,
    /// muppet: λ of the threshold, per epoch [default: 0.1] [range: 0 to 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = RIVALS)]
    pub threshold_lambda: Option<f64>,
    /// muppet: float32 epochs from one fall of the learning rate to the next [default: 15] [range:
    /// 1 to 1000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = RIVALS)]
    pub float32_epochs: Option<i64>,
    /// muppet: training ends instead of lowering a learning rate that is not above this [default:
    /// 0.0001] [range: 0 to 1000000].
    #[arg(long, value_name = "X", allow_hyphen_values = true, help_heading = RIVALS)]
    pub smallest_learning_rate: Option<f64>,
    /// shen: what bits follow: length of accumulation A, frequency F with which weights are used, or
    /// depth D [default: A].
    #[arg(long, value_name = "WORD", value_parser = word::<Factor>(), help_heading = RIVALS)]
    pub factor: Option<Factor>,
    /// shen: how: the same everywhere U, more with the factor C+, fewer with it C-, at random R
    /// [default: C-].
    #[arg(long, value_name = "WORD", value_parser = word::<BitStrategy>(), help_heading = RIVALS)]
    pub strategy: Option<BitStrategy>,
    /// shen: smallest and largest word length in bits, as in 4..8 [default: 4..8] [range: 1 to 32].
    #[arg(long, value_name = "LO..HI", help_heading = RIVALS)]
    pub bits: Option<BitRange>,
    /// shen: depth D by stages of equal resolution or by layers [default: stage].
    #[arg(long, value_name = "WORD", value_parser = word::<Depth>(), help_heading = RIVALS)]
    pub depth: Option<Depth>,
    /// shen: word length of results, biases and batch norms in bits [default: 16] [range: 1 to 32].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = RIVALS)]
    pub output_wl: Option<i64>,
    /// Rounding of weights and biases; shen has nearest-even without this flag [default:
    /// stochastic].
    #[arg(long, value_name = "WORD", value_parser = word::<Rounding>(), help_heading = ARITH)]
    pub rounding_weights: Option<Rounding>,
    /// Rounding of activations and accumulators in training; shen has nearest-even without
    /// this flag [default: stochastic].
    #[arg(long, value_name = "WORD", value_parser = word::<Rounding>(), help_heading = ARITH)]
    pub rounding_activations: Option<Rounding>,
    /// Rounding of weight gradients [default: stochastic].
    #[arg(long, value_name = "WORD", value_parser = word::<Rounding>(), help_heading = ARITH)]
    pub rounding_gradients: Option<Rounding>,
    /// Rounding of activations and accumulators in evaluation [default: nearest-even].
    #[arg(long, aliases = ["rounding-eval"], value_name = "WORD", value_parser = word::<Rounding>(), help_heading = ARITH)]
    pub rounding_evaluation: Option<Rounding>,
    /// Generator of the random numbers of stochastic rounding: PCG, or the linear-feedback shift
    /// register of a circuit [default: pcg].
    #[arg(long, value_name = "WORD", value_parser = word::<RandomSourceKind>(), help_heading = ARITH)]
    pub random_source: Option<RandomSourceKind>,
    /// Bits of a random number r in ⌊v + r/2^bits⌋ [default: pcg 24 for floats and as many as are
    /// dropped for integers, lfsr 16 or the register's] [range: 1 to 24].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = ARITH)]
    pub random_bits: Option<i64>,
    /// lfsr: bits of the register, which has a primitive polynomial for each width [default: 32]
    /// [range: 8 to 32].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = ARITH)]
    pub lfsr_width: Option<i64>,
    /// lfsr: clocks of the register for each rounding; 1 is the smallest circuit, whose successive
    /// numbers share bits [default: random-bits] [range: 1 to 64].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = ARITH)]
    pub lfsr_steps: Option<i64>,
    /// What a value outside its format does [default: saturate].
    #[arg(long, value_name = "WORD", value_parser = word::<Overflow>(), help_heading = ARITH)]
    pub overflow: Option<Overflow>,
    /// Accumulator width in bits, or `exact` for one that cannot overflow [default: the
    /// machine's] [range: 1 to 64, exact].
    #[arg(long, alias = "acc", value_name = "BITS", help_heading = ARITH)]
    pub accumulator: Option<AccumulatorWidth>,
    /// What an addition outside the accumulator does; needs --accumulator [default: saturate].
    #[arg(long, value_name = "WORD", value_parser = word::<Overflow>(), help_heading = ARITH)]
    pub accumulator_overflow: Option<Overflow>,
    /// Machine to simulate: the name of a shipped one, or a TOML file [default: edge-16x16].
    #[arg(long, aliases = ["device", "hardware"], value_name = "NAME", help_heading = ARITH)]
    pub machine: Option<String>,
    /// Arithmetic of the two backward products: float32, or exact integers on the MAC array, which
    /// muppet and shen have without this flag [default: float32].
    #[arg(long, value_name = "WORD", value_parser = word::<BackwardKind>(), help_heading = ARITH)]
    pub backward: Option<BackwardKind>,
    /// backward fixed: word length of gradients in bits [default: that of the layer's gradient
    /// format] [range: 1 to 32].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = ARITH)]
    pub gradient_wl: Option<i64>,
    /// backward fixed: word length in bits of the gradients that enter and leave the grad-input
    /// product alone [default: gradient-wl] [range: 1 to 32].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = ARITH)]
    pub grad_input_wl: Option<i64>,
    /// backward fixed: word length in bits of the gradients that enter and leave the grad-weight
    /// product alone [default: gradient-wl] [range: 1 to 32].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = ARITH)]
    pub grad_weight_wl: Option<i64>,
    /// backward fixed: fractional length of gradients in bits, or `auto` for one a tensor, chosen
    /// so that its extremes just fit [default: auto] [range: -64 to 64, auto].
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, help_heading = ARITH)]
    pub gradient_fl: Option<GradientScale>,
    /// Write formats, operations, traffic, cycles and energy of every layer as CSV.
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub trace: Option<PathBuf>,
    /// Optimiser steps between traced ones [default: 1] [range: 1 to 1000000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = FILES)]
    pub trace_every: Option<i64>,
    /// Write the final table as JSON.
    #[arg(long, value_name = "FILE", help_heading = FILES, long_help = crate::train::paper_cost::figures::help())]
    pub summary: Option<PathBuf>,
    /// Write checkpoints into this folder, also at the end and on interruption.
    #[arg(long, aliases = ["checkpoint-dir"], value_name = "DIR", help_heading = FILES)]
    pub checkpoint: Option<PathBuf>,
    /// Write checkpoints even if the folder holds those of another run, which they replace.
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), help_heading = FILES)]
    #[serde(skip)]
    pub overwrite: Switch,
    /// Optimiser steps between checkpoints [default: 1000] [range: 1 to 1000000000].
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = FILES)]
    pub checkpoint_every: Option<i64>,
    /// Continue the run of the checkpoint in this folder; with --epochs or --max-steps to another end.
    #[arg(long, value_name = "DIR", help_heading = FILES)]
    pub resume: Option<PathBuf>,
    /// Start from the weights of a saved model of the same architecture; its classifier is left out if
    /// the data have another number of classes.
    #[arg(long, aliases = ["pretrained", "load-model"], value_name = "FILE", help_heading = FILES)]
    pub init_from: Option<PathBuf>,
    /// Write the trained network.
    #[arg(long, aliases = ["save"], value_name = "FILE", help_heading = FILES)]
    pub save_model: Option<PathBuf>,
    /// Show no progress.
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "no_quiet", help_heading = FILES)]
    pub quiet: Switch,
    /// Undo `quiet` of the file.
    #[arg(long, action = ArgAction::SetTrue, value_parser = switch(), overrides_with = "quiet", help_heading = FILES)]
    #[serde(skip)]
    pub no_quiet: Switch,
}
