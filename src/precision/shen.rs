//! Shen, Lai and Zhang 2024: one word length a layer, chosen before training by a factor of its matrix
//! products (papers/shen2024.md).
//!
//! Weights and gradients of a layer, and the activations that enter it, have the word length b(l) in all three
//! products, each tensor with its own scale. Results, biases and batch norms, which the paper leaves in float32, have one
//! longer word length (section 2.3). The factors need no network: A is the length of the first output slice of a weight,
//! F the uses of its elements, D its place.

mod bit_range;

pub use bit_range::{BitRange, BitRangeError};
use hwmodel::cast::exact;

use super::constant::Constant;
use super::options::ControllerDescription;
use super::{
    ControllerOptions, NumberFormat, PrecisionController, PrecisionError, RoleFormats, TensorInfo,
};
use crate::setting::common::SEED;
use crate::setting::{Given, Refusal, Setting, text, whole, word};
use hwmodel::Format;
use hwmodel::number::format::MAX_WORD_LENGTH;
use hwmodel::random;
use serde::{Deserialize, Serialize};

/// The factor that sets the word length of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Factor {
    /// Terms of one output of the forward product.
    A,
    /// Uses of one weight for one image in the forward product.
    F,
    /// Place in the network.
    D,
}

/// The rule from factor to word length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BitStrategy {
    /// The middle of the range for every layer.
    U,
    /// More bits for a larger factor.
    #[serde(rename = "C+")]
    CPlus,
    /// Fewer bits for a larger factor.
    #[serde(rename = "C-")]
    CMinus,
    /// Uniform at random.
    R,
}

/// Unit in which D counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Changes of F passed; a layer that uses its weights once, the classifier, counts with the stage
    /// before it.
    Stage,
    /// Layers passed.
    Layer,
}

/// Options of Shen et al.'s factors; the defaults are the paper's recommendation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShenOptions {
    /// The factor.
    pub factor: Factor,
    /// The strategy.
    pub strategy: BitStrategy,
    /// Smallest word length in bits.
    pub lowest: u32,
    /// Largest word length in bits.
    pub highest: u32,
    /// Unit in which D counts.
    pub depth: Depth,
    /// Word length in bits of results, biases and normalisations, 1 to 32.
    pub output_wl: u32,
    /// Seed of strategy R.
    pub seed: u64,
}

impl Default for ShenOptions {
    fn default() -> Self {
        Self {
            factor: Factor::A,
            strategy: BitStrategy::CMinus,
            lowest: 4,
            highest: 8,
            depth: Depth::Stage,
            output_wl: 16,
            seed: 1,
        }
    }
}

const FACTOR: Setting<Factor> = word(
    "factor",
    "shen: factor that sets the word lengths: length of accumulation A, frequency F with which weights are used, or depth D",
)
.default(|| ShenOptions::default().factor);

const STRATEGY: Setting<BitStrategy> = word(
    "strategy",
    "shen: how: the same everywhere U, more with the factor C+, fewer with it C-, at random R",
)
.default(|| ShenOptions::default().strategy);

const BITS: Setting<BitRange> =
    text("bits", "shen: smallest and largest word length in bits, as in 4..8")
        .placeholder("LO..HI")
        .range("1 to 32")
        .default(|| {
            let ShenOptions { lowest, highest, .. } = ShenOptions::default();
            BitRange { lower: lowest, upper: highest }
        });

const DEPTH: Setting<Depth> =
    word("depth", "shen: depth D by stages of equal resolution or by layers")
        .default(|| ShenOptions::default().depth);

const OUTPUT_WL: Setting<u32> = whole(
    "output-wl",
    "shen: word length of results, biases and batch norms in bits",
    (1, MAX_WORD_LENGTH as i64),
)
.placeholder("BITS")
.default(|| ShenOptions::default().output_wl);

/// The controller and its settings. By default the rest is as in papers/shen2024.md sections 2.4 and 4: SGD with momentum
/// and weight decay, rounding to nearest, every operand of all three products in fixed point.
pub const DESCRIPTION: ControllerDescription = ControllerDescription {
    name: "shen",
    heading: "MuPPET and Shen et al. 2024",
    settings: &[&FACTOR, &STRATEGY, &BITS, &DEPTH, &OUTPUT_WL],
    defaults: &[
        ("rounding-weights", "nearest-even"),
        ("rounding-activations", "nearest-even"),
        ("normalise-gradients", "off"),
        ("l1", "0"),
        ("l2", "0.0001"),
        ("backward", "fixed"),
    ],
    options: |given| Ok(ControllerOptions::Shen(options(given)?)),
};

fn options(given: &dyn Given) -> Result<ShenOptions, Refusal> {
    let bits = BITS.get(given)?;
    Ok(ShenOptions {
        factor: FACTOR.get(given)?,
        strategy: STRATEGY.get(given)?,
        lowest: bits.lower,
        highest: bits.upper,
        depth: DEPTH.get(given)?,
        output_wl: OUTPUT_WL.get(given)?,
        seed: SEED.get(given)?,
    })
}

pub(super) fn build(
    options: &ShenOptions,
    tensors: &[TensorInfo],
) -> Result<Box<dyn PrecisionController>, PrecisionError> {
    Ok(Box::new(options.controller(tensors)?))
}

/// Separates the random numbers of strategy R from all others.
const PATH: u64 = 0x0073_6865_6e00_0001;

/// A weight tensor as the factors see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightUse {
    /// Terms of one output of the forward product, K.
    pub terms: u64,
    /// Uses of one element for one image.
    pub uses: u64,
}

/// Word lengths in bits of layers in forward order (papers/shen2024.md section 2.2, level ranking).
///
/// With q distinct values of the factor, the r-th smallest (from 0) gets
/// ⌊lo + (hi - lo)·r/(q - 1) + ½⌋ bits under C+, lo + hi minus that under C-. U, and a factor of one value, give
/// ⌊(lo + hi)/2⌋. The order of the layers matters for D alone.
///
/// # Errors
/// If the range is not 1 ≤ lo ≤ hi ≤ 32.
pub fn bits_of_layers(
    options: &ShenOptions,
    layers: &[WeightUse],
) -> Result<Vec<u32>, PrecisionError> {
    let (lowest, highest) = (options.lowest, options.highest);
    if lowest == 0 || lowest > highest || highest > MAX_WORD_LENGTH {
        let allowed = format!("1 ≤ LO ≤ HI ≤ {MAX_WORD_LENGTH}");
        return Err(PrecisionError::option("bits", format!("{lowest}..{highest}"), allowed));
    }
    let values: Vec<u64> = match (options.factor, options.depth) {
        (Factor::A, _) => layers.iter().map(|layer| layer.terms).collect(),
        (Factor::F, _) => layers.iter().map(|layer| layer.uses).collect(),
        (Factor::D, Depth::Layer) => (1..=layers.len() as u64).collect(),
        (Factor::D, Depth::Stage) => stages(layers),
    };
    let mut levels = values.clone();
    levels.sort_unstable();
    levels.dedup();
    let middle = lowest.midpoint(highest);
    let last = levels.len().saturating_sub(1) as u64;
    let span = u64::from(highest - lowest);
    // ⌊span·r/last + ½⌋ in integers.
    let rising = |value: &u64| match levels.binary_search(value) {
        Ok(rank) if last > 0 => lowest + exact::<u32>((2 * span * rank as u64 + last) / (2 * last)),
        _ => middle,
    };
    let mut generator = random::generator(options.seed, &[PATH]);
    let bits = values.iter().map(|value| match options.strategy {
        BitStrategy::U => middle,
        BitStrategy::CPlus => rising(value),
        BitStrategy::CMinus if last == 0 => middle,
        BitStrategy::CMinus => lowest + highest - rising(value),
        BitStrategy::R => lowest + random::below(&mut generator, exact::<u32>(span) + 1),
    });
    Ok(bits.collect())
}

/// Stage of every layer, from 1.
fn stages(layers: &[WeightUse]) -> Vec<u64> {
    let (mut stage, mut before) = (1, None);
    let stage_of = |layer: &WeightUse| {
        if before.is_some_and(|uses| uses != layer.uses) && layer.uses > 1 {
            stage += 1;
        }
        before = Some(layer.uses).filter(|&uses| uses > 1).or(before);
        stage
    };
    layers.iter().map(stage_of).collect()
}

impl ShenOptions {
    /// A controller of `tensors` whose formats are chosen once.
    ///
    /// # Errors
    /// If an option is impossible or a tensor is empty.
    pub fn controller(&self, tensors: &[TensorInfo]) -> Result<Constant, PrecisionError> {
        Format::new(self.output_wl, 0)?;
        let long = NumberFormat::DynamicFixed { wl: self.output_wl };
        let weights = tensors.iter().filter(|info| !info.is_bias);
        let uses: Vec<WeightUse> = weights
            .map(|info| WeightUse { terms: info.first_slice_len as u64, uses: info.uses })
            .collect();
        let mut bits = bits_of_layers(self, &uses)?.into_iter();
        let formats = tensors.iter().map(|info| {
            let own = (!info.is_bias).then(|| bits.next()).flatten();
            own.map_or(RoleFormats::all(long), |wl| RoleFormats {
                output: Some(long),
                ..RoleFormats::all(NumberFormat::DynamicFixed { wl })
            })
        });
        Constant::new("shen", tensors, formats.collect())
    }
}

#[cfg(test)]
mod tests;
