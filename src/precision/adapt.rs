//! AdaPT and ADEPT: the controller put together from its building blocks.

use super::controller::{check_infos, check_name, check_views};
use super::edf::MAX_RESOLUTION;
use super::lookback::{next_lookback, next_resolution};
use super::options::ControllerDescription;
use super::push_down::{self, PaperSearch, PushDownRange};
use super::push_up::push_up;
use super::shared_settings::{FL, START, VARIANT, WL, format};
use super::strategy::StrategyControl;
use super::window::GradientWindow;
use super::{
    Bounds, ControllerOptions, ControllerReport, ControllerState, Decision, EpochEnd,
    PrecisionController, PrecisionError, RoleFormats, Step, Strategy, Switch, TensorInfo,
    TensorView, Variant,
};
use crate::setting::{
    Described, Given, MAX_NUMBER, Need, Off, Refusal, Setting, Values, real, switch, whole, word,
};
use hwmodel::Format;
use serde::{Deserialize, Serialize};
use std::ops::Bound::Included;

/// The longest gradient window in steps.
const MAX_LOOKBACK: u32 = 1 << 20;

const OF_THE_PAPER: &[Need] = &[Need::Is("variant", &["paper"])];

const GRANULARITY: Setting<Granularity> = word(
    "granularity",
    "adapt: formats may change after any batch (also ADEPT) or only at the end of an epoch",
)
.default(|| AdaptOptions::default().granularity);

const EPSILON_KL: Setting<f64> = real(
    "epsilon-kl",
    "adapt, variant paper: a format is lossless if its KL divergence is below this, in nats",
    (Included(0.0), Included(MAX_NUMBER)),
)
.default(|| AdaptOptions::default().epsilon_kl)
.needs(OF_THE_PAPER);

const PUSHDOWN_RANGE: Setting<PushDownRange> = word(
    "pushdown-range",
    "adapt, variant paper: the largest format that PushDown may choose, the full 32 bits or the format in force",
)
.default(|| AdaptOptions::default().push_down_range)
.needs(OF_THE_PAPER);

const BUFFER_BITS: Setting<u32> =
    whole("buffer-bits", "adapt: bits kept free above the binary point", (0, 32))
        .placeholder("BITS")
        .default(|| AdaptOptions::default().buffer_bits);

const RESOLUTION_LOWER: Setting<u32> = whole(
    "resolution-lower",
    "adapt: smallest number of bins of the weight histogram",
    (1, MAX_RESOLUTION as i64),
)
.default(|| AdaptOptions::default().resolution.lower);

const RESOLUTION_UPPER: Setting<u32> = whole(
    "resolution-upper",
    "adapt: largest number of bins of the weight histogram",
    (1, MAX_RESOLUTION as i64),
)
.default(|| AdaptOptions::default().resolution.upper);

const LOOKBACK_LOWER: Setting<u32> = whole(
    "lookback-lower",
    "adapt: shortest gradient window, in optimiser steps",
    (1, MAX_LOOKBACK as i64),
)
.default(|| AdaptOptions::default().lookback.lower);

const LOOKBACK_UPPER: Setting<u32> = whole(
    "lookback-upper",
    "adapt: longest gradient window, in optimiser steps",
    (1, MAX_LOOKBACK as i64),
)
.default(|| AdaptOptions::default().lookback.upper);

const LOOKBACK_MOMENTUM: Setting<f64> = real(
    "lookback-momentum",
    "adapt: share γ of the new lookback in its moving average",
    (Included(0.0), Included(1.0)),
)
.default(|| AdaptOptions::default().lookback_momentum);

/// Whether the word-length penalty P is part of the loss.
pub const PENALTY: Setting<bool> = switch(
    "penalty",
    "adapt: add the word-length penalty P to the loss that the strategy sees",
    Some(Off { names: &["no-penalty"], help: "Leave the word-length penalty out of the loss" }),
)
.default_words("on, but off for lenet5 with variant released")
.neutral("off");

/// The controller and its settings.
pub const DESCRIPTION: ControllerDescription = ControllerDescription {
    name: "adapt",
    heading: "AdaPT controller",
    settings: &[
        &WL,
        &FL,
        &VARIANT,
        &GRANULARITY,
        &EPSILON_KL,
        &PUSHDOWN_RANGE,
        &BUFFER_BITS,
        &RESOLUTION_LOWER,
        &RESOLUTION_UPPER,
        &LOOKBACK_LOWER,
        &LOOKBACK_UPPER,
        &LOOKBACK_MOMENTUM,
        &PENALTY,
    ],
    defaults: &[],
    options: |given| Ok(ControllerOptions::Adapt(options(given)?)),
};

/// All but the granularity.
pub(super) const SETTINGS_OF_ADEPT: &[&dyn Described] = &[
    &WL,
    &FL,
    &VARIANT,
    &EPSILON_KL,
    &PUSHDOWN_RANGE,
    &BUFFER_BITS,
    &RESOLUTION_LOWER,
    &RESOLUTION_UPPER,
    &LOOKBACK_LOWER,
    &LOOKBACK_UPPER,
    &LOOKBACK_MOMENTUM,
    &PENALTY,
];

/// The options that settings ask for.
pub(super) fn options(given: &dyn Given) -> Result<AdaptOptions, Refusal> {
    let start = format(given)?;
    if !(0..=31).contains(&start.fl()) {
        return Err(FL.refuse(start.fl(), "0 to 31"));
    }
    let options = AdaptOptions {
        variant: VARIANT.get(given)?,
        // ADEPT has no such setting.
        granularity: GRANULARITY.optional(given)?.unwrap_or(Granularity::Batch),
        start,
        epsilon_kl: EPSILON_KL.get(given)?,
        push_down_range: PUSHDOWN_RANGE.get(given)?,
        buffer_bits: BUFFER_BITS.get(given)?,
        resolution: bounds(given, &RESOLUTION_LOWER, &RESOLUTION_UPPER)?,
        lookback: bounds(given, &LOOKBACK_LOWER, &LOOKBACK_UPPER)?,
        lookback_momentum: LOOKBACK_MOMENTUM.get(given)?,
    };
    // The ranges of the settings are at most those of the controller, which has the last word.
    let refuse = |error: PrecisionError| {
        let (value, allowed) = (DESCRIPTION.name.to_owned(), error.to_string());
        Refusal::Value { setting: "controller", value, allowed }
    };
    options.check().map_err(refuse)?;
    Ok(options)
}

/// The values of the settings that ask for `options`.
pub fn values(options: &AdaptOptions) -> Values {
    Values::default()
        .with(&WL, options.start.wl())
        .with(&FL, options.start.fl())
        .with(&VARIANT, options.variant)
        .with(&GRANULARITY, options.granularity)
        .with(&EPSILON_KL, options.epsilon_kl)
        .with(&PUSHDOWN_RANGE, options.push_down_range)
        .with(&BUFFER_BITS, options.buffer_bits)
        .with(&RESOLUTION_LOWER, options.resolution.lower)
        .with(&RESOLUTION_UPPER, options.resolution.upper)
        .with(&LOOKBACK_LOWER, options.lookback.lower)
        .with(&LOOKBACK_UPPER, options.lookback.upper)
        .with(&LOOKBACK_MOMENTUM, options.lookback_momentum)
}

fn bounds(
    given: &dyn Given,
    lower: &Setting<u32>,
    upper: &Setting<u32>,
) -> Result<Bounds, Refusal> {
    let (least, most) = (lower.get(given)?, upper.get(given)?);
    if least > most {
        return Err(Refusal::Bounds { lower: (lower.name(), least), upper: (upper.name(), most) });
    }
    Ok(Bounds::new(least, most))
}

pub(super) fn build(
    options: &AdaptOptions,
    tensors: &[TensorInfo],
) -> Result<Box<dyn PrecisionController>, PrecisionError> {
    Ok(Box::new(Adapt::new(options.clone(), tensors)?))
}

/// When a precision switch may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Granularity {
    /// After any batch (ADEPT and the released code).
    Batch,
    /// Only at the end of an epoch (later versions of AdaPT). Windows then hold every gradient since
    /// the last switch.
    Epoch,
}

/// Options of [`Adapt`]; the defaults are the paper's values with ε_KL = 1e-2 and the released
/// code's 8 buffer bits (papers/adapt.md sections 7 and 9; AlexNet on CIFAR-10 has 4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptOptions {
    /// Paper or released code.
    pub variant: Variant,
    /// When a switch may happen.
    pub granularity: Granularity,
    /// Format of every tensor at the start, 0 ≤ FL ≤ 31.
    pub start: Format,
    /// `paper`: a format is lossless if its KL divergence in nats is below this.
    pub epsilon_kl: f64,
    /// `paper`: the largest format that PushDown may choose.
    pub push_down_range: PushDownRange,
    /// Bits kept free above the binary point, 0 to 32.
    pub buffer_bits: u32,
    /// Bins of the weight histogram.
    pub resolution: Bounds,
    /// Length of the gradient window in steps.
    pub lookback: Bounds,
    /// γ: share of the new lookback in its moving average, 0 to 1.
    pub lookback_momentum: f64,
}

impl Default for AdaptOptions {
    fn default() -> Self {
        Self {
            variant: Variant::Paper,
            granularity: Granularity::Batch,
            start: START,
            epsilon_kl: 1e-2,
            push_down_range: PushDownRange::Full,
            buffer_bits: 8,
            resolution: Bounds::new(50, 150),
            lookback: Bounds::new(25, 100),
            lookback_momentum: 0.33,
        }
    }
}

impl AdaptOptions {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the first option that is out of range and what it may be.
    pub fn check(&self) -> Result<(), PrecisionError> {
        let refuse = |option, value: String, allowed: &str| {
            Err(PrecisionError::Option { option, value, allowed: allowed.to_owned() })
        };
        if !(0..=31).contains(&self.start.fl()) {
            return refuse("start", self.start.to_string(), "a fractional length of 0 to 31");
        }
        if !(self.epsilon_kl >= 0.0 && self.epsilon_kl.is_finite()) {
            return refuse("epsilon_kl", self.epsilon_kl.to_string(), "a number of at least 0");
        }
        if self.buffer_bits > 32 {
            return refuse("buffer_bits", self.buffer_bits.to_string(), "0 to 32");
        }
        for (option, bounds, most) in [
            ("resolution", self.resolution, MAX_RESOLUTION),
            ("lookback", self.lookback, MAX_LOOKBACK),
        ] {
            if bounds.lower == 0 || bounds.lower > bounds.upper || bounds.upper > most {
                let value = format!("{} to {}", bounds.lower, bounds.upper);
                return refuse(option, value, &format!("1 ≤ lower ≤ upper ≤ {most}"));
            }
        }
        if !(0.0..=1.0).contains(&self.lookback_momentum) {
            let value = self.lookback_momentum.to_string();
            return refuse("lookback_momentum", value, "0 to 1");
        }
        Ok(())
    }
}

/// What AdaPT keeps of one tensor.
#[derive(Debug, Clone)]
pub(super) struct Controlled {
    pub(super) lookback: u32,
    pub(super) resolution: u32,
    pub(super) diversity: Option<f64>,
    pub(super) kl: Option<f64>,
    pub(super) switched: bool,
    /// None for biases, which follow the tensor before them.
    pub(super) window: Option<GradientWindow>,
}

/// The AdaPT controller (papers/adapt.md sections 3 to 5).
///
/// Within a step: strategy once; then per tensor lookback, resolution and, if the window is full,
/// PushDown on the master values before the step's update and PushUp; a bias takes the format,
/// lookback and resolution that the tensor before it has then.
#[derive(Debug, Clone)]
pub struct Adapt {
    name: &'static str,
    pub(super) options: AdaptOptions,
    pub(super) infos: Vec<TensorInfo>,
    pub(super) formats: Vec<RoleFormats>,
    pub(super) tensors: Vec<Controlled>,
    pub(super) strategy: StrategyControl,
}

impl Adapt {
    /// A controller of `tensors`, all in the start format.
    ///
    /// # Errors
    /// If an option is out of range, a tensor is empty, or the first tensor is a bias.
    pub fn new(options: AdaptOptions, tensors: &[TensorInfo]) -> Result<Self, PrecisionError> {
        options.check()?;
        check_infos(tensors)?;
        if let Some(first) = tensors.first().filter(|info| info.is_bias) {
            return Err(PrecisionError::BiasFirst(first.name.clone()));
        }
        let controlled = |info: &TensorInfo| Controlled {
            lookback: options.lookback.lower,
            resolution: options.resolution.lower,
            diversity: None,
            kl: None,
            switched: false,
            window: (!info.is_bias).then(|| GradientWindow::new(options.variant, info.elements)),
        };
        Ok(Self {
            name: "adapt",
            infos: tensors.to_vec(),
            formats: vec![RoleFormats::fixed(options.start); tensors.len()],
            tensors: tensors.iter().map(controlled).collect(),
            // The ceiling of the moving average may pass the upper bound by one.
            strategy: StrategyControl::new(options.variant, options.lookback.upper + 1),
            options,
        })
    }

    /// ADEPT: a controller that may switch after any batch, whatever granularity the options have.
    ///
    /// # Errors
    /// As [`Adapt::new`].
    pub fn adept(options: AdaptOptions, tensors: &[TensorInfo]) -> Result<Self, PrecisionError> {
        let options = AdaptOptions { granularity: Granularity::Batch, ..options };
        Ok(Self { name: "adept", ..Self::new(options, tensors)? })
    }

    /// The options in force.
    pub fn options(&self) -> &AdaptOptions {
        &self.options
    }

    /// The strategy in force.
    pub fn strategy(&self) -> Strategy {
        self.strategy.current()
    }

    /// Format ⟨WL, FL⟩ of tensor `index`; `None` for an index out of range.
    pub fn format(&self, index: usize) -> Option<Format> {
        self.formats.get(index)?.weight.fixed()
    }

    fn mean_lookback(&self) -> u32 {
        let sum: u64 = self.tensors.iter().map(|tensor| u64::from(tensor.lookback)).sum();
        (sum / self.tensors.len() as u64) as u32
    }

    /// Adds the gradient of tensor `index` to its window and adapts lookback and resolution.
    fn observe(&mut self, index: usize, gradient: &[f32]) -> Result<(), PrecisionError> {
        let options = &self.options;
        let tensor = &mut self.tensors[index];
        let Some(window) = &mut tensor.window else { return Ok(()) };
        window.add(gradient).map_err(|error| self.infos[index].named(error))?;
        let diversity = window.diversity();
        tensor.diversity = Some(diversity);
        tensor.lookback = next_lookback(
            options.variant,
            diversity,
            tensor.lookback,
            options.lookback,
            options.lookback_momentum,
        );
        tensor.resolution = next_resolution(
            tensor.lookback,
            tensor.resolution,
            options.lookback,
            options.resolution,
        );
        Ok(())
    }

    /// PushDown and PushUp of tensor `index` if its window is full.
    fn switch_if_full(&mut self, index: usize, master: &[f32]) -> Result<(), PrecisionError> {
        let current = self.format(index).unwrap_or(self.options.start);
        let (options, info) = (&self.options, &self.infos[index]);
        let tensor = &mut self.tensors[index];
        let Some(window) = &mut tensor.window else { return Ok(()) };
        if window.count() == 0 || window.count() < tensor.lookback {
            return Ok(());
        }
        let pushed = match options.variant {
            Variant::Paper => {
                let search = PaperSearch {
                    epsilon_kl: options.epsilon_kl,
                    buffer_bits: options.buffer_bits,
                    range: options.push_down_range,
                };
                push_down::paper(master, current, tensor.resolution, search)
            }
            Variant::Released => {
                push_down::released(&master[..info.first_slice_len], current, tensor.resolution)
            }
        };
        let pushed = pushed.map_err(|error| info.named(error))?;
        let format = push_up(
            options.variant,
            window.diversity(),
            pushed.format,
            self.strategy.current(),
            options.buffer_bits,
        )?;
        window.clear();
        // NaN (nothing left inside the range) is no value.
        tensor.kl = (!pushed.loss.is_nan()).then_some(pushed.loss);
        tensor.switched = format != current;
        self.formats[index] = RoleFormats::fixed(format);
        Ok(())
    }

    /// A bias takes over everything from the tensor before it.
    fn follow(&mut self, index: usize) {
        let (before, rest) = self.tensors.split_at_mut(index);
        if let (Some(leader), Some(bias)) = (before.last(), rest.first_mut()) {
            bias.lookback = leader.lookback;
            bias.resolution = leader.resolution;
            bias.diversity = leader.diversity;
            bias.kl = leader.kl;
            bias.switched = leader.switched;
            self.formats[index] = self.formats[index - 1];
        }
    }

    /// Lets `act` treat every tensor that is not a bias, and biases follow.
    fn for_each(
        &mut self,
        views: &[TensorView<'_>],
        act: impl Fn(&mut Self, usize, &TensorView<'_>) -> Result<(), PrecisionError>,
    ) -> Result<Decision, PrecisionError> {
        let before = self.formats.clone();
        for (index, view) in views.iter().enumerate() {
            if self.infos[index].is_bias {
                self.follow(index);
            } else {
                self.tensors[index].switched = false;
                act(self, index, view)?;
            }
        }
        let pairs = before.into_iter().zip(&self.formats).enumerate();
        let switches = pairs
            .filter(|(_, (before, after))| before != *after)
            .map(|(tensor, (before, after))| Switch { tensor, before, after: *after })
            .collect();
        Ok(Decision { switches, ..Decision::default() })
    }
}

impl TensorInfo {
    /// Puts this tensor's name into an error of a building block that does not know it.
    fn named(&self, error: PrecisionError) -> PrecisionError {
        let tensor = self.name.clone();
        match error {
            PrecisionError::Weights => PrecisionError::NotFinite { tensor, what: "master" },
            PrecisionError::NotFinite { what, .. } => PrecisionError::NotFinite { tensor, what },
            other => other,
        }
    }
}

impl PrecisionController for Adapt {
    fn name(&self) -> &'static str {
        self.name
    }

    fn formats(&self) -> &[RoleFormats] {
        &self.formats
    }

    fn update(&mut self, step: &Step<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.infos, step.tensors)?;
        if !step.loss.is_finite() {
            return Err(PrecisionError::Loss(step.loss));
        }
        let mean_lookback = self.mean_lookback();
        self.strategy.observe(step.loss, mean_lookback);
        self.for_each(step.tensors, |controller, index, view| {
            controller.observe(index, view.gradient)?;
            match controller.options.granularity {
                Granularity::Batch => controller.switch_if_full(index, view.master),
                Granularity::Epoch => Ok(()),
            }
        })
    }

    fn end_of_epoch(&mut self, epoch: &EpochEnd<'_>) -> Result<Decision, PrecisionError> {
        if self.options.granularity == Granularity::Batch {
            return Ok(Decision::default());
        }
        check_views(&self.infos, epoch.tensors)?;
        self.for_each(epoch.tensors, |controller, index, view| {
            controller.switch_if_full(index, view.master)
        })
    }

    fn report(&self, tensor: usize) -> ControllerReport {
        let Some(own) = self.tensors.get(tensor) else { return ControllerReport::default() };
        ControllerReport {
            lookback: Some(own.lookback),
            resolution: Some(own.resolution),
            strategy: Some(self.strategy.current()),
            diversity: own.diversity,
            kl: own.kl,
            switched: own.switched,
        }
    }

    fn state(&self) -> ControllerState {
        self.save()
    }

    fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError> {
        check_name(self.name(), state)?;
        let controller = self.name;
        let loaded = self.load(state);
        loaded.map_err(|reason| PrecisionError::State { controller, reason })
    }
}

#[cfg(test)]
#[path = "adapt_tests.rs"]
mod tests;
