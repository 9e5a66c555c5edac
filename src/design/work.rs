//! Products of a trace, grouped by everything that their cost depends on.

use crate::files::trace::{AccumulatorSource, GemmRow};
use hwmodel::machine::Machine;
use hwmodel::product::{ByOperand, Gemm, GemmWork, GemmWorkError};
use hwmodel::{Accumulator, AccumulatorWidth, Format, Overflow};

/// An accumulator of this width; what it does outside costs nothing.
fn one_level(width: AccumulatorWidth) -> Accumulator {
    Accumulator::new(width, Overflow::default())
}

/// A product of one micro-batch, apart from its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Work {
    /// Its formats have no fractional lengths, since no cost depends on them.
    gemm: Gemm,
    /// Width of the accumulator in the run.
    recorded_bits: u32,
    accumulator: AccumulatorSource,
}

impl Work {
    pub(super) fn of(row: &GemmRow) -> Self {
        let gemm = row.gemm();
        let integer = |format: Format| Format::new(format.wl(), 0).unwrap_or(format);
        Self {
            gemm: Gemm { formats: gemm.formats.map(|formats| formats.map(integer)), ..gemm },
            recorded_bits: row.accumulator_bits,
            accumulator: row.accumulator_source,
        }
    }

    /// The work on `machine` with all MACs non-zero. The accumulator is what is asked for, else as wide as the run's
    /// options said, else the machine's own.
    pub(super) fn on(
        &self,
        machine: &Machine,
        asked: Option<AccumulatorWidth>,
    ) -> Result<GemmWork, GemmWorkError> {
        match (asked, self.accumulator) {
            (None, AccumulatorSource::Run) => self.gemm.work(self.recorded_bits),
            (Some(width), _) => machine.work(&self.gemm, Some(one_level(width))),
            (None, _) => machine.work(&self.gemm, None),
        }
    }

    /// Whether the accumulator of `work` is narrower than in the run, so that the values might have been others.
    pub(super) fn narrower(&self, work: &GemmWork) -> bool {
        self.gemm.formats.is_some() && work.accumulator_bits() < self.recorded_bits
    }

    /// Word lengths in bits; `None` is float32.
    pub(super) fn wl(&self) -> Option<ByOperand<u32>> {
        self.gemm.word_lengths()
    }
}
