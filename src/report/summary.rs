//! The summary of a run, as far as the report needs it.

use super::ReportError;
use super::run::Run;
use serde_json::{Map, Value};

/// A summary of `hwsim train --summary`, of this version or another.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The file.
    pub file: String,
    values: Map<String, Value>,
}

impl RunSummary {
    /// Reads the summary `text`, called `file` in messages.
    ///
    /// # Errors
    /// If it is no JSON object with a run in it.
    pub fn parse(text: &str, file: &str) -> Result<Self, ReportError> {
        let wrong = |reason: String| ReportError::Summary { file: file.to_owned(), reason };
        let values: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for key in ["arch", "dataset", "controller", "layers", "steps"] {
            if !values.contains_key(key) {
                return Err(wrong(format!("it has no `{key}`")));
            }
        }
        Ok(Self { file: file.to_owned(), values })
    }

    /// All that it says.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// The number of `key`.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.value(key)?.as_f64()
    }

    /// The text of `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.as_str()
    }

    /// The value of `key` in the part on the float32 twin.
    pub fn baseline(&self, key: &str) -> Option<f64> {
        self.value("baseline")?.get(key)?.as_f64()
    }

    /// The value of `key` in the part on how the run was executed.
    pub fn provenance(&self, key: &str) -> Option<&Value> {
        self.value("provenance")?.get(key).filter(|value| !value.is_null())
    }

    /// Whether this is the summary of `run`.
    pub(super) fn check(&self, run: &Run) -> Result<(), ReportError> {
        let other = |reason: String| ReportError::OtherRun {
            summary: self.file.clone(),
            trace: run.file.clone(),
            reason,
        };
        let names: Vec<&str> = self
            .value("layers")
            .and_then(Value::as_array)
            .map(|layers| layers.iter().filter_map(|layer| layer.get("name")?.as_str()).collect())
            .unwrap_or_default();
        if !names.iter().copied().eq(run.layers.iter().map(|layer| layer.name.as_str())) {
            return Err(other("their layers differ".to_owned()));
        }
        let steps = self.number("steps").unwrap_or(0.0);
        if steps < (run.last_step as f64) + 1.0 {
            return Err(other(format!(
                "it has {steps} steps, and the trace has step {}",
                run.last_step
            )));
        }
        // Shares are written in full in both.
        let ends = (self.number("top1"), run.top1());
        if let (None, (Some(summary), Some(trace))) = (run.partial, ends)
            && (summary - trace).abs() > 1e-12
        {
            return Err(other(format!("top-1 is {summary} in it and {trace} in the trace")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_summaries_of_runs_are_summaries() {
        let text = r#"{"arch":"mlp","dataset":"mnist","controller":"adapt","layers":[],"steps":3,
            "su2":null,"baseline":{"top1":0.5},"provenance":{"threads":2}}"#;
        let summary = RunSummary::parse(text, "s.json").unwrap();
        assert_eq!((summary.text("arch"), summary.number("su2")), (Some("mlp"), None));
        assert_eq!(summary.baseline("top1"), Some(0.5));
        assert_eq!(summary.provenance("threads"), Some(&Value::from(2)));
        for (text, reason) in [("[1]", "invalid type"), ("{", "EOF"), ("{}", "it has no `arch`")] {
            let error = RunSummary::parse(text, "s.json").unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("s.json"), "{error}");
        }
    }
}
