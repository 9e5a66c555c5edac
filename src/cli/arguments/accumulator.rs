//! `--accumulator` and `--accumulator-overflow`.

use super::named;
use crate::cli::errors::Failure;
use anyhow::anyhow;
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, Overflow};
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
}

impl AccumulatorArguments {
    /// The accumulator `own` with what these flags change of it.
    ///
    /// # Errors
    /// If an overflow policy is given for an exact accumulator, which never overflows.
    pub(in crate::cli) fn over(&self, own: Accumulator) -> Result<Accumulator, Failure> {
        let width = self.accumulator.unwrap_or(own.width);
        match (width, self.accumulator_overflow) {
            (AccumulatorWidth::Exact, Some(overflow)) => Err(Failure::usage(anyhow!(
                "`--accumulator-overflow {overflow}` has no effect, since the accumulator is exact: add `--accumulator BITS` or leave it out"
            ))),
            (_, overflow) => Ok(Accumulator::new(width, overflow.unwrap_or(own.overflow))),
        }
    }

    /// The flags that are given, for messages.
    pub(in crate::cli) fn given(&self) -> impl Iterator<Item = &'static str> {
        let width = self.accumulator.map(|_| "accumulator");
        width.into_iter().chain(self.accumulator_overflow.map(|_| "accumulator-overflow"))
    }
}

/// The accumulator width of a command that computes costs, which overflow does not change.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct AccumulatorWidthArgument {
    /// Accumulator width in bits (1 to 64) or `exact` [default: that of the run that is replayed, else each machine's own].
    #[arg(long, alias = "acc", value_name = "BITS")]
    pub(in crate::cli) accumulator: Option<AccumulatorWidth>,
}
