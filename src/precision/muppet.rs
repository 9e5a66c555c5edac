//! MuPPET: block floating point with one word length for the whole network, which increases in steps up to
//! float32 (papers/muppet.md).
//!
//! [`MuppetPolicy`] decides; this controller turns its word lengths into formats with a scale a tensor, for
//! weights, activations and gradients alike.

use super::controller::{check_infos, check_name, check_views};
use super::muppet_policy::{EpochReport, MuppetPolicy, MuppetPolicyOptions, MuppetReading};
use super::options::ControllerDescription;
use super::shared_settings::VARIANT;
use super::state::{from_json, to_json};
use super::{
    ControllerOptions, ControllerReport, ControllerState, Decision, EpochEnd, NumberFormat,
    PrecisionController, PrecisionError, RoleFormats, Step, Switch, TensorInfo, TensorView,
    Variant,
};
use crate::setting::common::LEARNING_RATE;
use crate::setting::{Given, MAX_EPOCHS, MAX_NUMBER, Refusal, Setting, real, whole, wholes};
use hwmodel::number::format::MAX_WORD_LENGTH;
use serde::{Deserialize, Serialize};
use std::ops::Bound::{self, Included};

const ANY: (Bound<f64>, Bound<f64>) = (Included(-MAX_NUMBER), Included(MAX_NUMBER));
const NOT_NEGATIVE: (Bound<f64>, Bound<f64>) = (Included(0.0), Included(MAX_NUMBER));

const LEVELS: Setting<Vec<u32>> = wholes(
    "levels",
    "muppet: word lengths in bits on the way to float32, as in 8,12,14,16 or 8..16:2",
    (1, MAX_WORD_LENGTH as i64),
)
.default(|| MuppetPolicyOptions::default().word_lengths);

const WINDOW_EPOCHS: Setting<u32> = whole(
    "window-epochs",
    "muppet: r, epochs of a window of gradients; the paper's has one more",
    (1, MAX_EPOCHS),
)
.default(|| MuppetPolicyOptions::default().resolution);

const VIOLATIONS: Setting<u32> =
    whole("violations", "muppet: violations γ before a switch", (0, MAX_EPOCHS))
        .default(|| MuppetPolicyOptions::default().patience);

const THRESHOLD_ALPHA: Setting<f64> =
    real("threshold-alpha", "muppet: α of the threshold α + β·e^(-λ·epoch)", ANY)
        .default(|| MuppetPolicyOptions::default().alpha);

const THRESHOLD_BETA: Setting<f64> = real("threshold-beta", "muppet: β of the threshold", ANY)
    .default(|| MuppetPolicyOptions::default().beta);

const THRESHOLD_LAMBDA: Setting<f64> =
    real("threshold-lambda", "muppet: λ of the threshold, per epoch", NOT_NEGATIVE)
        .default(|| MuppetPolicyOptions::default().lambda);

const FLOAT32_EPOCHS: Setting<u32> = whole(
    "float32-epochs",
    "muppet: float32 epochs from one fall of the learning rate to the next",
    (1, MAX_EPOCHS),
)
.default(|| MuppetPolicyOptions::default().float32_epochs);

const SMALLEST_LEARNING_RATE: Setting<f64> = real(
    "smallest-learning-rate",
    "muppet: training ends instead of lowering a learning rate that is not above this",
    NOT_NEGATIVE,
)
.default(|| MuppetPolicyOptions::default().smallest_learning_rate);

/// The controller and its settings. By default the rest is as in papers/muppet.md section 4: SGD with momentum and weight
/// decay, every operand of all three products in fixed point, and no schedule but the policy.
pub const DESCRIPTION: ControllerDescription = ControllerDescription {
    name: "muppet",
    heading: "MuPPET and Shen et al. 2024",
    settings: &[
        &VARIANT,
        &LEVELS,
        &WINDOW_EPOCHS,
        &VIOLATIONS,
        &THRESHOLD_ALPHA,
        &THRESHOLD_BETA,
        &THRESHOLD_LAMBDA,
        &FLOAT32_EPOCHS,
        &SMALLEST_LEARNING_RATE,
    ],
    defaults: &[
        ("schedule", "constant"),
        ("normalise-gradients", "off"),
        ("l1", "0"),
        ("l2", "0.0001"),
        ("backward", "fixed"),
    ],
    options: |given| Ok(ControllerOptions::Muppet(options(given)?)),
};

fn options(given: &dyn Given) -> Result<MuppetPolicyOptions, Refusal> {
    let word_lengths = LEVELS.get(given)?;
    if word_lengths.is_empty() {
        return Err(LEVELS.refuse("empty", "at least one word length"));
    }
    if !word_lengths.is_sorted_by(|shorter, longer| shorter < longer) {
        let list: Vec<String> = word_lengths.iter().map(u32::to_string).collect();
        return Err(LEVELS.refuse(list.join(","), "each word length once, in ascending order"));
    }
    Ok(MuppetPolicyOptions {
        reading: match VARIANT.get(given)? {
            Variant::Paper => MuppetReading::Paper,
            Variant::Released => MuppetReading::Code,
        },
        resolution: WINDOW_EPOCHS.get(given)?,
        patience: VIOLATIONS.get(given)?,
        alpha: THRESHOLD_ALPHA.get(given)?,
        beta: THRESHOLD_BETA.get(given)?,
        lambda: THRESHOLD_LAMBDA.get(given)?,
        word_lengths,
        learning_rate: LEARNING_RATE.get(given)?,
        smallest_learning_rate: SMALLEST_LEARNING_RATE.get(given)?,
        float32_epochs: FLOAT32_EPOCHS.get(given)?,
        ..MuppetPolicyOptions::default()
    })
}

pub(super) fn build(
    options: &MuppetPolicyOptions,
    tensors: &[TensorInfo],
) -> Result<Box<dyn PrecisionController>, PrecisionError> {
    Ok(Box::new(Muppet::new(options.clone(), tensors)?))
}

/// The MuPPET controller.
///
/// The learning rate is the policy's: [`MuppetPolicyOptions::learning_rate`] until float32 is reached, then
/// lowered step by step, until training ends.
#[derive(Debug, Clone)]
pub struct Muppet {
    tensors: Vec<TensorInfo>,
    formats: Vec<RoleFormats>,
    policy: MuppetPolicy,
    /// Whether the next step is the first of its epoch.
    first_minibatch: bool,
    /// Whether the last epoch end changed the formats.
    switched: bool,
}

/// The controller's own part of a checkpoint; the rest is the policy's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scalars {
    first_minibatch: bool,
    switched: bool,
    policy: ControllerName,
}

/// A state inside a state.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControllerName {
    controller: String,
    scalars: serde_json::Value,
}

fn number_format(word_length: Option<u32>) -> NumberFormat {
    word_length.map_or(NumberFormat::Float32, |wl| NumberFormat::DynamicFixed { wl })
}

impl Muppet {
    /// A controller of `tensors`, all in the first word length of the ladder.
    ///
    /// # Errors
    /// If an option is impossible or a tensor is empty.
    pub fn new(
        options: MuppetPolicyOptions,
        tensors: &[TensorInfo],
    ) -> Result<Self, PrecisionError> {
        check_infos(tensors)?;
        let policy = MuppetPolicy::new(options, tensors)?;
        let format = RoleFormats::all(number_format(policy.word_length()));
        Ok(Self {
            tensors: tensors.to_vec(),
            formats: vec![format; tensors.len()],
            policy,
            first_minibatch: true,
            switched: false,
        })
    }

    /// The report of the last epoch.
    pub fn last_epoch(&self) -> Option<&EpochReport> {
        self.policy.last()
    }

    fn take_formats(&mut self) -> Vec<Switch> {
        let after = RoleFormats::all(number_format(self.policy.word_length()));
        let mut switches = Vec::new();
        for (tensor, format) in self.formats.iter_mut().enumerate() {
            let before = std::mem::replace(format, after);
            if before != after {
                switches.push(Switch { tensor, before, after });
            }
        }
        switches
    }
}

fn gradients<'a>(views: &[TensorView<'a>]) -> Vec<&'a [f32]> {
    views.iter().map(|view| view.gradient).collect()
}

impl PrecisionController for Muppet {
    fn name(&self) -> &'static str {
        "muppet"
    }

    fn formats(&self) -> &[RoleFormats] {
        &self.formats
    }

    fn update(&mut self, step: &Step<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.tensors, step.tensors)?;
        self.switched = false;
        if std::mem::take(&mut self.first_minibatch) {
            self.policy.first_minibatch(&gradients(step.tensors))?;
        }
        Ok(Decision::default())
    }

    fn end_of_epoch(&mut self, epoch: &EpochEnd<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.tensors, epoch.tensors)?;
        let before = self.policy.learning_rate();
        let report = self.policy.end_of_epoch(&gradients(epoch.tensors))?;
        self.first_minibatch = true;
        let switches = self.take_formats();
        self.switched = !switches.is_empty();
        let lowered = report.learning_rate.to_bits() != before.to_bits();
        let factor = self.policy.options().learning_rate_factor;
        let learning_rate_factor = if lowered { factor } else { 1.0 };
        Ok(Decision { switches, learning_rate_factor, stop: report.stop })
    }

    fn report(&self, tensor: usize) -> ControllerReport {
        if tensor >= self.tensors.len() {
            return ControllerReport::default();
        }
        let diversity = self.policy.last().and_then(|epoch| epoch.diversity);
        ControllerReport { diversity, switched: self.switched, ..ControllerReport::default() }
    }

    fn state(&self) -> ControllerState {
        let policy = self.policy.state();
        let scalars = Scalars {
            first_minibatch: self.first_minibatch,
            switched: self.switched,
            policy: ControllerName { controller: policy.controller, scalars: policy.scalars },
        };
        let (controller, scalars) = (self.name().to_owned(), to_json(&scalars));
        ControllerState { controller, scalars, tensors: policy.tensors }
    }

    fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError> {
        check_name(self.name(), state)?;
        let scalars: Scalars = from_json(&state.scalars)
            .map_err(|reason| PrecisionError::State { controller: "muppet", reason })?;
        self.policy.restore(&ControllerState {
            controller: scalars.policy.controller,
            scalars: scalars.policy.scalars,
            tensors: state.tensors.clone(),
        })?;
        self.first_minibatch = scalars.first_minibatch;
        self.switched = scalars.switched;
        self.take_formats();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::muppet_policy::MuppetReading;
    use super::*;

    fn tensors() -> [TensorInfo; 2] {
        [TensorInfo::from_shape("w", &[1, 2]), TensorInfo::from_shape("b", &[1])]
    }

    /// Runs an epoch of two steps that ends with a gradient of diversity `d` over a window of one.
    fn epoch(controller: &mut Muppet, epoch: u32, gradient: [f32; 2]) -> Decision {
        let bias = [0.5];
        let views = [
            TensorView { master: &[0.1, 0.2], gradient: &gradient },
            TensorView { master: &[0.0], gradient: &bias },
        ];
        for _ in 0..2 {
            let step = Step { loss: 1.0, tensors: &views };
            assert_eq!(controller.update(&step).unwrap(), Decision::default());
        }
        controller.end_of_epoch(&EpochEnd { epoch, tensors: &views }).unwrap()
    }

    fn options() -> MuppetPolicyOptions {
        // Every window is a violation as soon as there is an earlier diversity: T = 0.
        MuppetPolicyOptions {
            reading: MuppetReading::Code,
            resolution: 1,
            patience: 1,
            alpha: 0.0,
            beta: 0.0,
            word_lengths: vec![8, 12],
            float32_epochs: 2,
            learning_rate: 0.1,
            smallest_learning_rate: 0.05,
            ..MuppetPolicyOptions::default()
        }
    }

    #[test]
    fn the_ladder_ends_in_float32_and_training_ends_after_it() {
        let mut controller = Muppet::new(options(), &tensors()).unwrap();
        let start = RoleFormats::all(NumberFormat::DynamicFixed { wl: 8 });
        assert_eq!(controller.formats(), [start; 2]);
        // A window of one gradient has diversity 1 = max S: no violation at first, one from then on.
        let mut word_lengths = Vec::new();
        let (mut factors, mut stops) = (Vec::new(), Vec::new());
        for index in 0..12 {
            let decision = epoch(&mut controller, index, [1.0, index as f32]);
            word_lengths.push(controller.formats()[1].gradient.word_length());
            factors.push(decision.learning_rate_factor);
            stops.push(decision.stop);
            assert_eq!(controller.report(0).switched, !decision.switches.is_empty());
            if decision.stop {
                break;
            }
        }
        assert_eq!(word_lengths.last(), Some(&32));
        assert!(word_lengths.is_sorted() && word_lengths.contains(&12), "{word_lengths:?}");
        assert_eq!(factors.iter().filter(|&&factor| factor == 0.1).count(), 1, "{factors:?}");
        assert_eq!(stops.iter().filter(|&&stop| stop).count(), 1);
        assert_eq!(controller.formats(), [RoleFormats::all(NumberFormat::Float32); 2]);
        assert_eq!(controller.report(0).diversity, controller.last_epoch().unwrap().diversity);
    }

    #[test]
    fn a_restored_controller_goes_on_alike() {
        let options =
            MuppetPolicyOptions { resolution: 3, word_lengths: vec![8, 12, 14], ..options() };
        let mut whole = Muppet::new(options.clone(), &tensors()).unwrap();
        for index in 0..4 {
            epoch(&mut whole, index, [1.0, (index as f32).sin()]);
        }
        let mut resumed = Muppet::new(options, &tensors()).unwrap();
        resumed.restore(&whole.state()).unwrap();
        assert_eq!(resumed.formats(), whole.formats());
        for index in 4..10 {
            let gradient = [0.3, (index as f32).cos()];
            assert_eq!(epoch(&mut resumed, index, gradient), epoch(&mut whole, index, gradient));
            assert_eq!(resumed.state(), whole.state());
        }
        assert!(resumed.restore(&ControllerState::empty("adapt")).is_err());
        assert!(resumed.restore(&ControllerState::empty("muppet")).is_err());
    }
}
