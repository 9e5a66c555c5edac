//! Settings as the flags that a user would type.

use super::arguments::TrainArguments;
use serde_json::Value;

impl TrainArguments {
    /// Flags of `hwsim train` that mean these settings.
    pub(in crate::cli) fn to_flags(&self) -> Vec<String> {
        let mut rest = self.clone().settle_switches();
        // Paths need not be UTF-8 text.
        let paths = [
            ("config", rest.config.take()),
            ("resume", rest.resume.take()),
            ("checkpoint", rest.checkpoint.take()),
            ("data-dir", rest.data_dir.take()),
            ("trace", rest.trace.take()),
            ("summary", rest.summary.take()),
            ("init-from", rest.init_from.take()),
            ("save-model", rest.save_model.take()),
        ];
        let mut flags = Vec::new();
        for (name, path) in paths {
            if let Some(path) = path {
                flag(&mut flags, name, &path.to_string_lossy());
            }
        }
        if rest.overwrite == Some(true) {
            flags.push("--overwrite".to_owned());
        }
        if let Ok(Value::Object(settings)) = serde_json::to_value(&rest) {
            for (name, value) in settings {
                match value {
                    Value::Null => {}
                    Value::Bool(true) => flags.push(format!("--{name}")),
                    Value::Bool(false) => flags.push(format!("--no-{name}")),
                    value => flag(&mut flags, &name, &text(&value)),
                }
            }
        }
        flags
    }
}

/// Adds a flag with its value, as one word if the value looks like a flag itself.
fn flag(flags: &mut Vec<String>, name: &str, value: &str) {
    if value.starts_with('-') {
        flags.push(format!("--{name}={value}"));
    } else {
        flags.extend([format!("--{name}"), value.to_owned()]);
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Command, flags};
    use super::*;
    use clap::Parser;
    use std::path::PathBuf;

    #[test]
    fn flags_are_read_back_as_the_same_settings() {
        let lines = [
            "",
            "--arch mlp --epochs 3 --max-steps 7 --seed 5 --threads 2 --with-baseline --no-augment",
            "--controllers adapt,shen,float32 --bits 3..7 --factor F --strategy C+ --levels 8,12,16",
            "--controller static --wl 12 --fl -3 --layer-formats conv1=8,4;fc3=16,-12 \
             --format-schedule 0:8,4;5:fc3=12,6 --accumulator exact --accumulator-overflow wrap",
            "--controller static --backward fixed --gradient-fl auto --gradient-wl 9",
            "--controller static --backward fixed --gradient-fl -7 --accumulator 24",
            "--schedule step --milestones 10,13 --learning-rate 1e-7 --l1 0 --threshold-alpha -0.25",
            "--random-source lfsr --lfsr-width 16 --rounding-weights stochastic --no-quiet",
            "--dataset text --text-level char --sequence-length 9 --vocabulary 12 --no-penalty",
            "--trace t.csv --trace-every 3 --summary s.json --checkpoint c --checkpoint-every 9 \
             --resume r --save-model m --init-from n --data-dir d --config run.toml --preset small-batch \
             --overwrite --quiet --no-with-baseline --no-normalise-gradients",
        ];
        for line in lines {
            let given = flags(line);
            let words = std::iter::once("hwsim".to_owned()).chain(given.to_flags());
            let again = Command::try_parse_from(words).unwrap().settings;
            assert_eq!(again.settle_switches(), given.settle_switches(), "{line}");
        }
        let odd = TrainArguments {
            trace: Some(PathBuf::from("-x y.csv")),
            summary: Some(PathBuf::from("it's \"here\"")),
            ..TrainArguments::default()
        };
        let words = std::iter::once("hwsim".to_owned()).chain(odd.to_flags());
        assert_eq!(Command::try_parse_from(words).unwrap().settings, odd);
    }
}
