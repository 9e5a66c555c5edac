//! Help and manual agree with the behaviour of every setting.

use super::{TrainArguments, table};
use crate::precision::presets;
use clap::Args as _;
use std::collections::BTreeSet;

fn command() -> clap::Command {
    TrainArguments::augment_args(clap::Command::new("hwsim train"))
}

fn flag_names() -> BTreeSet<String> {
    command().get_arguments().filter_map(|flag| flag.get_long().map(str::to_owned)).collect()
}

/// The default of a setting as stated in documents.
fn default_text(name: &str) -> Option<String> {
    table::find(name)?.default_value().map(|value| value.to_string())
}

#[test]
fn help_states_every_default() {
    let command = command();
    for flag in command.get_arguments() {
        let name = flag.get_long().unwrap();
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        assert!(!help.is_empty(), "{name}");
        match default_text(name) {
            // A switch that is off by default is off if not given, as everywhere.
            Some(off) if off == "off" => assert!(!help.contains("[default"), "{name}: {help}"),
            Some(value) => {
                assert!(help.contains(&format!("[default: {value}]")), "{name}: {help}");
            }
            None => {}
        }
    }
}

/// The cell of the manual's tables has the limits and the words of the help.
#[test]
fn the_manual_has_the_ranges_of_the_help() {
    let manual = include_str!("../../../docs/train.md");
    let plain = |text: &str| text.replace(['`', ':'], "").replace("or ", "");
    for flag in command().get_arguments() {
        let name = flag.get_long().unwrap();
        let Some(row) = manual.lines().find(|row| row.starts_with(&format!("| `--{name}`"))) else {
            continue;
        };
        let allowed = plain(row.split('|').nth(3).unwrap_or_default());
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        // A cell may name the flag that limits it or has its words.
        let by_flag = allowed.contains("--");
        if let Some((_, range)) = help.split_once("[range: ").filter(|_| !by_flag) {
            let range = plain(range.split(']').next().unwrap_or_default());
            assert!(allowed.contains(&range), "--{name}: {allowed}, not {range}");
        }
        let words = flag.get_possible_values();
        // A cell may refer to a section that has them.
        let elsewhere = by_flag || allowed.contains("a rounding mode") || allowed.contains("](#");
        if flag.get_action().takes_values() && !elsewhere {
            for word in words.iter().filter(|word| !word.is_hide_set()) {
                assert!(allowed.contains(word.get_name()), "--{name}: {allowed}");
            }
        }
    }
}

#[test]
fn help_names_presets_and_architectures() {
    let help = command().render_long_help().to_string();
    for name in presets::all().iter().map(|preset| preset.name).chain([
        "lenet5",
        "alexnet",
        "resnet20",
        "mlp",
        "stochastic",
    ]) {
        assert!(help.contains(name), "{name}");
    }
}

#[test]
fn the_manual_names_every_flag_with_its_default() {
    let manual = include_str!("../../../docs/train.md");
    for name in flag_names() {
        let cell = format!("`--{name}`");
        if name == "help" || name.starts_with("no-") {
            assert!(name == "help" || manual.contains(&cell), "{name}");
            continue;
        }
        let start = format!("| {cell}");
        let rows: Vec<_> = manual.lines().filter(|line| line.starts_with(&start)).collect();
        let [row] = rows[..] else { panic!("--{name} has {} rows", rows.len()) };
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        assert_eq!(cells.len(), 7, "{row}");
        if let Some(default) = default_text(&name) {
            assert_eq!(cells[4], default, "{row}");
        }
    }
    let known = flag_names();
    let first = |row: &'static str| row.split('|').nth(1).unwrap_or_default();
    for cell in manual.lines().filter(|line| line.starts_with("| `--")).map(first) {
        for flag in cell.split('`').filter_map(|word| word.strip_prefix("--")) {
            assert!(known.iter().any(|name| name == flag), "--{flag} is no flag");
        }
    }
    for preset in presets::all() {
        assert!(manual.contains(&format!("`{}`", preset.name)), "{}", preset.name);
    }
}
