//! `--accumulator` and the flags of its levels.

use super::named;
use crate::cli::errors::Failure;
use anyhow::anyhow;
use hwmodel::machine::Machine;
use hwmodel::number::accumulator::{
    AccumulatorKeys, AccumulatorKeysError, AccumulatorWidth, BiasOrder, Cast,
};
use hwmodel::{Accumulator, BitWidth, Overflow, Rounding};
use std::num::NonZeroU32;
use std::str::FromStr as _;

/// The accumulator of a command that computes sums.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct AccumulatorArguments {
    /// Accumulator width in bits (1 to 64) or `exact` [default: the model's own; exact without a model].
    #[arg(long, alias = "acc", value_name = "BITS")]
    pub(in crate::cli) accumulator: Option<AccumulatorWidth>,
    /// What an addition outside the accumulator's range does, by its name or as ap_fixed calls it; wrap:N and wrap-sm:N saturate
    /// N bits [default: the model's own; saturate without a model].
    #[arg(long, value_name = "WORD", value_parser = named(Overflow::NAMES.to_vec(), Overflow::from_str))]
    pub(in crate::cli) accumulator_overflow: Option<Overflow>,
    #[command(flatten)]
    pub(in crate::cli) levels: LevelArguments,
}

/// The parts of an accumulator beyond width and overflow; docs/accumulators.md explains them.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct LevelArguments {
    /// Fractional length of the accumulator in bits [default: that of the products, FLa + FLb].
    #[arg(long, value_name = "BITS", allow_negative_numbers = true)]
    accumulator_fl: Option<i32>,
    /// Rounding where the accumulator drops bits; needs --accumulator-fl [default: floor].
    #[arg(long, value_name = "WORD", value_parser = named(roundings(), Rounding::from_str))]
    accumulator_rounding: Option<Rounding>,
    /// What is rounded and limited: each `term` before it is added, or the `sum` [default: term with
    /// --accumulator-fl, else sum].
    #[arg(long, value_name = "WORD")]
    accumulator_cast: Option<Cast>,
    /// Whether the bias is added `last`, or is the value that the accumulator begins with, `first` [default: last].
    #[arg(long, value_name = "WORD")]
    accumulator_bias: Option<BiasOrder>,
    /// Products that an inner accumulator sums before their sum is added to the outer one.
    #[arg(long, value_name = "N")]
    accumulator_inner_terms: Option<NonZeroU32>,
    /// Width of the inner accumulator in bits (1 to 64) or `exact` [default: exact].
    #[arg(long, value_name = "BITS")]
    accumulator_inner_width: Option<AccumulatorWidth>,
    /// What an addition outside the inner accumulator's range does [default: saturate].
    #[arg(long, value_name = "WORD", value_parser = named(Overflow::NAMES.to_vec(), Overflow::from_str))]
    accumulator_inner_overflow: Option<Overflow>,
    /// Products of a K-tile, after which the partial sum is stored in --accumulator-tile-width bits.
    #[arg(long, value_name = "N")]
    accumulator_tile_terms: Option<NonZeroU32>,
    /// Width of a stored partial sum in bits, 1 to 64.
    #[arg(long, value_name = "BITS", value_parser = bit_width)]
    accumulator_tile_width: Option<BitWidth>,
    /// Low bits that a stored partial sum leaves out [default: 0].
    #[arg(long, value_name = "BITS")]
    accumulator_tile_shift: Option<u32>,
    /// Rounding of these bits [default: nearest-even].
    #[arg(long, value_name = "WORD", value_parser = named(roundings(), Rounding::from_str))]
    accumulator_tile_rounding: Option<Rounding>,
    /// Tiles of a group: the first tile of each takes all stored sums with it; 0 adds them at the end [default: 1].
    #[arg(long, value_name = "N")]
    accumulator_tile_group: Option<u32>,
    /// Add the last tile without storing it.
    #[arg(long)]
    accumulator_tile_last_exact: bool,
}

/// The modes that an accumulator can have.
fn roundings() -> Vec<&'static str> {
    let modes = Rounding::ALL.iter().filter(|&&mode| mode != Rounding::Stochastic);
    modes.map(|mode| mode.name()).collect()
}

fn bit_width(text: &str) -> Result<BitWidth, String> {
    let bits = text.parse().map_err(|_| format!("`{text}` is not a number of bits"))?;
    BitWidth::new(bits).map_err(|error| error.to_string())
}

/// The flag of a key of an accumulator.
pub(in crate::cli) fn flag(key: &str) -> String {
    format!("accumulator-{}", key.replace('_', "-"))
}

/// What is wrong with the keys of an accumulator, in flags.
pub(in crate::cli) fn explained(error: AccumulatorKeysError) -> String {
    match error {
        AccumulatorKeysError::Needs { key, needs } => {
            format!("`--{}` needs `--{}`", flag(key), flag(needs))
        }
        AccumulatorKeysError::Impossible { key, reason } => format!("`--{}`: {reason}", flag(key)),
    }
}

impl LevelArguments {
    fn keys(&self) -> AccumulatorKeys {
        AccumulatorKeys {
            fl: self.accumulator_fl,
            rounding: self.accumulator_rounding,
            cast: self.accumulator_cast,
            bias: self.accumulator_bias,
            inner_terms: self.accumulator_inner_terms,
            inner_width: self.accumulator_inner_width,
            inner_overflow: self.accumulator_inner_overflow,
            tile_terms: self.accumulator_tile_terms,
            tile_width: self.accumulator_tile_width,
            tile_shift: self.accumulator_tile_shift,
            tile_rounding: self.accumulator_tile_rounding,
            tile_group: self.accumulator_tile_group,
            tile_last_exact: self.accumulator_tile_last_exact.then_some(true),
        }
    }

    /// The accumulator `own` with what these flags change of it.
    ///
    /// # Errors
    /// If a flag lacks another, or the accumulator cannot have a value.
    pub(in crate::cli) fn over(&self, own: Accumulator) -> Result<Accumulator, Failure> {
        self.keys().over(own).map_err(|error| Failure::usage(anyhow!(explained(error))))
    }

    /// Whether none is given.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.keys().given().next().is_none()
    }
}

impl AccumulatorArguments {
    /// The accumulator `own` with what these flags change of it.
    ///
    /// # Errors
    /// If an overflow policy is given for an exact accumulator, which never overflows, or the flags do not fit each other.
    pub(in crate::cli) fn over(&self, own: Accumulator) -> Result<Accumulator, Failure> {
        let width = self.accumulator.unwrap_or(own.width);
        let outer = match (width, self.accumulator_overflow) {
            (AccumulatorWidth::Exact, Some(overflow)) => {
                return Err(Failure::usage(anyhow!(
                    "`--accumulator-overflow {overflow}` has no effect, since the accumulator is exact: add `--accumulator BITS` or leave it out"
                )));
            }
            (_, overflow) => {
                Accumulator { width, overflow: overflow.unwrap_or(own.overflow), ..own }
            }
        };
        self.levels.over(outer)
    }

    /// The flags that are given, for messages.
    pub(in crate::cli) fn given(&self) -> impl Iterator<Item = &'static str> {
        let width = self.accumulator.map(|_| "accumulator");
        let overflow = self.accumulator_overflow.map(|_| "accumulator-overflow");
        let levels = (!self.levels.is_empty()).then_some("accumulator-...");
        width.into_iter().chain(overflow).chain(levels)
    }
}

/// The accumulator of a command that computes costs, which overflow does not change.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct AccumulatorCostArguments {
    /// Accumulator width in bits (1 to 64) or `exact` [default: that of the run that is replayed, else each machine's own].
    #[arg(long, alias = "acc", value_name = "BITS")]
    pub(in crate::cli) accumulator: Option<AccumulatorWidth>,
    #[command(flatten)]
    pub(in crate::cli) levels: LevelArguments,
}

impl AccumulatorCostArguments {
    /// The accumulator asked for on `machine`: one of the width given, or else its own, with the levels given; `None` if
    /// nothing is asked for.
    ///
    /// # Errors
    /// If a flag lacks another, or the accumulator cannot have a value.
    pub(in crate::cli) fn on(&self, machine: &Machine) -> Result<Option<Accumulator>, Failure> {
        if self.accumulator.is_none() && self.levels.is_empty() {
            return Ok(None);
        }
        let base = match self.accumulator {
            Some(width) => Accumulator::new(width, Overflow::default()),
            None => machine.accumulator(),
        };
        self.levels.over(base).map(Some)
    }
}
