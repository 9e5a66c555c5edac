//! Products that differ in nothing but the values of their operands.

use crate::files::trace::{AccumulatorSource, GemmRow};
use hwmodel::machine::Machine;
use hwmodel::timing::{ByOperand, GemmKind, GemmShape, GemmWork, GemmWorkError};
use hwmodel::{AccumulatorWidth, Format};

/// Widest accumulator that the cost model knows, in bits.
const MAX_ACCUMULATOR_BITS: u32 = 128;

/// A product of one micro-batch, apart from its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Work {
    kind: GemmKind,
    shape: GemmShape,
    groups: u64,
    /// Word lengths in bits; `None` is float32.
    wl: Option<ByOperand<u32>>,
    elements: ByOperand<u64>,
    /// Width of the accumulator in the run.
    recorded_bits: u32,
    accumulator: AccumulatorSource,
}

impl Work {
    pub(super) fn of(row: &GemmRow) -> Self {
        Self {
            kind: row.kind,
            shape: row.shape,
            groups: row.groups,
            wl: row.formats.map(|formats| formats.map(Format::wl)),
            elements: row.elements,
            recorded_bits: row.accumulator_bits,
            accumulator: row.accumulator_source,
        }
    }

    /// Width in bits of the accumulator on `machine`: what is asked for, else what the run's options said, else the
    /// machine's own.
    fn accumulator_bits(
        &self,
        machine: &Machine,
        asked: Option<AccumulatorWidth>,
        wl: ByOperand<u32>,
    ) -> u32 {
        let width = match (asked, self.accumulator) {
            (Some(width), _) => width,
            (None, AccumulatorSource::Run) => return self.recorded_bits,
            (None, AccumulatorSource::Machine) => machine.accumulator().width,
        };
        width.bits_for(wl.input, wl.weight, self.shape.k).min(MAX_ACCUMULATOR_BITS)
    }

    /// The work on `machine` with all MACs non-zero.
    pub(super) fn on(
        &self,
        machine: &Machine,
        asked: Option<AccumulatorWidth>,
    ) -> Result<GemmWork, GemmWorkError> {
        let work = match self.wl {
            None => GemmWork::float32(self.kind, self.shape)?,
            Some(wl) => {
                let bits = self.accumulator_bits(machine, asked, wl);
                GemmWork::fixed(self.kind, self.shape, wl, bits)?
            }
        };
        work.with_elements(self.elements)?.with_groups(self.groups)
    }

    /// Whether the accumulator of `work` is narrower than in the run, so that the values might have been others.
    pub(super) fn narrower(&self, work: &GemmWork) -> bool {
        self.wl.is_some() && work.accumulator_bits() < self.recorded_bits
    }

    /// Word lengths in bits; `None` is float32.
    pub(super) fn wl(&self) -> Option<ByOperand<u32>> {
        self.wl
    }
}
