//! Configuration files: the array, its buffers, and how they reach memory.

use super::error::ConfigError;
use super::folds::{Array, Dataflow};
use super::ini::{self, Entry, Ini};
use super::warning::{ConfigWarning, ConfigWarningKind};
use crate::product::ByOperand;
use std::num::NonZeroU32;

const GENERAL: &str = "general";
const ARCHITECTURE: &str = "architecture_presets";
const LAYOUT: &str = "layout";
const SPARSITY: &str = "sparsity";
const PRESETS: &str = "run_presets";

/// Keys of SCALE-Sim 3.0.0, and whether it stops without them.
const KEYS: [(&str, &str, bool); 29] = [
    (GENERAL, "run_name", true),
    (ARCHITECTURE, "ArrayHeight", true),
    (ARCHITECTURE, "ArrayWidth", true),
    (ARCHITECTURE, "IfmapSramSzkB", true),
    (ARCHITECTURE, "FilterSramSzkB", true),
    (ARCHITECTURE, "OfmapSramSzkB", true),
    (ARCHITECTURE, "IfmapOffset", true),
    (ARCHITECTURE, "FilterOffset", true),
    (ARCHITECTURE, "OfmapOffset", true),
    (ARCHITECTURE, "Bandwidth", false),
    (ARCHITECTURE, "Dataflow", true),
    (ARCHITECTURE, "MemoryBanks", false),
    (ARCHITECTURE, "ReadRequestBuffer", true),
    (ARCHITECTURE, "WriteRequestBuffer", true),
    (LAYOUT, "IfmapCustomLayout", true),
    (LAYOUT, "IfmapSRAMBankBandwidth", true),
    (LAYOUT, "IfmapSRAMBankNum", true),
    (LAYOUT, "IfmapSRAMBankPort", true),
    (LAYOUT, "FilterCustomLayout", true),
    (LAYOUT, "FilterSRAMBankBandwidth", true),
    (LAYOUT, "FilterSRAMBankNum", true),
    (LAYOUT, "FilterSRAMBankPort", true),
    (SPARSITY, "SparsitySupport", true),
    (SPARSITY, "SparseRep", false),
    (SPARSITY, "OptimizedMapping", false),
    (SPARSITY, "BlockSize", false),
    (SPARSITY, "RandomNumberGeneratorSeed", false),
    (PRESETS, "InterfaceBandwidth", true),
    (PRESETS, "UseRamulatorTrace", true),
];

/// How the bandwidth between the buffers and DRAM is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// `CALC`: reads never stall; the reports state the bandwidth that this needs.
    Calculated,
    /// `USER`: stated bandwidths in words per cycle, which stall the array.
    User(ByOperand<NonZeroU32>),
}

/// What decides the answer. One word is one byte is one element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// Name of the run.
    pub run_name: String,
    /// Size of the array.
    pub array: Array,
    /// What stays in the array.
    pub dataflow: Dataflow,
    /// Sizes of the ifmap, filter and ofmap buffers in words, 1024 for each of the file's KiB.
    pub sram_words: ByOperand<u64>,
    /// The bandwidth to DRAM.
    pub interface: Interface,
}

impl Config {
    /// Reads a configuration file; `file` is its name for messages. What is ignored is said in the warnings.
    ///
    /// # Errors
    /// If the file is no configuration, a key that decides the answer is missing, or its value is impossible.
    pub fn parse(file: &str, text: &str) -> Result<(Self, Vec<ConfigWarning>), ConfigError> {
        let Ini { entries, sections } = ini::parse(file, text)?;
        let mut reader = Reader { file, entries: &entries, warnings: Vec::new() };
        reader.report_unknown(&sections);
        let interface = reader.choice(
            PRESETS,
            "InterfaceBandwidth",
            [("CALC", false), ("USER", true)].as_slice(),
        )?;
        let array = Array {
            rows: reader.size(ARCHITECTURE, "ArrayHeight", "32")?,
            columns: reader.size(ARCHITECTURE, "ArrayWidth", "32")?,
        };
        let sram_words = ByOperand {
            input: reader.size(ARCHITECTURE, "IfmapSramSzkB", "64")?,
            weight: reader.size(ARCHITECTURE, "FilterSramSzkB", "64")?,
            output: reader.size(ARCHITECTURE, "OfmapSramSzkB", "64")?,
        }
        .map(|kib| 1024 * u64::from(kib.get()));
        let dataflow = reader.choice(ARCHITECTURE, "Dataflow", &Dataflow::ALL)?;
        for key in ["IfmapOffset", "FilterOffset", "OfmapOffset"] {
            reader.offset(key)?;
        }
        let interface = if interface {
            Interface::User(ByOperand {
                input: reader.bank_bandwidth("IfmapSRAMBankBandwidth", "IfmapSRAMBankNum")?,
                weight: reader.bank_bandwidth("FilterSRAMBankBandwidth", "FilterSRAMBankNum")?,
                output: reader.write_bandwidth()?,
            })
        } else {
            Interface::Calculated
        };
        reader.report_ignored();
        let run_name =
            reader.find(GENERAL, "run_name").map_or("scale_run", |e| &e.value).to_owned();
        Ok((Self { run_name, array, dataflow, sram_words, interface }, reader.warnings))
    }
}

/// Looks up keys and collects warnings.
struct Reader<'a> {
    file: &'a str,
    entries: &'a [Entry],
    warnings: Vec<ConfigWarning>,
}

impl<'a> Reader<'a> {
    fn find(&self, section: &str, key: &str) -> Option<&'a Entry> {
        let key = key.to_lowercase();
        self.entries.iter().find(|entry| entry.section == section && entry.key == key)
    }

    fn required(
        &self,
        section: &'static str,
        key: &'static str,
        example: &'static str,
    ) -> Result<&'a Entry, ConfigError> {
        self.find(section, key).ok_or_else(|| ConfigError::Missing {
            file: self.file.to_owned(),
            section,
            key,
            example,
        })
    }

    fn value_error(
        &self,
        section: &'static str,
        key: &'static str,
        entry: &Entry,
        allowed: impl Into<String>,
    ) -> ConfigError {
        ConfigError::Value {
            file: self.file.to_owned(),
            line: entry.line,
            section,
            key,
            found: entry.value.clone(),
            allowed: allowed.into(),
        }
    }

    fn warn(&mut self, line: Option<usize>, kind: ConfigWarningKind) {
        self.warnings.push(ConfigWarning { file: self.file.to_owned(), line, kind });
    }

    /// A positive integer.
    fn size(
        &self,
        section: &'static str,
        key: &'static str,
        example: &'static str,
    ) -> Result<NonZeroU32, ConfigError> {
        let entry = self.required(section, key, example)?;
        positive(&entry.value)
            .ok_or_else(|| self.value_error(section, key, entry, "an integer of 1 to 2147483647"))
    }

    fn choice<T: Copy>(
        &self,
        section: &'static str,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<T, ConfigError> {
        let entry = self.required(section, key, choices[0].0)?;
        let found = choices.iter().find(|(name, _)| *name == entry.value);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.value_error(section, key, entry, names.join(", "))
        })
    }

    /// Offsets move all addresses of an operand, which changes no count; but a negative one would turn elements
    /// into nulls.
    fn offset(&self, key: &'static str) -> Result<(), ConfigError> {
        match self.find(ARCHITECTURE, key) {
            Some(entry) if entry.value.parse::<u64>().is_err() => {
                Err(self.value_error(ARCHITECTURE, key, entry, "an integer of 0 or more"))
            }
            _ => Ok(()),
        }
    }

    fn bank_bandwidth(
        &self,
        key: &'static str,
        banks: &'static str,
    ) -> Result<NonZeroU32, ConfigError> {
        let bandwidth = self.size(LAYOUT, key, "10")?;
        let banks = self.find(LAYOUT, banks).map_or(Ok(NonZeroU32::MIN), |entry| {
            let allowed = "an integer of 1 to 2147483647";
            positive(&entry.value).ok_or_else(|| self.value_error(LAYOUT, banks, entry, allowed))
        })?;
        let entry = self.required(LAYOUT, key, "10")?;
        if bandwidth.get() % banks != 0 {
            let allowed = format!("a multiple of the {banks} banks");
            return Err(self.value_error(LAYOUT, key, entry, allowed));
        }
        Ok(bandwidth)
    }

    /// `Bandwidth` is a list; its first number is that of the output buffer.
    fn write_bandwidth(&mut self) -> Result<NonZeroU32, ConfigError> {
        let entry = self.required(ARCHITECTURE, "Bandwidth", "10")?;
        let numbers: Option<Vec<_>> = entry.value.split(',').map(|n| positive(n.trim())).collect();
        let numbers = numbers.ok_or_else(|| {
            let allowed = "integers of 1 to 2147483647, separated by commas";
            self.value_error(ARCHITECTURE, "Bandwidth", entry, allowed)
        })?;
        if numbers.len() > 1 {
            self.warn(Some(entry.line), ConfigWarningKind::MoreBandwidths(numbers.len()));
        }
        Ok(numbers[0])
    }

    fn report_unknown(&mut self, sections: &[(String, usize)]) {
        for (section, line) in sections {
            if !KEYS.iter().any(|(known, ..)| known == section) {
                self.warn(Some(*line), ConfigWarningKind::UnknownSection(section.clone()));
            }
        }
        for entry in self.entries {
            let known = |(section, key, _): &(&str, &str, bool)| {
                *section == entry.section && key.to_lowercase() == entry.key
            };
            let section_known = KEYS.iter().any(|(section, ..)| *section == entry.section);
            if section_known && !KEYS.iter().any(known) {
                let kind = ConfigWarningKind::UnknownKey {
                    section: entry.section.clone(),
                    key: entry.name.clone(),
                };
                self.warn(Some(entry.line), kind);
            }
        }
    }

    /// Features that are asked for and not modelled, and keys without which SCALE-Sim does not start.
    fn report_ignored(&mut self) {
        let features = [
            (PRESETS, "UseRamulatorTrace", ConfigWarningKind::RamulatorTrace),
            (SPARSITY, "SparsitySupport", ConfigWarningKind::Sparsity),
            (LAYOUT, "IfmapCustomLayout", ConfigWarningKind::CustomLayout("ifmap")),
            (LAYOUT, "FilterCustomLayout", ConfigWarningKind::CustomLayout("filter")),
        ];
        for (section, key, kind) in features {
            // The words that Python's configparser takes as true.
            let on = |entry: &&Entry| {
                let words = ["1", "yes", "true", "on"];
                words.contains(&entry.value.to_lowercase().as_str())
            };
            if let Some(entry) = self.find(section, key).filter(on) {
                self.warn(Some(entry.line), kind);
            }
        }
        for section in [GENERAL, ARCHITECTURE, LAYOUT, SPARSITY, PRESETS] {
            if !self.entries.iter().any(|entry| entry.section == section) {
                self.warn(None, ConfigWarningKind::MissingSection(section));
                continue;
            }
            for (_, key, needed) in KEYS.into_iter().filter(|(home, ..)| *home == section) {
                if needed && self.find(section, key).is_none() {
                    self.warn(None, ConfigWarningKind::MissingKey { section, key });
                }
            }
        }
    }
}

fn positive(text: &str) -> Option<NonZeroU32> {
    text.parse::<NonZeroU32>().ok().filter(|value| i32::try_from(value.get()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = include_str!("test_data/user.cfg");

    fn message(change: (&str, &str)) -> String {
        assert!(FULL.contains(change.0), "{}", change.0);
        Config::parse("s.cfg", &FULL.replace(change.0, change.1)).unwrap_err().to_string()
    }

    fn warnings(change: (&str, &str)) -> Vec<String> {
        assert!(FULL.contains(change.0), "{}", change.0);
        let (_, warnings) = Config::parse("s.cfg", &FULL.replace(change.0, change.1)).unwrap();
        warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_whole_file() {
        let (config, warnings) = Config::parse("s.cfg", FULL).unwrap();
        assert_eq!(warnings, []);
        let number = |n| NonZeroU32::new(n).unwrap();
        assert_eq!(
            config,
            Config {
                run_name: "out".to_owned(),
                array: Array { rows: number(16), columns: number(8) },
                dataflow: Dataflow::InputStationary,
                sram_words: ByOperand { input: 2048, weight: 1024, output: 3072 },
                interface: Interface::User(ByOperand {
                    input: number(6),
                    weight: number(3),
                    output: number(7)
                }),
            }
        );
    }

    #[test]
    fn calc_needs_no_bandwidths() {
        let text = FULL.replace("USER", "CALC").replace("Bandwidth: 7\n", "");
        let (config, warnings) = Config::parse("s.cfg", &text).unwrap();
        assert_eq!(config.interface, Interface::Calculated);
        assert_eq!(warnings, []);
    }

    #[test]
    fn impossible_values_are_errors() {
        assert!(
            message(("ArrayHeight: 16", "ArrayHeight: 0"))
                .contains("line 5, [architecture_presets] `ArrayHeight`: `0`")
        );
        assert!(message(("ArrayHeight: 16\n", "")).contains("has no `ArrayHeight`"));
        assert!(message(("Dataflow: is", "Dataflow: rs")).contains("use os, ws, is"));
        assert!(message(("SzkB: 2", "SzkB: 2.5")).contains("`2.5`"));
        assert!(message(("USER", "AUTO")).contains("use CALC, USER"));
        assert!(message(("Bandwidth: 7", "Bandwidth: 7,")).contains("`7,`"));
        assert!(
            message(("BankBandwidth: 6", "BankBandwidth: 5")).contains("multiple of the 2 banks")
        );
        assert!(message(("BankNum: 2", "BankNum: 0")).contains("`IfmapSRAMBankNum`: `0`"));
        assert!(message(("IfmapOffset: 0", "IfmapOffset: -1")).contains("`-1`"));
    }

    #[test]
    fn everything_ignored_is_said() {
        assert!(
            warnings(("ArrayWidth", "Colour: red\nArrayWidth"))[0]
                .contains("line 6: unknown key `Colour`")
        );
        assert!(
            warnings(("[sparsity]", "[extra]\nx: 1\n[sparsity]"))[0]
                .contains("unknown section [extra]")
        );
        assert!(warnings(("SparsitySupport: false", "SparsitySupport: true"))[0].contains("dense"));
        assert!(
            warnings(("IfmapCustomLayout: False", "IfmapCustomLayout: True"))[0].contains("ifmap")
        );
        assert!(
            warnings(("UseRamulatorTrace: False", "UseRamulatorTrace: True"))[0].contains("trace")
        );
        assert!(warnings(("Bandwidth: 7", "Bandwidth: 7, 8, 9"))[0].contains("first of 3"));
        assert!(warnings(("[sparsity]", "[sparse]"))[1].contains("no section [sparsity]"));
        assert!(warnings(("run_name = out\n", "x: 1\n"))[1].contains("`run_name`"));
        assert!(warnings(("run_name = out\n", ""))[0].contains("[general]"));
    }
}
