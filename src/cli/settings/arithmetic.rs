//! Settings of the arithmetic and the machine.

use super::controller::QUANTISED;
use super::gradient_scale::GradientScale;
use super::random_source::{DEFAULT_LFSR_WIDTH, RandomSettings, RandomSourceKind};
use crate::network::{BackwardArithmetic, GradientFormat};
use crate::setting::{Given, Need, Refusal, Setting, Unmet, named, switch, text, whole, word};
use crate::train::RoundingOptions;
use hwmodel::machine::Machine;
use hwmodel::number::accumulator::{AccumulatorKeys, BiasOrder, Cast, StoredSums};
use hwmodel::number::format::MAX_WORD_LENGTH;
use hwmodel::random::{RandomBits, RandomSource};
use hwmodel::{Accumulator, AccumulatorWidth, BitWidth, Overflow, Rounding};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

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

/// The modes that an accumulator can have.
fn deterministic() -> Vec<&'static str> {
    let modes = Rounding::ALL.iter().filter(|&&mode| mode != Rounding::Stochastic);
    modes.map(|mode| mode.name()).collect()
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

/// Every part of an accumulator needs its width.
const OF_ACCUMULATOR: &[Need] = &[QUANTISED, Need::With(&["accumulator"])];
const OF_INNER: &[Need] =
    &[QUANTISED, Need::With(&["accumulator"]), Need::With(&["accumulator-inner-terms"])];
const OF_TILES: &[Need] = &[
    QUANTISED,
    Need::With(&["accumulator"]),
    Need::With(&["accumulator-tile-terms"]),
    Need::With(&["accumulator-tile-width"]),
];
/// Above every sensible number of products or tiles.
const MOST_TERMS: i64 = 1 << 31;

/// Fractional length of the accumulator.
pub const ACCUMULATOR_FL: Setting<i32> =
    whole("accumulator-fl", "Fractional length of the accumulator in bits", (-64, 64))
        .placeholder("BITS")
        .default_words("that of the products, FLa + FLb")
        .needs(OF_ACCUMULATOR);

/// Rounding in the accumulator.
pub const ACCUMULATOR_ROUNDING: Setting<Rounding> =
    named("accumulator-rounding", "Rounding where the accumulator drops bits", deterministic)
        .default_words("floor")
        .needs(&[QUANTISED, Need::With(&["accumulator"]), Need::With(&["accumulator-fl"])]);

/// Place of the accumulator's cast.
pub const ACCUMULATOR_CAST: Setting<Cast> = word(
    "accumulator-cast",
    "What is rounded and limited: each term before it is added, or the sum",
)
.default_words("term with accumulator-fl, else sum")
.needs(OF_ACCUMULATOR);

/// Place of the bias.
pub const ACCUMULATOR_BIAS: Setting<BiasOrder> = word(
    "accumulator-bias",
    "Whether the bias is added last, or is the value that the accumulator begins with",
)
.default_words("last")
.needs(OF_ACCUMULATOR);

/// Products of a block.
pub const ACCUMULATOR_INNER_TERMS: Setting<u32> = whole(
    "accumulator-inner-terms",
    "Products that an inner accumulator sums before their sum is added to the outer one",
    (1, MOST_TERMS),
)
.default_words("no inner accumulator")
.needs(OF_ACCUMULATOR);

/// Width of the inner accumulator.
pub const ACCUMULATOR_INNER_WIDTH: Setting<AccumulatorWidth> =
    text("accumulator-inner-width", "Width of the inner accumulator in bits, or `exact`")
        .placeholder("BITS")
        .range("1 to 64, exact")
        .default_words("exact")
        .needs(OF_INNER)
        .example("16");

/// Overflow of the inner accumulator.
pub const ACCUMULATOR_INNER_OVERFLOW: Setting<Overflow> = named(
    "accumulator-inner-overflow",
    "What an addition outside the inner accumulator does; needs --accumulator-inner-width",
    overflows,
)
.default_words("saturate")
.needs(&[
    QUANTISED,
    Need::With(&["accumulator"]),
    Need::With(&["accumulator-inner-terms"]),
    Need::With(&["accumulator-inner-width"]),
]);

/// Products of a K-tile.
pub const ACCUMULATOR_TILE_TERMS: Setting<u32> = whole(
    "accumulator-tile-terms",
    "Products of a K-tile, after which the partial sum is stored in accumulator-tile-width bits",
    (1, MOST_TERMS),
)
.default_words("sums are not stored")
.needs(&[QUANTISED, Need::With(&["accumulator"]), Need::With(&["accumulator-tile-width"])]);

/// Width of a stored sum.
pub const ACCUMULATOR_TILE_WIDTH: Setting<u32> =
    whole("accumulator-tile-width", "Width of a stored partial sum in bits", (1, 64))
        .placeholder("BITS")
        .default_words("sums are not stored")
        .needs(&[QUANTISED, Need::With(&["accumulator"]), Need::With(&["accumulator-tile-terms"])]);

/// Bits that a stored sum leaves out.
pub const ACCUMULATOR_TILE_SHIFT: Setting<u32> = whole(
    "accumulator-tile-shift",
    "Low bits that a stored partial sum leaves out",
    (0, StoredSums::MOST_SHIFT as i64),
)
.placeholder("BITS")
.default_words("0")
.needs(OF_TILES);

/// Rounding of stored sums.
pub const ACCUMULATOR_TILE_ROUNDING: Setting<Rounding> = named(
    "accumulator-tile-rounding",
    "Rounding of the bits that a stored partial sum leaves out",
    deterministic,
)
.default_words("nearest-even")
.needs(OF_TILES);

/// Tiles of a group.
pub const ACCUMULATOR_TILE_GROUP: Setting<u32> = whole(
    "accumulator-tile-group",
    "Tiles of a group, of which the first takes all stored sums with it; 0 adds them at the end",
    (0, MOST_TERMS),
)
.default_words("1")
.needs(OF_TILES);

/// Whether the last tile is stored.
pub const ACCUMULATOR_TILE_LAST_EXACT: Setting<bool> =
    switch("accumulator-tile-last-exact", "Add the last tile without storing it", None)
        .default_words("off")
        .needs(OF_TILES);

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
        &ACCUMULATOR_FL,
        &ACCUMULATOR_ROUNDING,
        &ACCUMULATOR_CAST,
        &ACCUMULATOR_BIAS,
        &ACCUMULATOR_INNER_TERMS,
        &ACCUMULATOR_INNER_WIDTH,
        &ACCUMULATOR_INNER_OVERFLOW,
        &ACCUMULATOR_TILE_TERMS,
        &ACCUMULATOR_TILE_WIDTH,
        &ACCUMULATOR_TILE_SHIFT,
        &ACCUMULATOR_TILE_ROUNDING,
        &ACCUMULATOR_TILE_GROUP,
        &ACCUMULATOR_TILE_LAST_EXACT,
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
    let Some(width) = ACCUMULATOR.optional(given)? else { return Ok(None) };
    let terms = |setting: Setting<u32>| Ok(setting.optional(given)?.and_then(NonZeroU32::new));
    let width_of_tiles = ACCUMULATOR_TILE_WIDTH.optional(given)?;
    let keys = AccumulatorKeys {
        fl: ACCUMULATOR_FL.optional(given)?,
        rounding: ACCUMULATOR_ROUNDING.optional(given)?,
        cast: ACCUMULATOR_CAST.optional(given)?,
        bias: ACCUMULATOR_BIAS.optional(given)?,
        inner_terms: terms(ACCUMULATOR_INNER_TERMS)?,
        inner_width: ACCUMULATOR_INNER_WIDTH.optional(given)?,
        inner_overflow: ACCUMULATOR_INNER_OVERFLOW.optional(given)?,
        tile_terms: terms(ACCUMULATOR_TILE_TERMS)?,
        tile_width: width_of_tiles.and_then(|bits| BitWidth::new(bits).ok()),
        tile_shift: ACCUMULATOR_TILE_SHIFT.optional(given)?,
        tile_rounding: ACCUMULATOR_TILE_ROUNDING.optional(given)?,
        tile_group: ACCUMULATOR_TILE_GROUP.optional(given)?,
        tile_last_exact: ACCUMULATOR_TILE_LAST_EXACT.optional(given)?,
    };
    let accumulator = keys.over(Accumulator::new(width, overflow));
    accumulator.map(Some).map_err(|error| {
        let setting = match error.key() {
            "rounding" => ACCUMULATOR_ROUNDING,
            _ => ACCUMULATOR_TILE_ROUNDING,
        };
        setting.refuse("stochastic", error.to_string())
    })
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
