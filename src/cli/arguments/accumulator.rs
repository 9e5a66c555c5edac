//! `--accumulator` and `--accumulator-overflow`.

use hwmodel::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, Overflow};

/// The accumulator of a command that computes sums.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct AccumulatorArguments {
    /// Accumulator width in bits (1 to 64) or `exact` [default: the model's own; exact without a model].
    #[arg(long, alias = "acc", value_name = "BITS")]
    pub(in crate::cli) accumulator: Option<AccumulatorWidth>,
    /// What an addition outside the accumulator's range does: wrap or saturate [default: the model's own; saturate
    /// without a model].
    #[arg(long, value_name = "WORD")]
    pub(in crate::cli) accumulator_overflow: Option<Overflow>,
}

impl AccumulatorArguments {
    /// The accumulator `own` with what these flags change of it.
    pub(in crate::cli) fn over(&self, own: Accumulator) -> Accumulator {
        Accumulator {
            width: self.accumulator.unwrap_or(own.width),
            overflow: self.accumulator_overflow.unwrap_or(own.overflow),
        }
    }
}

/// The accumulator width of a command that computes costs, which overflow does not change.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct AccumulatorWidthArgument {
    /// Accumulator width in bits (1 to 64) or `exact` [default: that of the run that is replayed, else each machine's own].
    #[arg(long, alias = "acc", value_name = "BITS")]
    pub(in crate::cli) accumulator: Option<AccumulatorWidth>,
}
