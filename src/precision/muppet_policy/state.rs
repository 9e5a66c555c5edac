//! The policy's part of a checkpoint.

use super::{EpochReport, MuppetPolicy};
use crate::precision::state::{from_json, to_json};
use crate::precision::{ControllerState, PrecisionError, StateTensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name under which the policy's state is saved.
const NAME: &str = "muppet-policy";
/// Every float of the policy: learning rate, max S, then D, p, T and learning rate of the last report.
const FLOATS: &str = "policy";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scalars {
    tensors: Vec<String>,
    epoch: u32,
    level: usize,
    violations: u32,
    float32_epochs: u32,
    window: usize,
    first_in_sum: bool,
    last: Option<LastReport>,
}

/// The integers of the last report.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastReport {
    epoch: u32,
    violations: u32,
    switched: bool,
    word_length: Option<u32>,
    stop: bool,
    has_diversity: bool,
    has_ratio: bool,
}

fn gradient(epoch: usize, tensor: usize) -> String {
    format!("gradient.{epoch}.{tensor}")
}

fn first(tensor: usize) -> String {
    format!("first_gradient.{tensor}")
}

impl MuppetPolicy {
    /// Everything needed to continue with the same bits.
    pub fn state(&self) -> ControllerState {
        let mut arrays = BTreeMap::new();
        for (k, epoch) in self.gradients.epochs.iter().enumerate() {
            for (i, values) in epoch.iter().enumerate() {
                arrays.insert(gradient(k, i), StateTensor::F32(values.clone()));
            }
        }
        for (i, values) in self.gradients.first_in_sum.iter().flatten().enumerate() {
            arrays.insert(first(i), StateTensor::F32(values.clone()));
        }
        let report = self.last.as_ref();
        let of_report = |float: fn(&EpochReport) -> f64| report.map_or(0.0, float);
        // S is never below 0.
        let floats = vec![
            self.learning_rate,
            self.largest.unwrap_or(-1.0),
            of_report(|report| report.diversity.unwrap_or(0.0)),
            of_report(|report| report.ratio.unwrap_or(0.0)),
            of_report(|report| report.threshold),
            of_report(|report| report.learning_rate),
        ];
        arrays.insert(FLOATS.into(), StateTensor::F64(floats));
        let scalars = Scalars {
            tensors: self.tensors.iter().map(|info| info.name.clone()).collect(),
            epoch: self.epoch,
            level: self.level,
            violations: self.violations,
            float32_epochs: self.float32_epochs,
            window: self.gradients.len(),
            first_in_sum: self.gradients.first_in_sum.is_some(),
            last: report.map(|report| LastReport {
                epoch: report.epoch,
                violations: report.violations,
                switched: report.switched,
                word_length: report.word_length,
                stop: report.stop,
                has_diversity: report.diversity.is_some(),
                has_ratio: report.ratio.is_some(),
            }),
        };
        ControllerState { controller: NAME.into(), scalars: to_json(&scalars), tensors: arrays }
    }

    /// Continues from a saved state of a policy with the same options and tensors.
    ///
    /// # Errors
    /// If the state belongs to something else or does not fit; the policy has not changed then.
    pub fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError> {
        self.load(state).map_err(|reason| PrecisionError::State { controller: NAME, reason })
    }

    fn load(&mut self, state: &ControllerState) -> Result<(), String> {
        if state.controller != NAME {
            return Err(format!("it was saved by `{}`", state.controller));
        }
        let scalars: Scalars = from_json(&state.scalars)?;
        let own: Vec<&str> = self.tensors.iter().map(|info| info.name.as_str()).collect();
        if own != scalars.tensors {
            return Err(format!("its tensors are {:?}, expected {own:?}", scalars.tensors));
        }
        if scalars.level > self.options.word_lengths.len() {
            return Err(format!("its ladder has a level {}", scalars.level));
        }
        if scalars.window as u64 > self.window_epochs() {
            return Err(format!("its window has {} epochs", scalars.window));
        }
        let Some(StateTensor::F64(floats)) = state.tensors.get(FLOATS) else {
            return Err(format!("`{FLOATS}` is missing"));
        };
        let &[learning_rate, largest, diversity, ratio, threshold, last_rate] = floats.as_slice()
        else {
            return Err(format!("`{FLOATS}` has another length"));
        };
        let read = |key: String, i: usize| match state.tensors.get(&key) {
            Some(StateTensor::F32(values)) if values.len() == self.tensors[i].elements => {
                Ok(values.clone())
            }
            Some(_) => Err(format!("`{key}` has another length or precision")),
            None => Err(format!("`{key}` is missing")),
        };
        let tensors = || 0..self.tensors.len();
        let epochs = (0..scalars.window)
            .map(|k| tensors().map(|i| read(gradient(k, i), i)).collect())
            .collect::<Result<_, String>>()?;
        let first_in_sum = scalars
            .first_in_sum
            .then(|| tensors().map(|i| read(first(i), i)).collect::<Result<_, String>>())
            .transpose()?;
        self.gradients.epochs = epochs;
        self.gradients.first_in_sum = first_in_sum;
        self.epoch = scalars.epoch;
        self.level = scalars.level;
        self.violations = scalars.violations;
        self.float32_epochs = scalars.float32_epochs;
        self.learning_rate = learning_rate;
        self.largest = (largest >= 0.0).then_some(largest);
        self.last = scalars.last.map(|last| EpochReport {
            epoch: last.epoch,
            diversity: last.has_diversity.then_some(diversity),
            ratio: last.has_ratio.then_some(ratio),
            threshold,
            violations: last.violations,
            switched: last.switched,
            word_length: last.word_length,
            learning_rate: last_rate,
            stop: last.stop,
        });
        Ok(())
    }
}
