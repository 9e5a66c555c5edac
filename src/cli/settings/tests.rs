//! Flags, keys, presets and defaults as they become the options of a run.

use super::run::DEFAULT_EPOCHS;
use super::*;
use crate::data::{DatasetKind, TextLevel, TextOptions};
use crate::precision::{
    AdaptOptions, ControllerOptions, Granularity, LayerFormats, NumberFormat, RoleFormats,
    StaticOptions, TensorInfo, Variant, presets,
};
use crate::train::Schedule;
use crate::train::optimiser::RuleOptions;
use crate::train::optimiser::adam::AdamOptions;
use crate::train::optimiser::sgd::SgdOptions;
use crate::train::schedule::{CosineOptions, StepOptions};
use hwmodel::random::{Lfsr, RandomBits, RandomSource};
use hwmodel::{Accumulator, AccumulatorWidth, Format, Overflow};
use std::io::Write;

/// The settings of a command line, words separated by blanks.
pub(super) fn flags(line: &str) -> TrainArguments {
    try_flags(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

pub(super) fn try_flags(line: &str) -> Result<TrainArguments, clap::Error> {
    TrainArguments::from_flags(line)
}

/// Resolves a command line, with `toml` as its configuration file.
pub(super) fn resolve(line: &str, toml: &str) -> Result<Resolved, String> {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let settings = flags(line).with(&run::CONFIG, file.path().to_owned());
    let path = file.path().display().to_string();
    settings.resolve().map_err(|error| error.to_string().replace(&path, "run.toml"))
}

fn resolved(line: &str, toml: &str) -> Resolved {
    resolve(line, toml).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn adapt(resolved: &Resolved) -> &AdaptOptions {
    match &resolved.options.controller {
        ControllerOptions::Adapt(options) => options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_settings_the_defaults_hold() {
    let default = TrainArguments::default().resolve().unwrap();
    assert_eq!(default.options.epochs, DEFAULT_EPOCHS);
    let text =
        toml::to_string(&default.options).unwrap().replace("epochs = 12", "epochs = DEFAULT");
    insta::assert_snapshot!(text, @r#"
    arch = "lenet5"
    dataset = "fashion-mnist-slice"
    augment = true
    epochs = DEFAULT
    batch-size = 128
    seed = 1
    learning-rate = 0.01
    penalty = true
    initialisation-scale = 0.5
    overflow = "saturate"
    machine = "edge-16x16"
    backward = "float32"

    [schedule]
    kind = "plateau"
    factor = 0.1
    patience = 10
    threshold = 0.000001
    minimum = 0.0

    [optimiser]
    weight_decay = 0.00000001
    l1 = 0.00001
    accumulation = 1
    normalise = true

    [optimiser.rule]
    kind = "sgd"
    momentum = 0.9

    [controller]
    controller = "adapt"
    variant = "paper"
    granularity = "batch"
    epsilon_kl = 0.01
    push_down_range = "full"
    buffer_bits = 8
    lookback_momentum = 0.33

    [controller.start]
    wl = 8
    fl = 4

    [controller.resolution]
    lower = 50
    upper = 150

    [controller.lookback]
    lower = 25
    upper = 100

    [rounding]
    weights = "stochastic"
    activations = "stochastic"
    gradients = "stochastic"
    evaluation = "nearest-even"
    "#);
    let Resolved {
        options: _,
        own_layers,
        paths,
        threads,
        with_baseline,
        quiet,
        layer_formats,
        format_schedule,
        format,
        explicit,
    } = default;
    assert!(format_schedule.is_empty());
    let expected = Paths { trace_every: 1, checkpoint_every: 1000, ..Paths::default() };
    assert_eq!(paths, expected);
    assert_eq!((threads, with_baseline, quiet), (None, false, false));
    assert_eq!(
        (layer_formats, format),
        (LayerFormats::default(), Format::new(8, 4).unwrap().into())
    );
    assert!(explicit.is_empty() && own_layers);
}

#[test]
fn flags_win_over_file_over_preset_over_defaults() {
    let file =
        "preset = 'alexnet-cifar100'\nbatch-size = 256\nlearning-rate = 0.05\naugment = false";
    let resolved = resolved("--learning-rate 0.02 --augment --wl 10", file);
    let options = &resolved.options;
    assert_eq!(options.learning_rate, 0.02, "flag over file over preset");
    assert!(options.augment, "flag over file");
    assert_eq!(options.batch_size, 256, "file over preset");
    assert_eq!(options.optimiser.accumulation, 4, "preset over default");
    assert_eq!(adapt(&resolved).start, Format::new(10, 4).unwrap(), "flag over preset");
    assert_eq!(options.seed, 1, "default");
    assert_eq!(resolved.explicit, ["preset", "batch-size", "augment", "learning-rate", "wl"]);
    let other = super::tests::resolved("--preset resnet20-cifar10", file);
    assert_eq!((other.options.arch.as_str(), other.options.batch_size), ("resnet20", 256));
}

#[test]
fn the_last_of_a_switch_and_its_opposite_counts() {
    let augment = |line: &str, file: &str| resolved(line, file).options.augment;
    assert!(augment("", "") && augment("--augment", ""));
    assert!(!augment("--no-augment", "") && !augment("--augment --no-augment", ""));
    assert!(augment("--no-augment --augment", "") && augment("--augment", "augment = false"));
    assert!(!augment("--no-augment", "augment = true") && !augment("", "augment = false"));
    let file = "quiet = true\nwith-baseline = true\nnormalise-gradients = false";
    let run = resolved("--no-quiet --no-with-baseline --normalise-gradients", file);
    assert_eq!((run.quiet, run.with_baseline), (false, false));
    assert!(run.options.optimiser.normalise);
    let run = resolved("", file);
    assert_eq!((run.quiet, run.with_baseline), (true, true));
    assert!(!run.options.optimiser.normalise);
}

#[test]
fn preset_values_reach_the_options() {
    for preset in presets::all() {
        let run = resolved(&format!("--preset {}", preset.name), "");
        let options = &run.options;
        assert_eq!(options.arch, preset.network);
        assert_eq!(options.dataset.to_string(), preset.data);
        assert_eq!((options.epochs, options.batch_size as u32), (preset.epochs, preset.batch));
        assert_eq!(options.learning_rate, preset.learning_rate);
        assert_eq!(options.initialisation_scale, preset.initialisation_scale);
        assert_eq!(options.penalty, preset.penalty_in_loss);
        let optimiser = options.optimiser;
        assert_eq!(optimiser.accumulation, preset.accumulation);
        let momentum = preset.momentum as f32;
        assert_eq!(optimiser.rule, RuleOptions::Sgd(SgdOptions { momentum }));
        assert_eq!((optimiser.l1, optimiser.weight_decay), (preset.l1 as f32, preset.l2 as f32));
        assert_eq!(adapt(&run), &preset.adapt);
    }
}

#[test]
fn every_adapt_option_reaches_the_controller() {
    let line = "--granularity epoch --wl 12 --fl 6 --epsilon-kl 0.1 --pushdown-range current \
                --buffer-bits 7 --resolution-lower 20 --resolution-upper 30 --lookback-lower 5 \
                --lookback-upper 6 --lookback-momentum 0.25";
    insta::assert_snapshot!(toml::to_string(adapt(&resolved(line, ""))).unwrap(), @r#"
    variant = "paper"
    granularity = "epoch"
    epsilon_kl = 0.1
    push_down_range = "current"
    buffer_bits = 7
    lookback_momentum = 0.25

    [start]
    wl = 12
    fl = 6

    [resolution]
    lower = 20
    upper = 30

    [lookback]
    lower = 5
    upper = 6
    "#);
    let run = resolved("--variant released", "");
    assert_eq!(adapt(&run).variant, Variant::Released);
    assert_eq!(adapt(&run).granularity, Granularity::Batch);
}

#[test]
fn the_penalty_is_left_out_where_the_released_code_leaves_it_out() {
    let penalty = |line: &str| resolved(line, "").options.penalty;
    assert!(penalty("") && penalty("--variant released --arch alexnet"));
    assert!(!penalty("--variant released --arch lenet5"));
    assert!(penalty("--variant released --arch lenet5 --penalty"));
    assert!(!penalty("--no-penalty") && !penalty("--controller float32"));
}

#[test]
fn schedules() {
    let schedule = |line: &str| resolved(line, "").options.schedule;
    assert_eq!(schedule("--schedule constant"), Schedule::Constant);
    let step = Schedule::Step(StepOptions { milestones: vec![10, 13], factor: 0.5 });
    assert_eq!(schedule("--schedule step --milestones 10,13 --schedule-factor 0.5"), step);
    let Schedule::Plateau(plateau) = schedule("--plateau-patience 1 --plateau-minimum 1e-5") else {
        panic!("the default is a plateau schedule")
    };
    assert_eq!((plateau.patience, plateau.minimum, plateau.factor), (1, 1e-5, 0.1));
    assert_eq!(schedule("--schedule cosine"), Schedule::Cosine(CosineOptions::default()));
    let cosine = Schedule::Cosine(CosineOptions { warmup_epochs: 2, minimum: 1e-4 });
    let line = "--schedule cosine --epochs 3 --warmup-epochs 2 --cosine-minimum 1e-4";
    assert_eq!(schedule(line), cosine);
}

#[test]
fn adam_has_a_learning_rate_of_its_own() {
    let adam = |line: &str| resolved(&format!("--optimiser adam {line}"), "").options;
    let options = adam("");
    assert_eq!(options.learning_rate, 0.001);
    assert_eq!(options.optimiser.rule, RuleOptions::Adam(AdamOptions::default()));
    assert!(options.optimiser.normalise);
    assert_eq!((options.optimiser.l1, options.optimiser.weight_decay), (1e-5, 1e-8));
    assert_eq!(adam("--learning-rate 0.02").learning_rate, 0.02);
    let preset = adam("--preset alexnet-cifar10");
    assert_eq!((preset.learning_rate, preset.batch_size), (0.001, 512));
    let rule = adam("--beta1 0.5 --beta2 0.75 --adam-epsilon 1e-4").optimiser.rule;
    assert_eq!(rule, RuleOptions::Adam(AdamOptions { beta1: 0.5, beta2: 0.75, epsilon: 1e-4 }));
    let text = toml::to_string(&options).unwrap();
    assert_eq!(toml::from_str::<crate::train::RunOptions>(&text).unwrap(), options);
}

#[test]
fn the_accumulator_is_the_machines_unless_given() {
    let accumulator = |line: &str| resolved(line, "").options.accumulator;
    let bits = |bits| AccumulatorWidth::bits(bits).unwrap();
    assert_eq!(accumulator(""), None);
    let saturating = Accumulator::new(bits(16), Overflow::Saturate);
    assert_eq!(accumulator("--accumulator 16"), Some(saturating));
    let wrapping = Accumulator::new(bits(64), Overflow::Wrap);
    assert_eq!(accumulator("--accumulator 64 --accumulator-overflow wrap"), Some(wrapping));
    let exact = accumulator("--accumulator exact").unwrap();
    assert_eq!(exact.width, AccumulatorWidth::Exact);
}

#[test]
fn the_random_source_is_pcg_unless_given() {
    let random = |line: &str| resolved(line, "").options.random;
    let lfsr = |width, bits, steps| {
        RandomSource::Lfsr(Lfsr::new(width, RandomBits::new(bits).unwrap(), steps).unwrap())
    };
    assert_eq!(random(""), RandomSource::PCG);
    let bits = RandomBits::new(8).unwrap();
    assert_eq!(random("--random-bits 8"), RandomSource::Pcg { bits: Some(bits) });
    assert_eq!(random("--random-source lfsr"), lfsr(32, 16, 16));
    assert_eq!(random("--random-source lfsr --lfsr-width 10"), lfsr(10, 10, 10));
    let line = "--random-source lfsr --lfsr-width 16 --random-bits 8";
    assert_eq!(random(line), lfsr(16, 8, 8));
    assert_eq!(random(&format!("{line} --lfsr-steps 1")), lfsr(16, 8, 1));
    let options = resolved(line, "").options;
    let text = toml::to_string(&options).unwrap();
    assert!(
        text.contains("[random]\nkind = \"lfsr\"\nwidth = 16\nbits = 8\nsteps = 8\n"),
        "{text}"
    );
    assert_eq!(toml::from_str::<crate::train::RunOptions>(&text).unwrap(), options);
}

#[test]
fn a_text_has_defaults_of_its_own_and_its_settings_need_it() {
    let text = resolved("--dataset text --vocabulary 500", "text-level = 'char'").options;
    assert_eq!((&*text.arch, text.batch_size, text.learning_rate), ("lstm", 16, 0.1));
    let options = TextOptions { level: TextLevel::Char, sequence_length: 64, vocabulary: 500 };
    assert_eq!(text.text, options);
    let asked = resolved("--dataset text --arch transformer --batch-size 8", "").options;
    assert_eq!((&*asked.arch, asked.batch_size), ("transformer", 8));
    assert_eq!(resolved("", "").options.batch_size, 128);
    let refused = resolve("--sequence-length 8", "").unwrap_err();
    assert_eq!(
        refused,
        "`--sequence-length` needs `--dataset text` and has no meaning with `--dataset fashion-mnist-slice`: \
         leave one of them out"
    );
}

#[test]
fn static_formats_are_completed_with_the_layers() {
    let run = resolved(
        "--controller static --wl 12 --fl -2 --layer-formats fc=16,12 --rounding-weights floor",
        "",
    );
    let global = Format::new(12, -2).unwrap();
    assert_eq!(run.options.controller, ControllerOptions::Static(StaticOptions::global(global)));
    let tensors =
        [TensorInfo::from_shape("conv.weight", &[2, 2]), TensorInfo::from_shape("fc.bias", &[2])];
    let options = run.options_for(&tensors).unwrap();
    let ControllerOptions::Static(formats) = options.controller else { panic!("not static") };
    let weights: Vec<_> = formats.formats.iter().map(|format| format.weight).collect();
    let fc = Format::new(16, 12).unwrap();
    assert_eq!(weights, [NumberFormat::Fixed(global), NumberFormat::Fixed(fc)]);
    assert!(run.options_for(&tensors[..1]).is_err());
    assert!(run.names_layers());
    let adaptive = resolved("", "");
    assert!(!adaptive.names_layers());
    assert_eq!(adaptive.options_for(&tensors).unwrap(), adaptive.options);
}

#[test]
fn static_formats_may_change_with_the_epochs() {
    let line = "--controller static --format-schedule 0:6,3;5:12,6;10:16,8";
    let run = resolved(line, "");
    assert!(!run.names_layers());
    let ControllerOptions::Static(formats) = &run.options.controller else { panic!("not static") };
    let lengths = |formats: &[RoleFormats]| -> Vec<u32> {
        formats.iter().map(|format| format.weight.word_length()).collect()
    };
    assert_eq!(lengths(&formats.formats), [6]);
    let later: Vec<_> = formats.later.iter().map(|s| (s.epoch, lengths(&s.formats))).collect();
    assert_eq!(later, [(5, vec![12]), (10, vec![16])]);
    let run = resolved(&format!("{line} --layer-formats fc=8,4"), "");
    let tensors = ["conv.weight", "fc.weight"].map(|name| TensorInfo::from_shape(name, &[2, 2]));
    let ControllerOptions::Static(formats) = run.options_for(&tensors).unwrap().controller else {
        panic!("not static")
    };
    let all = formats.later.iter().map(|stage| lengths(&stage.formats));
    assert_eq!(all.collect::<Vec<_>>(), [[12, 8], [16, 8]]);
    // Before the first entry for all layers, --wl and --fl hold.
    let run = resolved("--controller static --wl 9 --format-schedule 2:12,6", "");
    let ControllerOptions::Static(formats) = &run.options.controller else { panic!("not static") };
    assert_eq!(lengths(&formats.formats), [9]);
}

#[test]
fn the_float32_twin_differs_in_controller_and_penalty_only() {
    let run = resolved("--seed 5 --batch-size 32", "");
    let twin = run.options.float32_twin();
    let asked = resolved("--seed 5 --batch-size 32 --controller float32", "").options;
    assert_eq!(twin, asked);
    assert!(twin.optimiser.normalise);
    assert_eq!(twin.dataset, DatasetKind::FashionMnistSlice);
}

#[test]
fn a_preset_may_be_run_in_float32() {
    let run = resolved("--preset alexnet-cifar10 --controller float32", "");
    assert_eq!(run.options.controller, ControllerOptions::Float32);
    assert_eq!((run.options.learning_rate, run.options.batch_size), (0.1, 512));
}
