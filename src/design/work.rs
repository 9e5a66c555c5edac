//! Products of a trace, grouped by everything that their cost depends on.

use crate::files::trace::{AccumulatorSource, GemmRow};
use hwmodel::machine::Machine;
use hwmodel::number::accumulator::AccumulatorBits;
use hwmodel::product::{ByOperand, Gemm, GemmWork, GemmWorkError};
use hwmodel::{Accumulator, Format};

/// A product of one micro-batch, apart from its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Work {
    /// Its formats have no fractional lengths, since no cost depends on them.
    gemm: Gemm,
    /// Registers of the accumulator in the run.
    recorded: AccumulatorBits,
    accumulator: AccumulatorSource,
}

impl Work {
    pub(super) fn of(row: &GemmRow) -> Self {
        let gemm = row.gemm();
        let integer = |format: Format| format.with_fl(0).unwrap_or(format);
        Self {
            gemm: Gemm { formats: gemm.formats.map(|formats| formats.map(integer)), ..gemm },
            recorded: row.accumulator,
            accumulator: row.accumulator_source,
        }
    }

    /// The work on `machine` with all MACs non-zero. The accumulator is what is asked for, else as wide as the run's
    /// options said, else the machine's own.
    pub(super) fn on(
        &self,
        machine: &Machine,
        asked: Option<Accumulator>,
    ) -> Result<GemmWork, GemmWorkError> {
        match (asked, self.accumulator) {
            (None, AccumulatorSource::Run) => {
                self.gemm.work(self.recorded.outer)?.with_inner(self.recorded.inner)
            }
            _ => machine.work(&self.gemm, asked),
        }
    }

    /// Whether the accumulator of `work` has a narrower register than in the run, or an inner one where the run had none, so
    /// that the values might have been others.
    pub(super) fn narrower(&self, work: &GemmWork) -> bool {
        let inner = match (work.accumulator().inner, self.recorded.inner) {
            (Some(now), Some(run)) => now.bits < run.bits || now.terms != run.terms,
            (Some(_), None) => true,
            (None, _) => false,
        };
        self.gemm.formats.is_some() && (inner || work.accumulator_bits() < self.recorded.outer)
    }

    /// Word lengths in bits; `None` is float32.
    pub(super) fn wl(&self) -> Option<ByOperand<u32>> {
        self.gemm.word_lengths()
    }
}
