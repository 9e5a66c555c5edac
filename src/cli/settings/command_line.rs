//! Settings as the flags that a user would type.

use super::flags::TrainArguments;
use super::outputs::RESUME;
use super::table;
use crate::setting::{Kind, Value};

impl TrainArguments {
    /// Flags of `hwsim train` that mean these settings.
    pub(in crate::cli) fn to_flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        let mut abouts: Vec<_> = table::settings().map(|setting| setting.about()).collect();
        // First of all that a run continues.
        abouts.sort_by_key(|about| about.name != RESUME.name());
        for about in abouts {
            match self.values.get(about.name) {
                None => {}
                Some(Value::Switch(true)) => flags.push(format!("--{}", about.name)),
                Some(Value::Switch(false)) => {
                    if let Kind::Switch { off: Some(off) } = about.kind {
                        flags.push(format!("--{}", off.names[0]));
                    }
                }
                Some(value) => flag(&mut flags, about.name, &value.to_string()),
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

#[cfg(test)]
mod tests {
    use super::super::outputs;
    use super::super::tests::flags;
    use super::*;
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
            let again = TrainArguments::from_flags(&shell_words::join(given.to_flags())).unwrap();
            assert_eq!(again, given, "{line}");
        }
        let odd = TrainArguments::default()
            .with(&outputs::TRACE, PathBuf::from("-x y.csv"))
            .with(&outputs::SUMMARY, PathBuf::from("it's \"here\""));
        let again = TrainArguments::from_flags(&shell_words::join(odd.to_flags())).unwrap();
        assert_eq!(again, odd);
    }
}
