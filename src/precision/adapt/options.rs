//! Options of AdaPT, and the settings that they come from.

use crate::precision::edf::MAX_RESOLUTION;
use crate::precision::options::ControllerDescription;
use crate::precision::push_down::PushDownRange;
use crate::precision::shared_settings::{FL, START, VARIANT, WL, format};
use crate::precision::{Bounds, ControllerOptions, PrecisionError, Variant};
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
pub(in crate::precision) const SETTINGS_OF_ADEPT: &[&dyn Described] = &[
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

/// Builds the options from settings.
pub(in crate::precision) fn options(given: &dyn Given) -> Result<AdaptOptions, Refusal> {
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

/// The values of the settings that give `options`.
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

/// Options of [`Adapt`](super::Adapt); the defaults are the paper's values with ε_KL = 1e-2 and the released
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
