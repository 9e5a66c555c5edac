//! One layer: demand, traffic, time, and the figures of the reports.

use super::closed_form::UtilisationPeriod;
use super::config::{Config, Interface};
use super::demand::{Demand, Operand};
use super::error::SimulationError;
use super::folds::{Dataflow, Folds};
use super::geometry::Dimensions;
use super::output_buffer::OutputBuffer;
use super::read_buffer;
use super::result::{Accesses, LayerResult};
use super::timeline::{self, LatePrefetch, Reader, Timeline};
use super::topology::Layer;
use super::traffic::{Prefetching, ReadOperand, Traffic};
use super::window::halves;
use crate::product::ByOperand;

/// DRAM bandwidth of a read buffer in mode CALC before the first request, in words per cycle.
const CALCULATED_BANDWIDTH: u64 = 10;

/// Largest buffer in words: 2^31 KiB.
const LARGEST_BUFFER: u64 = 1 << 41;

/// Whether SCALE-Sim's rules have an answer for buffers of these sizes.
fn check_buffers(config: &Config, layer: &Layer) -> Result<(), SimulationError> {
    let ByOperand { input, weight, output } = config.sram_words;
    // A set of mode CALC holds a hundredth of the buffer; other buffers have two halves.
    let least_read = if config.interface == Interface::Calculated { 100 } else { 2 };
    let buffers =
        [("ifmap", input, least_read), ("filter", weight, least_read), ("ofmap", output, 2)];
    for (operand, words, least) in buffers {
        if !(least..=LARGEST_BUFFER).contains(&words) {
            let layer = layer.name.clone();
            return Err(SimulationError::Buffer { layer, operand, words, least });
        }
    }
    Ok(())
}

/// A layer on an array, with what its operands ask of their buffers.
#[derive(Debug)]
pub(super) struct LayerModel<'a> {
    pub(super) layer: &'a Layer,
    pub(super) config: &'a Config,
    pub(super) dimensions: Dimensions,
    pub(super) folds: Folds,
    pub(super) sram: ByOperand<u64>,
    /// First and last line with a request.
    lines: ByOperand<(u64, u64)>,
    /// Of the ifmap and the filter.
    pub(super) operands: [ReadOperand<'a>; 2],
    pub(super) traffic: [Traffic; 2],
}

/// A layer in time.
#[derive(Debug)]
pub(super) struct TimedLayer {
    pub(super) timeline: Timeline,
    buffer: OutputBuffer,
}

impl<'a> LayerModel<'a> {
    pub(super) fn new(config: &'a Config, layer: &'a Layer) -> Result<Self, SimulationError> {
        let counts = || SimulationError::Counts {
            layer: layer.name.clone(),
            rows: config.array.rows.get(),
            columns: config.array.columns.get(),
        };
        let dimensions = layer.shape.dimensions().ok_or_else(counts)?;
        let folds = Folds::new(config.array, config.dataflow, dimensions);
        let cycles = folds.cycles().filter(|cycles| i64::try_from(*cycles).is_ok());
        if cycles.ok_or_else(counts)? == 1 {
            return Err(SimulationError::NoCycles { layer: layer.name.clone() });
        }
        let sram = folds.sram_accesses(dimensions).ok_or_else(counts)?;
        let words = config.sram_words;
        check_buffers(config, layer)?;
        let operand = |operand, words| ReadOperand {
            operand,
            layer: &layer.name,
            shape: layer.shape,
            dimensions,
            demand: Demand::new(folds, operand),
            words,
        };
        let operands =
            [operand(Operand::Input, words.input), operand(Operand::Weight, words.weight)];
        let mut lines = folds.lines();
        lines.input = operands[0].lines(lines.input)?;
        let [input, weight] = operands.each_ref().map(|operand| operand.traffic(&config.interface));
        Ok(Self {
            layer,
            config,
            dimensions,
            folds,
            sram,
            lines,
            operands,
            traffic: [input?, weight?],
        })
    }

    /// Runs the layer with prefetches of `interface`'s bandwidths.
    pub(super) fn run(&self, interface: &Interface, late: LatePrefetch) -> TimedLayer {
        let (width, bandwidths) = match interface {
            Interface::Calculated => (self.folds.columns, [CALCULATED_BANDWIDTH; 2]),
            Interface::User(words) => {
                let words = words.map(|words| u64::from(words.get()));
                (words.output, [words.input, words.weight])
            }
        };
        let mut buffer = OutputBuffer::new(self.config.sram_words.output, width);
        let reader = |index: usize| {
            let (_, prefetch_words) = halves(self.operands[index].words);
            Reader {
                events: self.traffic[index].events(),
                cycles_per_prefetch: prefetch_words.div_ceil(bandwidths[index]) as i64 + 1,
            }
        };
        let readers = [reader(0), reader(1)];
        let timeline = timeline::run(&self.folds, &mut buffer, readers, late);
        TimedLayer { timeline, buffer }
    }

    /// DRAM reads of buffer `which` in mode CALC.
    fn calculated(&self, which: usize, misses: &read_buffer::Misses, time: &Timeline) -> Accesses {
        let words = self.operands[which].words;
        let first = if which == 0 { self.lines.input.0 } else { self.lines.weight.0 };
        let (start, stop) = match misses.last_emptying {
            None => {
                let set = words / 100;
                let fetched = misses.count.div_ceil(set) * set;
                (-(fetched.div_ceil(CALCULATED_BANDWIDTH) as i64), -1)
            }
            Some(line) => {
                let half = read_buffer::set_capacity(words).div_ceil(CALCULATED_BANDWIDTH);
                (time.issue(first) - half as i64, time.issue(line) + 1)
            }
        };
        Accesses { start, stop, count: misses.count }
    }

    /// DRAM reads of buffer `which` in mode USER at `bandwidth` words per cycle: whole lines, nulls included.
    fn user(&self, which: usize, reads: &Prefetching, bandwidth: u64, time: &Timeline) -> Accesses {
        let (active_words, prefetch_words) = halves(self.operands[which].words);
        let all = reads.places.div_ceil(bandwidth);
        let first = active_words.div_ceil(bandwidth).min(all);
        let later = reads.count() * prefetch_words.div_ceil(bandwidth);
        Accesses {
            start: -(first as i64),
            stop: time.last_prefetch[which],
            count: (first + later) * bandwidth,
        }
    }

    /// What the reports say.
    pub(super) fn result(&self, timed: &TimedLayer) -> LayerResult {
        let time = &timed.timeline;
        let served = |which: usize, (first, last): (u64, u64), count| {
            let events = self.traffic[which].events();
            Accesses {
                start: time.read(which, events, first),
                stop: time.read(which, events, last),
                count,
            }
        };
        let sram = ByOperand {
            input: served(0, self.lines.input, self.sram.input),
            weight: served(1, self.lines.weight, self.sram.weight),
            output: Accesses {
                start: time.write(self.lines.output.0),
                stop: time.write(self.lines.output.1),
                count: self.sram.output,
            },
        };
        let reads = |which: usize| match (&self.traffic[which], &self.config.interface) {
            (Traffic::User(reads), Interface::User(words)) => {
                let bandwidth = if which == 0 { words.input } else { words.weight };
                self.user(which, reads, u64::from(bandwidth.get()), time)
            }
            (Traffic::User(reads), Interface::Calculated) => {
                self.user(which, reads, CALCULATED_BANDWIDTH, time)
            }
            (Traffic::Calculated(misses), _) => self.calculated(which, misses, time),
        };
        let (start, stop) = timed.buffer.drained.unwrap_or_default();
        let dram = ByOperand {
            input: reads(0),
            weight: reads(1),
            output: Accesses { start, stop, count: timed.buffer.written },
        };
        let total_cycles = time.last_service;
        let elements = self.folds.rows as f64 * self.folds.columns as f64;
        let macs = (self.dimensions.macs() * 100) as f64;
        LayerResult {
            name: self.layer.name.clone(),
            dimensions: self.dimensions,
            total_cycles_with_prefetch: stop - dram.input.start.min(dram.weight.start),
            total_cycles,
            stall_cycles: time.stall,
            overall_utilisation: macs / (total_cycles as f64 * elements),
            mapping_efficiency: self.folds.mapping_efficiency(),
            compute_utilisation: self.folds.compute_utilisation(UtilisationPeriod::ScaleSim),
            sram,
            dram,
        }
    }

    /// Whether the array keeps its outputs.
    pub(super) fn is_output_stationary(&self) -> bool {
        self.folds.dataflow == Dataflow::OutputStationary
    }
}
