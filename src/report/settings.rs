//! The settings that distinguish runs: accumulator, overflow, formats, rounding, and any option that differs.
//!
//! `hwsim compare` and the first table of the report name those in which their runs differ, so that nobody takes runs of
//! different arithmetic for repetitions. A summary knows all of them; a trace only what its products show.

use super::run::Run;
use crate::precision::{FormatStage, NumberFormat, RoleFormats};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// CSV column and JSON key.
    pub key: &'static str,
    /// Name in tables.
    pub label: &'static str,
}

/// Values of [`SETTINGS`], in their order; `None` where the run has no such setting or its file does not say.
pub type Settings = [Option<String>; SETTINGS.len()];

const fn setting(key: &'static str, label: &'static str) -> Setting {
    Setting { key, label }
}

/// The settings that have columns in CSV and JSON.
pub const SETTINGS: [Setting; 14] = [
    setting("accumulator", "accumulator, bits"),
    setting("accumulator_overflow", "accumulator overflow"),
    setting("overflow", "overflow of words"),
    setting("weight_formats", "formats of weights at the end"),
    setting("activation_formats", "formats of activations"),
    setting("output_formats", "formats of results"),
    setting("gradient_formats", "formats of gradients"),
    setting("format_schedule", "formats by epoch"),
    setting("backward", "backward products"),
    setting("rounding_weights", "rounding of weights"),
    setting("rounding_activations", "rounding of activations"),
    setting("rounding_gradients", "rounding of gradients"),
    setting("rounding_evaluation", "rounding in evaluation"),
    setting("random_source", "random numbers"),
];

/// Options that are named by [`SETTINGS`] or have rows in every table.
const NAMED: [&str; 10] = [
    "arch",
    "dataset",
    "machine",
    "seed",
    "overflow",
    "accumulator",
    "rounding",
    "random",
    "backward",
    "controller",
];

/// The settings of the run of a summary (`hwsim train --summary`).
pub fn of_summary(summary: &Map<String, Value>) -> Settings {
    let option = |pointer: &str| summary.get("options")?.pointer(pointer);
    let word = |pointer: &str| option(pointer).map(plain);
    let float32 = summary.get("controller").and_then(Value::as_str) == Some("float32");
    let (accumulator, accumulator_overflow) =
        if float32 { (None, None) } else { accumulator(summary) };
    let formats: Vec<RoleFormats> = list(option("/controller/formats"));
    let of_role = |role: fn(&RoleFormats) -> NumberFormat| {
        (!formats.is_empty()).then(|| listed(formats.iter().map(role)))
    };
    let gradients = || word("/controller/output_wl").map(|wl| format!("{wl} bits"));
    [
        accumulator,
        accumulator_overflow,
        word("/overflow").filter(|_| !float32),
        weights(summary),
        of_role(|own| own.activation),
        of_role(|own| own.output()).or_else(gradients),
        of_role(|own| own.gradient),
        schedule(&list(option("/controller/later"))),
        option("/backward").map(backward),
        word("/rounding/weights").filter(|_| !float32),
        word("/rounding/activations").filter(|_| !float32),
        word("/rounding/gradients").filter(|_| !float32),
        word("/rounding/evaluation").filter(|_| !float32),
        summary.get("random_source").map(plain).filter(|_| !float32),
    ]
}

/// The settings of a run as shown by its trace: formats are those of the last traced step.
pub fn of_trace(run: &Run) -> Settings {
    let mut settings: Settings = Default::default();
    if let Some((bits, overflow)) = run.arithmetic.accumulators() {
        settings[0] = Some(bits);
        settings[1] = Some(overflow);
    }
    let forward = || run.layers.iter().filter(|layer| layer.passes[0].macs > 0.0);
    let of = |operand: fn(&hwmodel::product::ByOperand<hwmodel::Format>) -> hwmodel::Format| {
        let format = |formats: &Option<_>| {
            formats.as_ref().map_or(NumberFormat::Float32, |f| NumberFormat::Fixed(operand(f)))
        };
        let all = forward().map(|layer| format(&layer.formats[0]));
        forward().next().map(|_| listed(all))
    };
    settings[3] = of(|formats| formats.weight);
    settings[4] = of(|formats| formats.input);
    settings[5] = of(|formats| formats.output);
    let backward = run.layers.iter().flat_map(|layer| {
        [1, 2].map(|pass| (layer.passes[pass].macs > 0.0).then_some(layer.formats[pass].is_some()))
    });
    let fixed = backward.flatten().reduce(|a, b| a || b);
    settings[8] = fixed.map(|fixed| if fixed { "fixed" } else { "float32" }.to_owned());
    settings
}

/// Whether at least two of `values` are known and not the same.
pub fn differ<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> bool {
    let mut known = values.into_iter().flatten();
    known.next().is_some_and(|first| known.any(|other| other != first))
}

/// Options of summaries, by name, in which runs differ and which are not among [`SETTINGS`]. Options of controllers count
/// where all runs have the same controller.
pub fn other_options(
    summaries: &[Option<&Map<String, Value>>],
) -> Vec<(String, Vec<Option<String>>)> {
    let options = summaries.iter().map(|summary| {
        let mut flat = Vec::new();
        if let Some(Value::Object(options)) = summary.and_then(|summary| summary.get("options")) {
            for (key, value) in options.iter().filter(|(key, _)| !NAMED.contains(&key.as_str())) {
                flatten(key, value, &mut flat);
            }
            if let Some(Value::Object(controller)) = options.get("controller") {
                let own = controller
                    .iter()
                    .filter(|(key, _)| !["controller", "formats", "later"].contains(&key.as_str()));
                own.for_each(|(key, value)| {
                    flatten(&format!("controller.{key}"), value, &mut flat)
                });
            }
        }
        flat
    });
    let options: Vec<Vec<(String, String)>> = options.collect();
    let controllers = summaries.iter().map(|summary| summary.map(|own| own.get("controller")));
    let controllers: Vec<_> = controllers.collect();
    let one = controllers.windows(2).all(|pair| pair[0] == pair[1]);
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in options.iter().flatten() {
        if !names.contains(&name) && (one || !name.starts_with("controller.")) {
            names.push(name);
        }
    }
    let values = |name: &String| -> Vec<Option<String>> {
        let of_run = |flat: &Vec<(String, String)>| {
            flat.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        options.iter().map(of_run).collect()
    };
    let rows = names.into_iter().map(|name| (name.clone(), values(name)));
    rows.filter(|(_, values)| differ(values.iter().map(Option::as_deref))).collect()
}

/// Width and overflow of the accumulator: those of the options, or else of the machine.
fn accumulator(summary: &Map<String, Value>) -> (Option<String>, Option<String>) {
    let own = summary.get("options").and_then(|options| options.get("accumulator"));
    if let Some(own) = own.filter(|own| !own.is_null()) {
        return (own.get("width").map(plain), own.get("overflow").map(plain));
    }
    let description = summary
        .get("provenance")
        .and_then(|provenance| provenance.get("machine_description")?.as_str())
        .and_then(|text| text.parse::<toml::Table>().ok());
    let of_machine = |key: &str| {
        let value = description.as_ref()?.get("accumulator")?.get(key)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    (of_machine("width"), of_machine("overflow"))
}

/// Formats of the weights of all layers after the last update.
fn weights(summary: &Map<String, Value>) -> Option<String> {
    let layers = summary.get("layers")?.as_array()?;
    let format = |layer: &Value| {
        let whole = |key: &str| layer.get(key).and_then(Value::as_i64);
        let (wl, fl) = (u32::try_from(whole("wl")?).ok()?, whole("fl"));
        match fl {
            None => Some(NumberFormat::Float32),
            Some(fl) => {
                let format = hwmodel::Format::new(wl, i32::try_from(fl).ok()?).ok()?;
                Some(NumberFormat::Fixed(format))
            }
        }
    };
    let formats: Option<Vec<NumberFormat>> = layers.iter().map(format).collect();
    formats.filter(|formats| !formats.is_empty()).map(|formats| listed(formats.into_iter()))
}

/// Different formats by name, or their ranges where there are more than three.
fn listed(formats: impl Iterator<Item = NumberFormat>) -> String {
    let mut different: Vec<NumberFormat> = Vec::new();
    for format in formats {
        if !different.contains(&format) {
            different.push(format);
        }
    }
    if different.len() <= 3 {
        let names: Vec<String> = different.iter().map(ToString::to_string).collect();
        return names.join(", ");
    }
    let fractions = || different.iter().filter_map(|format| format.fixed()).map(|f| f.fl());
    let words = || different.iter().map(|format| format.word_length());
    let range = |low: Option<i64>, high: Option<i64>| match (low, high) {
        (Some(low), Some(high)) if low != high => format!("{low} to {high}"),
        (low, _) => low.map_or_else(String::new, |low| low.to_string()),
    };
    let wl = range(words().min().map(i64::from), words().max().map(i64::from));
    let fl = range(fractions().min().map(i64::from), fractions().max().map(i64::from));
    if fl.is_empty() { format!("WL {wl}") } else { format!("WL {wl}, FL {fl}") }
}

/// Changes of formats by epoch.
fn schedule(stages: &[FormatStage]) -> Option<String> {
    let stage = |stage: &FormatStage| {
        let weights = listed(stage.formats.iter().map(|own| own.weight));
        format!("from epoch {}: {weights}", stage.epoch)
    };
    (!stages.is_empty()).then(|| stages.iter().map(stage).collect::<Vec<_>>().join("; "))
}

/// The arithmetic of backward products: its name, and what is set of its gradients.
fn backward(value: &Value) -> String {
    let Some(Value::Object(fixed)) = value.get("fixed") else { return plain(value) };
    let set = fixed.iter().filter(|(_, value)| !value.is_null());
    let words: Vec<String> =
        set.map(|(key, value)| format!("{} {}", key.replace('_', "-"), plain(value))).collect();
    format!("fixed, {}", words.join(", "))
}

/// A list of the options; empty if it is missing or another version's.
fn list<T: DeserializeOwned>(value: Option<&Value>) -> Vec<T> {
    value.cloned().and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

/// Leaves of `value` by their path.
fn flatten(path: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(&format!("{path}.{key}"), value, into);
            }
        }
        other => into.push((path.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "default".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn value(summary: &Map<String, Value>, key: &str) -> Option<String> {
        let index = SETTINGS.iter().position(|setting| setting.key == key).unwrap();
        of_summary(summary)[index].clone()
    }

    fn fixed(wl: u32, fl: i32) -> Value {
        json!({"fixed": {"wl": wl, "fl": fl}})
    }

    #[test]
    fn an_accumulator_is_the_runs_own_or_the_machines() {
        let machine = "[accumulator]\nwidth = \"exact\"\noverflow = \"saturate\"\n";
        let of = |accumulator: Value, controller: &str| {
            summary(json!({
                "controller": controller,
                "options": {"accumulator": accumulator, "overflow": "wrap"},
                "provenance": {"machine_description": machine},
            }))
        };
        let own = of(json!({"width": 12, "overflow": "wrap"}), "static");
        assert_eq!(value(&own, "accumulator").as_deref(), Some("12"));
        assert_eq!(value(&own, "accumulator_overflow").as_deref(), Some("wrap"));
        let machines = of(Value::Null, "adapt");
        assert_eq!(value(&machines, "accumulator").as_deref(), Some("exact"));
        assert_eq!(value(&machines, "accumulator_overflow").as_deref(), Some("saturate"));
        assert_eq!(value(&machines, "overflow").as_deref(), Some("wrap"));
        assert_eq!(value(&of(Value::Null, "float32"), "accumulator"), None);
        assert!(of_summary(&Map::new()).iter().all(Option::is_none), "an older summary");
    }

    #[test]
    fn formats_are_named_or_given_as_ranges() {
        let role = |activation: Value| json!({"weight": fixed(6, 3), "activation": activation, "gradient": "float32"});
        let run = summary(json!({
            "layers": [{"wl": 6, "fl": 3}, {"wl": 8, "fl": 4}, {"wl": 32, "fl": null}],
            "options": {"controller": {
                "controller": "static",
                "formats": [role(fixed(8, 4)), role(json!({"dynamic-fixed": {"wl": 10}}))],
                "later": [{"epoch": 2, "formats": [role(fixed(8, 4))]}],
            }},
        }));
        let texts = ["weight_formats", "activation_formats", "gradient_formats", "format_schedule"]
            .map(|key| value(&run, key).unwrap());
        assert_eq!(texts[0], "⟨6, 3⟩, ⟨8, 4⟩, float32");
        assert_eq!(texts[1], "⟨8, 4⟩, 10 bits with a scale from the data");
        assert_eq!((texts[2].as_str(), texts[3].as_str()), ("float32", "from epoch 2: ⟨6, 3⟩"));
        let many: Vec<Value> = (4..9).map(|wl| json!({"wl": wl, "fl": wl - 6})).collect();
        let many = summary(json!({ "layers": many }));
        assert_eq!(value(&many, "weight_formats").as_deref(), Some("WL 4 to 8, FL -2 to 2"));
    }

    #[test]
    fn options_that_differ_are_found_by_their_path() {
        let of = |controller: Value, batch: u32, momentum: f64| {
            let optimiser = json!({"rule": {"kind": "sgd", "momentum": momentum}});
            let name = controller["controller"].clone();
            summary(json!({
                "controller": name,
                "options": {"controller": controller, "batch-size": batch, "optimiser": optimiser},
            }))
        };
        let adapt = |buffer: u32| json!({"controller": "adapt", "buffer_bits": buffer});
        let (a, b) = (of(adapt(8), 32, 0.9), of(adapt(4), 16, 0.9));
        let rows = other_options(&[Some(&a), Some(&b), None]);
        assert!(!rows.iter().any(|(name, _)| name.starts_with("controller.")), "{rows:?}");
        let rows = other_options(&[Some(&a), Some(&b)]);
        let row = |name: &str| rows.iter().find(|(found, _)| found == name).map(|row| &row.1);
        assert_eq!(row("batch-size").unwrap()[..], [Some("32".into()), Some("16".into())]);
        assert_eq!(row("controller.buffer_bits").unwrap()[0].as_deref(), Some("8"));
        assert_eq!(rows.len(), 2, "what is equal is not named: {rows:?}");
        let static_run = of(json!({"controller": "static", "formats": []}), 32, 0.5);
        let rows = other_options(&[Some(&a), Some(&static_run)]);
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0].0, "optimiser.rule.momentum");
    }

    #[test]
    fn unknown_values_are_no_difference() {
        assert!(!differ([None, Some("a"), Some("a")]) && !differ([Some("a"), None]));
        assert!(differ([None, Some("a"), Some("b")]));
    }
}
