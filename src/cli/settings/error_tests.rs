//! The error text of every way in which settings are refused.

use super::tests::{resolve, try_flags};

/// The error of a command line and a configuration file.
fn refused(line: &str, toml: &str) -> String {
    match resolve(line, toml) {
        Err(error) => error,
        Ok(resolved) => panic!("{line} {toml} was accepted: {resolved:?}"),
    }
}

/// clap's error of a command line.
fn unreadable(line: &str) -> String {
    try_flags(line).unwrap_err().to_string()
}

/// Every numeric setting with values just outside its range, and those just inside.
#[test]
fn ranges() {
    let static_ = "--controller static";
    let step = "--schedule step --milestones 1";
    let lfsr = "--random-source lfsr";
    let rows: &[(&str, &str, &[&str], &[&str])] = &[
        ("epochs", "", &["0", "1000001", "-3"], &["1", "1000000"]),
        ("max-steps", "", &["0", "-1"], &["1", "9223372036854775807"]),
        ("seed", "", &["-1"], &["0", "9223372036854775807"]),
        ("threads", "", &["0", "1025"], &["1", "1024"]),
        ("limit-train", "", &["0", "1000000001"], &["1", "1000000000"]),
        ("limit-test", "", &["0", "1000000001"], &["1", "1000000000"]),
        ("batch-size", "", &["0", "1048577", "-1"], &["1", "1048576"]),
        ("learning-rate", "", &["0", "nan", "-0.1", "inf", "1000001"], &["1e-9", "1000000"]),
        ("momentum", "", &["1", "nan", "-0.1"], &["0", "0.999"]),
        ("beta1", "--optimiser adam", &["1", "nan", "-0.1"], &["0", "0.999"]),
        ("beta2", "--optimiser adam", &["1", "nan", "-0.1"], &["0", "0.99999"]),
        ("adam-epsilon", "--optimiser adam", &["0", "1e-31", "nan"], &["1e-30", "1000000"]),
        ("l1", "", &["-1e-9", "nan", "1e39"], &["0", "1000000"]),
        ("l2", "", &["-1e-9", "nan", "1e39"], &["0", "1000000"]),
        ("accumulation", "", &["0", "65537"], &["1", "65536"]),
        ("initialisation-scale", "", &["0", "nan", "inf"], &["0.001", "1000000"]),
        ("plateau-factor", "", &["0", "1", "nan"], &["0.001", "0.999"]),
        ("plateau-patience", "", &["-1", "1000001"], &["0", "1000000"]),
        ("plateau-threshold", "", &["-0.1", "1", "nan"], &["0", "0.999"]),
        ("plateau-minimum", "", &["-0.1", "nan"], &["0", "1000000"]),
        ("levels", "--controller muppet", &["0", "33", "8,8", "12,8"], &["8", "8,12,32"]),
        ("milestones", "--schedule step", &["0", "1000001", "-4", "3,3", "4,3"], &["1", "1,9"]),
        ("schedule-factor", step, &["0", "1", "nan"], &["0.001", "0.999"]),
        ("warmup-epochs", "--schedule cosine --epochs 4", &["-1", "4"], &["0", "3"]),
        ("warmup-epochs", "--schedule cosine", &["-1", "1000001"], &["0", "1000000"]),
        ("cosine-minimum", "--schedule cosine", &["-0.1", "nan", "0.02"], &["0", "0.01"]),
        ("wl", "", &["0", "33", "-8"], &["1", "32"]),
        ("fl", "", &["-1", "32"], &["0", "31"]),
        ("fl", static_, &["-65", "65"], &["-64", "64"]),
        ("random-bits", "", &["0", "25", "-1"], &["1", "24"]),
        ("random-bits", "--random-source lfsr --lfsr-width 16", &["0", "17", "25"], &["1", "16"]),
        ("lfsr-width", lfsr, &["7", "33", "-8"], &["8", "32"]),
        ("lfsr-steps", lfsr, &["0", "65", "-1"], &["1", "64"]),
        ("epsilon-kl", "", &["-0.1", "nan", "inf"], &["0", "1000000"]),
        ("buffer-bits", "", &["-1", "33"], &["0", "32"]),
        ("resolution-lower", "", &["0", "65537"], &["1", "150"]),
        ("resolution-upper", "", &["0", "65537"], &["50", "65536"]),
        ("lookback-lower", "", &["0", "1048577"], &["1", "100"]),
        ("lookback-upper", "", &["0", "1048577"], &["25", "1048576"]),
        ("lookback-momentum", "", &["-0.1", "1.1", "nan"], &["0", "1"]),
        ("trace-every", "--trace t.csv", &["0", "1000000001"], &["1", "1000000000"]),
        ("checkpoint-every", "--checkpoint c", &["0", "1000000001"], &["1", "1000000000"]),
    ];
    for (name, with, outside, inside) in rows {
        for value in *outside {
            let error = refused(&format!("{with} --{name} {value}"), "");
            assert!(error.starts_with(&format!("`--{name}` is ")), "{name} {value}: {error}");
            assert!(error.contains(": use "), "{error}");
        }
        for value in *inside {
            let outcome = resolve(&format!("{with} --{name} {value}"), "");
            assert!(outcome.is_ok(), "{name} {value}: {outcome:?}");
        }
    }
}

#[test]
fn values_out_of_range() {
    insta::assert_snapshot!(refused("--epochs 0", ""), @"`--epochs` is 0: use 1 to 1000000");
    insta::assert_snapshot!(refused("--batch-size 0", ""), @"`--batch-size` is 0: use 1 to 1048576");
    insta::assert_snapshot!(refused("--learning-rate nan", ""), @"`--learning-rate` is NaN: use a number above 0 and at most 1000000");
    insta::assert_snapshot!(refused("--learning-rate -0.1", ""), @"`--learning-rate` is -0.1: use a number above 0 and at most 1000000");
    insta::assert_snapshot!(refused("--momentum 1", ""), @"`--momentum` is 1: use a number of at least 0 and below 1");
    insta::assert_snapshot!(refused("--wl 33", ""), @"`--wl` is 33: use 1 to 32");
    insta::assert_snapshot!(refused("--fl -1", ""), @"`--fl` is -1: use 0 to 31");
    insta::assert_snapshot!(refused("--fl 65 --controller static", ""), @"`--fl` is 65: use -64 to 64");
    insta::assert_snapshot!(refused("--milestones 13,10 --schedule step", ""), @"`--milestones` is [13, 10]: use at least one epoch, in ascending order");
    insta::assert_snapshot!(refused("--random-source lfsr --lfsr-width 8 --random-bits 9", ""), @"`--random-bits` is 9: use at most 8, the bits of the register (`lfsr-width`)");
    insta::assert_snapshot!(refused("--resolution-lower 200", ""), @"`--resolution-lower` is 200, above `--resolution-upper`, which is 150: use a lower bound of at most the upper one");
}

#[test]
fn values_in_files_are_named_with_their_line() {
    insta::assert_snapshot!(refused("", "# a run\n\nepochs = 0"), @"`epochs` (run.toml, line 3) is 0: use 1 to 1000000");
    insta::assert_snapshot!(refused("", "learning-rate = nan"), @"`learning-rate` (run.toml, line 1) is NaN: use a number above 0 and at most 1000000");
    insta::assert_snapshot!(refused("", "lookback-upper = 10\nlookback-lower = 20"), @"`lookback-lower` (run.toml, line 2) is 20, above `lookback-upper` (run.toml, line 1), which is 10: use a lower bound of at most the upper one");
    insta::assert_snapshot!(refused("--lookback-lower 120", "lookback-upper = 110"), @"`--lookback-lower` is 120, above `lookback-upper` (run.toml, line 1), which is 110: use a lower bound of at most the upper one");
    insta::assert_snapshot!(refused("", "schedule = 'step'\nmilestones = []"), @"`milestones` (run.toml, line 2) is empty: use at least one epoch, in ascending order");
    insta::assert_snapshot!(refused("", "arch = 'vgg'"), @"`arch` (run.toml, line 1) is `vgg`: use one of lenet5, alexnet, resnet20, mlp, resnet18, resnet34, resnet50, vgg11, vgg13, vgg16, vgg19, googlenet, mobilenetv2, alexnet-imagenet, lstm, transformer");
    insta::assert_snapshot!(refused("", "\npreset = 'alexnet'"), @"`preset` (run.toml, line 2) is `alexnet`: use one of alexnet-cifar10, alexnet-cifar100, resnet20-cifar10, resnet20-cifar100, lenet5-mnist, small-batch");
    insta::assert_snapshot!(refused("--fl 4", "wl = 0"), @"`wl` (run.toml, line 1) is 0: use 1 to 32");
}

#[test]
fn values_of_presets_are_named_with_the_preset() {
    let line = "--preset alexnet-cifar10 --resolution-lower 151";
    insta::assert_snapshot!(refused(line, ""), @"`--resolution-lower` is 151, above `resolution-upper` of preset `alexnet-cifar10`, which is 150: use a lower bound of at most the upper one");
}

#[test]
fn settings_of_another_optimiser_or_schedule() {
    insta::assert_snapshot!(refused("--optimiser adam --momentum 0.9", ""), @"`--momentum` needs `--optimiser sgd` and has no meaning with `--optimiser adam`: leave one of them out");
    insta::assert_snapshot!(refused("--beta1 0.8", ""), @"`--beta1` needs `--optimiser adam` and has no meaning with `--optimiser sgd`: leave one of them out");
    insta::assert_snapshot!(refused("", "adam-epsilon = 1e-6"), @"`adam-epsilon` (run.toml, line 1) needs `--optimiser adam` and has no meaning with `--optimiser sgd`: leave one of them out");
    insta::assert_snapshot!(refused("--warmup-epochs 2", ""), @"`--warmup-epochs` needs `--schedule cosine` and has no meaning with `--schedule plateau`: leave one of them out");
    insta::assert_snapshot!(refused("--schedule cosine --plateau-patience 2", ""), @"`--plateau-patience` needs `--schedule plateau` and has no meaning with `--schedule cosine`: leave one of them out");
    insta::assert_snapshot!(refused("--controller muppet --schedule cosine", ""), @"`--schedule` needs a controller other than muppet and has no meaning with `--controller muppet`: leave one of them out");
    insta::assert_snapshot!(refused("--schedule cosine --epochs 5 --warmup-epochs 5", ""), @"`--warmup-epochs` is 5: use fewer than the 5 epochs of the run");
    insta::assert_snapshot!(refused("--schedule cosine --cosine-minimum 0.1", ""), @"`--cosine-minimum` is 0.1: use a number from 0 to 0.01");
}

#[test]
fn format_schedules_that_make_no_sense() {
    insta::assert_snapshot!(refused("--format-schedule 0:8,4", ""), @"`--format-schedule` needs `--controller static` and has no meaning with `--controller adapt`: leave one of them out");
    insta::assert_snapshot!(refused("--controller static --format-schedule 0:8,4;5:12,6 --wl 8", ""), @"`--wl` needs a format schedule that begins after epoch 0 and has no meaning with `--format-schedule 0:8,4;5:12,6`: leave one of them out");
    insta::assert_snapshot!(refused("--controller static --format-schedule 0:8,4;5:12,6 --epochs 5", ""), @"`--format-schedule` is for epoch 5: use epochs below the 5 of the run, counted from 0");
    insta::assert_snapshot!(unreadable("--format-schedule 5:12,6;0:8,4"), @r"
    error: invalid value '5:12,6;0:8,4' for '--format-schedule <LIST>': epoch 0 comes after epoch 5: list epochs in ascending order

    For more information, try '--help'.
    ");
}

#[test]
fn settings_without_effect() {
    insta::assert_snapshot!(refused("--controller float32 --variant paper", ""), @"`--variant` needs `--controller adapt`, `adept` or `muppet` and has no meaning with `--controller float32`: leave one of them out");
    insta::assert_snapshot!(refused("--controller static --lookback-lower 3", ""), @"`--lookback-lower` needs `--controller adapt` or `adept` and has no meaning with `--controller static`: leave one of them out");
    insta::assert_snapshot!(refused("--variant released --epsilon-kl 1e-3", ""), @"`--epsilon-kl` needs `--variant paper` and has no meaning with `--variant released`: leave one of them out");
    insta::assert_snapshot!(refused("--controller static", "pushdown-range = 'full'"), @"`pushdown-range` (run.toml, line 1) needs `--controller adapt` or `adept` and has no meaning with `--controller static`: leave one of them out");
    insta::assert_snapshot!(refused("--layer-formats conv1=8,4", ""), @"`--layer-formats` needs `--controller static` and has no meaning with `--controller adapt`: leave one of them out");
    insta::assert_snapshot!(refused("--controller float32 --wl 8", ""), @"`--wl` needs `--controller adapt`, `adept` or `static` and has no meaning with `--controller float32`: leave one of them out");
    insta::assert_snapshot!(refused("--with-baseline", "controller = 'float32'"), @"`--with-baseline` needs a controller other than float32 and has no meaning with `--controller float32`: leave one of them out");
    insta::assert_snapshot!(refused("--controller static --penalty", ""), @"`--penalty` needs `--controller adapt` or `adept` and has no meaning with `--controller static`: leave one of them out");
    insta::assert_snapshot!(refused("--schedule constant --plateau-factor 0.5", ""), @"`--plateau-factor` needs `--schedule plateau` and has no meaning with `--schedule constant`: leave one of them out");
    insta::assert_snapshot!(refused("--milestones 1,2", ""), @"`--milestones` needs `--schedule step` and has no meaning with `--schedule plateau`: leave one of them out");
    insta::assert_snapshot!(refused("--lfsr-width 16", ""), @"`--lfsr-width` needs `--random-source lfsr` and has no meaning with `--random-source pcg`: leave one of them out");
    insta::assert_snapshot!(refused("--random-bits 8 --rounding-activations floor --rounding-gradients floor --rounding-weights floor", ""), @"`--random-bits` needs a rounding that is `stochastic` and has no meaning with `--rounding-weights floor`: leave one of them out");
    insta::assert_snapshot!(refused("--preset alexnet-cifar10 --epsilon-kl 0.1", ""), @"`--epsilon-kl` needs `--variant paper` and has no meaning with `--variant released`: leave one of them out");
}

#[test]
fn settings_that_need_another() {
    insta::assert_snapshot!(refused("--schedule step", ""), @"`--schedule` needs `--milestones` as well");
    insta::assert_snapshot!(refused("", "\nschedule = 'step'"), @"`schedule` (run.toml, line 2) needs `--milestones` as well");
    insta::assert_snapshot!(refused("--accumulator-overflow wrap", ""), @"`--accumulator-overflow` needs `--accumulator` as well");
    insta::assert_snapshot!(refused("--trace-every 10", ""), @"`--trace-every` needs `--trace` as well");
    insta::assert_snapshot!(refused("--checkpoint-every 10", ""), @"`--checkpoint-every` needs `--checkpoint` as well");
}

#[test]
fn what_other_controllers_do_anyway_may_be_said() {
    for line in ["--controller static --no-penalty", "--controller float32 --no-with-baseline"] {
        assert!(resolve(line, "").is_ok(), "{line}");
    }
}

#[test]
fn a_resumed_run_has_a_folder_for_checkpoints() {
    assert!(resolve("--resume folder --checkpoint-every 10", "").is_ok());
}

#[test]
fn every_setting_of_another_controller_is_refused() {
    let adapt = [
        "variant paper",
        "granularity epoch",
        "buffer-bits 4",
        "resolution-lower 50",
        "resolution-upper 150",
        "lookback-lower 25",
        "lookback-upper 100",
        "lookback-momentum 0.33",
        "penalty",
        "epsilon-kl 0.01",
        "pushdown-range full",
    ];
    let quantised = [
        "wl 8",
        "fl 4",
        "rounding-weights floor",
        "rounding-activations floor",
        "rounding-gradients floor",
        "rounding-evaluation floor",
        "random-source pcg",
        "random-bits 8",
        "random-source lfsr",
        "random-source lfsr --lfsr-width 16",
        "random-source lfsr --lfsr-steps 1",
        "overflow wrap",
        "accumulator 24",
        "accumulator 24 --accumulator-overflow wrap",
        "with-baseline",
    ];
    let refuses = |controller: &str, setting: &str| {
        let error = refused(&format!("--controller {controller} --{setting}"), "");
        let found = format!("has no meaning with `--controller {controller}`");
        assert!(error.contains(&found), "{setting}: {error}");
    };
    for setting in adapt {
        refuses("static", setting);
        refuses("float32", setting);
    }
    for setting in quantised {
        refuses("float32", setting);
        let line = format!("--controller static --{setting}");
        assert!(resolve(&line, "").is_ok(), "{line}");
    }
    refuses("float32", "layer-formats conv1=8,4");
    refuses("adapt", "layer-formats conv1=8,4");
}

#[test]
fn unreadable_flags() {
    insta::assert_snapshot!(unreadable("--epochs many"), @r"
    error: invalid value 'many' for '--epochs <N>': invalid digit found in string

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--seed 9223372036854775808"), @r"
    error: invalid value '9223372036854775808' for '--seed <N>': number too large to fit in target type

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--learning-rate fast"), @r"
    error: invalid value 'fast' for '--learning-rate <X>': invalid float literal

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--variant papers"), @r"
    error: invalid value 'papers' for '--variant <WORD>'
      [possible values: paper, released]

      tip: a similar value exists: 'paper'

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--arch xyz"), @r"
    error: invalid value 'xyz' for '--arch <NAME>'
      [possible values: lenet5, alexnet, resnet20, mlp, resnet18, resnet34, resnet50, vgg11, vgg13, vgg16, vgg19, googlenet, mobilenetv2, alexnet-imagenet, lstm, transformer]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--preset alexnet"), @r"
    error: invalid value 'alexnet' for '--preset <NAME>'
      [possible values: alexnet-cifar10, alexnet-cifar100, resnet20-cifar10, resnet20-cifar100, lenet5-mnist, small-batch]

      tip: a similar value exists: 'alexnet-cifar10'

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--dataset cifar-10"), @r"
    error: invalid value 'cifar-10' for '--dataset <NAME>': unknown data set `cifar-10`; use one of fashion-mnist-slice, fashion-mnist, mnist, emnist-balanced, emnist-byclass, emnist-bymerge, emnist-digits, emnist-letters, emnist-mnist, cifar10, cifar100, folder, arrays, text

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--accumulator 65"), @r"
    error: invalid value '65' for '--accumulator <BITS>': accumulator width `65` is impossible: use 1 to 64 bits, or `exact`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--layer-formats conv1=8"), @r"
    error: invalid value 'conv1=8' for '--layer-formats <LIST>': layer `conv1`: `8`: not a number format: write WL,FL as in 8,4 (u8,4 is unsigned), ap_fixed<16,6,AP_RND,AP_SAT>, ac_fixed<16,6,true>, fixed<16,6>, FIXED<16,6> or INT8

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--milestones 3,x"), @r"
    error: invalid value '3,x' for '--milestones <LIST>': `x` is no number that is allowed here: write numbers and ranges, as in 8,16 or 8..64:8

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--rounding-weights nearest"), @r"
    error: invalid value 'nearest' for '--rounding-weights <WORD>'
      [possible values: stochastic, nearest-even, nearest-away, nearest-zero, nearest-odd, half-up, half-down, floor, ceiling, toward-zero, away-from-zero]

      tip: a similar value exists: 'nearest-odd'

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(unreadable("--learn-rate 1"), @r"
    error: unexpected argument '--learn-rate' found

      tip: a similar argument exists: '--learning-rate'

    Usage: hwsim train --learning-rate <X>

    For more information, try '--help'.
    ");
}
