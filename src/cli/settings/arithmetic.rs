//! Settings of the arithmetic and the machine.

use super::controller::QUANTISED;
use super::gradient_scale::GradientScale;
use super::random_source::{DEFAULT_LFSR_WIDTH, RandomSettings, RandomSourceKind};
use crate::network::{BackwardArithmetic, GradientFormat};
use crate::setting::{Given, Need, Refusal, Setting, Unmet, named, text, whole, word};
use crate::train::RoundingOptions;
use hwmodel::machine::Machine;
use hwmodel::number::format::MAX_WORD_LENGTH;
use hwmodel::random::{RandomBits, RandomSource};
use hwmodel::{Accumulator, AccumulatorWidth, Overflow, Rounding};
use serde::{Deserialize, Serialize};

const WORD_LENGTHS: (i64, i64) = (1, MAX_WORD_LENGTH as i64);

/// Which arithmetic the backward products have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackwardKind {
    /// Float32.
    Float32,
    /// Exact integers on the MAC array.
    Fixed,
}

fn roundings() -> Vec<&'static str> {
    Rounding::NAMES.to_vec()
}

fn overflows() -> Vec<&'static str> {
    Overflow::NAMES.to_vec()
}

/// Rounding of weights and biases.
pub const ROUNDING_WEIGHTS: Setting<Rounding> = named(
    "rounding-weights",
    "Rounding of weights and biases; shen has nearest-even without this flag",
    roundings,
)
.default(|| RoundingOptions::default().weights)
.needs(&[QUANTISED]);

/// Rounding of activations in training.
pub const ROUNDING_ACTIVATIONS: Setting<Rounding> = named(
    "rounding-activations",
    "Rounding of activations and accumulators in training; shen has nearest-even without this flag",
    roundings,
)
.default(|| RoundingOptions::default().activations)
.needs(&[QUANTISED]);

/// Rounding of weight gradients.
pub const ROUNDING_GRADIENTS: Setting<Rounding> =
    named("rounding-gradients", "Rounding of weight gradients", roundings)
        .default(|| RoundingOptions::default().gradients)
        .needs(&[QUANTISED]);

/// Rounding in evaluation.
pub const ROUNDING_EVALUATION: Setting<Rounding> = named(
    "rounding-evaluation",
    "Rounding of activations and accumulators in evaluation",
    roundings,
)
.aliases(&["rounding-eval"])
.default(|| RoundingOptions::default().evaluation)
.needs(&[QUANTISED]);

/// Only stochastic rounding takes random numbers.
const STOCHASTIC: Need = Need::Other(|given| {
    let roundings =
        [ROUNDING_WEIGHTS, ROUNDING_ACTIVATIONS, ROUNDING_GRADIENTS, ROUNDING_EVALUATION]
            .map(|setting| setting.unchecked(given));
    let found = format!("--rounding-weights {}", roundings[0].map_or("", Rounding::name));
    let needs = "a rounding that is `stochastic`".to_owned();
    let stochastic = roundings.contains(&Some(Rounding::Stochastic));
    (!stochastic).then_some(Unmet::Value { needs, found })
});
const OF_LFSR: &[Need] = &[QUANTISED, STOCHASTIC, Need::Is("random-source", &["lfsr"])];

/// Generator of random numbers.
pub const RANDOM_SOURCE: Setting<RandomSourceKind> = word(
    "random-source",
    "Generator of the random numbers of stochastic rounding: PCG, or the linear-feedback shift register of a circuit",
)
.default(|| RandomSourceKind::Pcg)
.needs(&[QUANTISED, STOCHASTIC]);

/// Bits of a random number.
pub const RANDOM_BITS: Setting<u8> = whole(
    "random-bits",
    "Bits of a random number r in ⌊v + r/2^bits⌋",
    (1, RandomBits::MOST as i64),
)
.placeholder("BITS")
.default_words(
    "pcg 24 for floats and as many as are dropped for integers, lfsr 16 or the register's",
)
.needs(&[QUANTISED, STOCHASTIC]);

/// Bits of the register.
pub const LFSR_WIDTH: Setting<u8> = whole(
    "lfsr-width",
    "lfsr: bits of the register, which has a primitive polynomial for each width",
    (8, 32),
)
.placeholder("BITS")
.default(|| DEFAULT_LFSR_WIDTH)
.needs(OF_LFSR);

/// Clocks of the register.
pub const LFSR_STEPS: Setting<u8> = whole(
    "lfsr-steps",
    "lfsr: clocks of the register for each rounding; 1 is the smallest circuit, whose successive numbers share bits",
    (1, 64),
)
.default_words("random-bits")
.needs(OF_LFSR);

/// Overflow of words.
pub const OVERFLOW: Setting<Overflow> = named(
    "overflow",
    "What a value outside its format does, by its name or as ap_fixed and ac_fixed call it; wrap:N and wrap-sm:N saturate N bits",
    overflows,
)
    .default(|| Overflow::Saturate)
    .needs(&[QUANTISED]);

/// Width of the accumulator.
pub const ACCUMULATOR: Setting<AccumulatorWidth> =
    text("accumulator", "Accumulator width in bits, or `exact` for one that cannot overflow")
        .placeholder("BITS")
        .aliases(&["acc"])
        .range("1 to 64, exact")
        .default_words("the machine's")
        .needs(&[QUANTISED])
        .example("24");

/// Overflow of the accumulator.
pub const ACCUMULATOR_OVERFLOW: Setting<Overflow> = named(
    "accumulator-overflow",
    "What an addition outside the accumulator does; needs --accumulator",
    overflows,
)
.default(|| Overflow::Saturate)
.needs(&[QUANTISED, Need::With(&["accumulator"])]);

/// The machine.
pub const MACHINE: Setting<String> =
    text("machine", "Machine to simulate: the name of a shipped one, or a TOML file")
        .aliases(&["device", "hardware"])
        .default(|| Machine::DEFAULT.to_owned())
        .example("tpu-like-256x256");

/// Arithmetic of the backward products.
pub const BACKWARD: Setting<BackwardKind> = word(
    "backward",
    "Arithmetic of the two backward products: float32, or exact integers on the MAC array, which muppet and shen have without \
     this flag",
)
.default(|| BackwardKind::Float32)
.needs(&[QUANTISED])
.neutral("float32");

const OF_FIXED: &[Need] = &[QUANTISED, Need::Is("backward", &["fixed"])];

/// Word length of gradients.
pub const GRADIENT_WL: Setting<u32> =
    whole("gradient-wl", "backward fixed: word length of gradients in bits", WORD_LENGTHS)
        .placeholder("BITS")
        .default_words("that of the layer's gradient format")
        .needs(OF_FIXED);

/// Word length of gradients in the grad-input product.
pub const GRAD_INPUT_WL: Setting<u32> = whole(
    "grad-input-wl",
    "backward fixed: word length in bits of the gradients that enter and leave the grad-input product alone",
    WORD_LENGTHS,
)
.placeholder("BITS")
.default_words("gradient-wl")
.needs(OF_FIXED);

/// Word length of gradients in the grad-weight product.
pub const GRAD_WEIGHT_WL: Setting<u32> = whole(
    "grad-weight-wl",
    "backward fixed: word length in bits of the gradients that enter and leave the grad-weight product alone",
    WORD_LENGTHS,
)
.placeholder("BITS")
.default_words("gradient-wl")
.needs(OF_FIXED);

/// Fractional length of gradients.
pub const GRADIENT_FL: Setting<GradientScale> = text(
    "gradient-fl",
    "backward fixed: fractional length of gradients in bits, or `auto` for one a tensor, chosen so that its extremes just fit",
)
.placeholder("BITS")
.range("-64 to 64, auto")
.default(|| GradientScale::Auto)
.needs(OF_FIXED)
.example("-5");

pub(super) const SETTINGS: super::table::Group = (
    "Arithmetic and machine",
    &[
        &ROUNDING_WEIGHTS,
        &ROUNDING_ACTIVATIONS,
        &ROUNDING_GRADIENTS,
        &ROUNDING_EVALUATION,
        &RANDOM_SOURCE,
        &RANDOM_BITS,
        &LFSR_WIDTH,
        &LFSR_STEPS,
        &OVERFLOW,
        &ACCUMULATOR,
        &ACCUMULATOR_OVERFLOW,
        &MACHINE,
        &BACKWARD,
        &GRADIENT_WL,
        &GRAD_INPUT_WL,
        &GRAD_WEIGHT_WL,
        &GRADIENT_FL,
    ],
);

pub(super) fn rounding(given: &dyn Given) -> Result<RoundingOptions, Refusal> {
    Ok(RoundingOptions {
        weights: ROUNDING_WEIGHTS.get(given)?,
        activations: ROUNDING_ACTIVATIONS.get(given)?,
        gradients: ROUNDING_GRADIENTS.get(given)?,
        evaluation: ROUNDING_EVALUATION.get(given)?,
    })
}

pub(super) fn random(given: &dyn Given) -> Result<RandomSource, Refusal> {
    let kind = RANDOM_SOURCE.get(given)?;
    let settings = RandomSettings {
        bits: RANDOM_BITS.optional(given)?,
        width: LFSR_WIDTH.optional(given)?,
        steps: LFSR_STEPS.optional(given)?,
    };
    if let (RandomSourceKind::Lfsr, Some(width), Some(bits)) = (kind, settings.width, settings.bits)
        && bits > width
    {
        let allowed = format!("at most {width}, the bits of the register (`lfsr-width`)");
        return Err(RANDOM_BITS.refuse(bits, allowed));
    }
    let source = settings.source(kind);
    source.map_err(|error| RANDOM_SOURCE.refuse(kind.name(), error.to_string()))
}

pub(super) fn accumulator(given: &dyn Given) -> Result<Option<Accumulator>, Refusal> {
    let overflow = ACCUMULATOR_OVERFLOW.get(given)?;
    Ok(ACCUMULATOR.optional(given)?.map(|width| Accumulator::new(width, overflow)))
}

pub(super) fn backward(given: &dyn Given) -> Result<BackwardArithmetic, Refusal> {
    Ok(match BACKWARD.get(given)? {
        BackwardKind::Float32 => BackwardArithmetic::Float32,
        BackwardKind::Fixed => BackwardArithmetic::Fixed(GradientFormat {
            wl: GRADIENT_WL.optional(given)?,
            grad_input_wl: GRAD_INPUT_WL.optional(given)?,
            grad_weight_wl: GRAD_WEIGHT_WL.optional(given)?,
            fl: GRADIENT_FL.get(given)?.fl(),
            rounding: ROUNDING_GRADIENTS.get(given)?,
        }),
    })
}
