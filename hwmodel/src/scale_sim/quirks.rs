//! SCALE-Sim's rules that deviate from hardware, and how much each changes the result.
//!
//! Each comparison changes one rule and leaves the others as SCALE-Sim has them. All numbers come from simulating
//! the layer, none is estimated.

use super::closed_form::UtilisationPeriod;
use super::config::{Config, Interface};
use super::error::SimulationError;
use super::folds::Folds;
use super::layer::{LayerModel, TimedLayer};
use super::timeline::LatePrefetch;
use super::topology::{Layer, Topology};
use super::traffic::Traffic;
use crate::product::ByOperand;
use std::fmt;

/// A rule of SCALE-Sim 3.0.0 that hardware does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quirk {
    /// Total Cycles is the index of the last cycle, counted from 0.
    LastCycleIndex,
    /// The output size rounds up, so that windows hang over the edge of the input.
    CeilingOutputSize,
    /// A prefetch that ends p cycles late costs 2p.
    LatePrefetchTwice,
    /// The read buffer of mode CALC forgets everything when half full.
    ForgetfulBuffer,
    /// `Bandwidth` sets the speed of writes alone.
    BandwidthOfWrites,
    /// os counts F·(R + C) writes too many; ws and is read no partial sums.
    OutputAccesses,
    /// Compute Util of ws and is divides by C - 1 cycles too many.
    ComputeUtilisation,
    /// DRAM reads of mode USER are whole lines, with nulls.
    WholeLines,
}

impl Quirk {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::LastCycleIndex,
        Self::CeilingOutputSize,
        Self::LatePrefetchTwice,
        Self::ForgetfulBuffer,
        Self::BandwidthOfWrites,
        Self::OutputAccesses,
        Self::ComputeUtilisation,
        Self::WholeLines,
    ];

    /// Its number, from 1, in `docs/scale-sim.md`.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// Its name, in the words of options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastCycleIndex => "last-cycle-index",
            Self::CeilingOutputSize => "ceiling-output-size",
            Self::LatePrefetchTwice => "late-prefetch-twice",
            Self::ForgetfulBuffer => "forgetful-buffer",
            Self::BandwidthOfWrites => "bandwidth-of-writes",
            Self::OutputAccesses => "output-accesses",
            Self::ComputeUtilisation => "compute-utilisation",
            Self::WholeLines => "whole-lines",
        }
    }

    /// The rule, and what it is compared with.
    pub fn rule(self) -> &'static str {
        match self {
            Self::LastCycleIndex => {
                "Total Cycles is the index of the last cycle, counted from 0; against the number of cycles"
            }
            Self::CeilingOutputSize => {
                "the output size rounds up and windows hang over the edge; against windows wholly inside the input"
            }
            Self::LatePrefetchTwice => "a prefetch that ends p cycles late costs 2p; against p",
            Self::ForgetfulBuffer => {
                "a read buffer forgets everything when half full; against keeping the newest half"
            }
            Self::BandwidthOfWrites => {
                "`Bandwidth` sets the speed of writes alone, the bank bandwidths of [layout] that of reads; against \
                 reads at `Bandwidth`"
            }
            Self::OutputAccesses => {
                "os counts F·(R+C) ofmap writes too many, ws and is read no partial sums back; against one write of \
                 each output and the reads of each further row fold"
            }
            Self::ComputeUtilisation => {
                "Compute Util of ws and is divides by C - 1 cycles too many; against the cycles of a fold"
            }
            Self::WholeLines => {
                "DRAM reads count whole lines, with nulls and what no set needs; against the elements of the sets fetched"
            }
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One number that a quirk changes.
#[derive(Debug, Clone, PartialEq)]
pub struct QuirkEffect {
    /// The quirk.
    pub quirk: Quirk,
    /// Index of the layer, from 0.
    pub layer: usize,
    /// What is counted, with its unit unless it is a count.
    pub quantity: &'static str,
    /// SCALE-Sim's number, the one in the reports unless the quantity says otherwise.
    pub scale_sim: f64,
    /// The number without the quirk.
    pub hardware: f64,
}

/// All numbers of a run that quirks change, by layer and then by quirk.
///
/// # Errors
/// As [`simulate`](super::simulate).
pub fn explain(config: &Config, topology: &Topology) -> Result<Vec<QuirkEffect>, SimulationError> {
    let by_layer = super::by_shape(topology, |layer| Comparison::new(config, layer)?.effects())?;
    let number = |(index, effects): (usize, Vec<QuirkEffect>)| {
        effects.into_iter().map(move |effect| QuirkEffect { layer: index, ..effect })
    };
    Ok(by_layer.into_iter().enumerate().flat_map(number).collect())
}

/// A layer by SCALE-Sim's rules, for comparison with variants.
struct Comparison<'a> {
    model: LayerModel<'a>,
    timed: TimedLayer,
    effects: Vec<QuirkEffect>,
}

impl<'a> Comparison<'a> {
    fn new(config: &'a Config, layer: &'a Layer) -> Result<Self, SimulationError> {
        let model = LayerModel::new(config, layer)?;
        let timed = model.run(&config.interface, LatePrefetch::ChargedTwice);
        Ok(Self { model, timed, effects: Vec::new() })
    }

    fn note(&mut self, quirk: Quirk, quantity: &'static str, scale_sim: f64, hardware: f64) {
        if (scale_sim - hardware).abs() > 1e-9 * hardware.abs() {
            self.effects.push(QuirkEffect { quirk, layer: 0, quantity, scale_sim, hardware });
        }
    }

    fn note_counts(&mut self, quirk: Quirk, quantity: &'static str, scale_sim: u64, hardware: u64) {
        self.note(quirk, quantity, scale_sim as f64, hardware as f64);
    }

    fn effects(mut self) -> Result<Vec<QuirkEffect>, SimulationError> {
        let total = self.timed.timeline.last_service;
        let cycles = total as f64;
        self.note(Quirk::LastCycleIndex, "total cycles", cycles, cycles + 1.0);
        self.output_size();
        let interface = self.model.config.interface;
        let once = self.model.run(&interface, LatePrefetch::ChargedOnce);
        let charged_once = once.timeline.last_service as f64;
        self.note(Quirk::LatePrefetchTwice, "total cycles", cycles, charged_once);
        self.newest_half()?;
        if let Interface::User(words) = interface {
            let same =
                Interface::User(ByOperand { input: words.output, weight: words.output, ..words });
            let all = self.model.run(&same, LatePrefetch::ChargedTwice);
            let as_written = all.timeline.last_service as f64;
            self.note(Quirk::BandwidthOfWrites, "total cycles", cycles, as_written);
        }
        self.output_accesses();
        let folds = self.model.folds;
        let utilisation = [UtilisationPeriod::ScaleSim, UtilisationPeriod::Fold]
            .map(|period| folds.compute_utilisation(period));
        let [scale_sim, hardware] = utilisation;
        self.note(Quirk::ComputeUtilisation, "compute utilisation in %", scale_sim, hardware);
        self.whole_lines();
        Ok(self.effects)
    }

    fn output_size(&mut self) {
        let quirk = Quirk::CeilingOutputSize;
        let model = &self.model;
        let shape = model.layer.shape.without_overhang();
        let Some(inside) = shape.dimensions() else { return };
        let folds = Folds::new(model.config.array, model.config.dataflow, inside);
        let counts = [model.dimensions.macs(), inside.macs()].map(|macs| macs as f64);
        let cycles = [&model.folds, &folds].map(|folds| (folds.count() * folds.period()) as f64);
        let passes = u128::from(model.operands[0].demand.passes());
        let reads = model.sram.input as f64;
        let real_reads = (model.layer.shape.requested_inputs() * passes) as f64;
        self.note(quirk, "MACs", counts[0], counts[1]);
        self.note(quirk, "cycles without stalls", cycles[0], cycles[1]);
        self.note(quirk, "SRAM reads of ifmap, with nulls against without", reads, real_reads);
    }

    fn newest_half(&mut self) -> Result<(), SimulationError> {
        for (which, quantity) in [(0, "DRAM reads of ifmap"), (1, "DRAM reads of filter")] {
            if let Traffic::Calculated(misses) = &self.model.traffic[which]
                && misses.last_emptying.is_some()
            {
                let scale_sim = misses.count;
                let kept = self.model.operands[which].misses_if_newest_kept()?;
                self.note_counts(Quirk::ForgetfulBuffer, quantity, scale_sim, kept);
            }
        }
        Ok(())
    }

    fn output_accesses(&mut self) {
        let outputs = self.model.dimensions.m * self.model.dimensions.n;
        let quirk = Quirk::OutputAccesses;
        if self.model.is_output_stationary() {
            self.note_counts(quirk, "SRAM writes of ofmap", self.model.sram.output, outputs);
        } else {
            let read_back = outputs * (self.model.folds.row_folds - 1);
            self.note_counts(quirk, "SRAM reads of partial sums", 0, read_back);
        }
    }

    fn whole_lines(&mut self) {
        let dram = self.model.result(&self.timed).dram;
        let reads = [(dram.input, "DRAM reads of ifmap"), (dram.weight, "DRAM reads of filter")];
        for (which, (accesses, quantity)) in reads.into_iter().enumerate() {
            if let Traffic::User(prefetching) = &self.model.traffic[which] {
                let needed = prefetching.window.fetched(prefetching.elements, prefetching.count());
                self.note_counts(Quirk::WholeLines, quantity, accesses.count, needed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = include_str!("test_data/user.cfg");

    /// The effect of `quirk` on `quantity` of the only layer of `topology`.
    fn effect(quirk: Quirk, quantity: &str, layer: &str) -> Option<(f64, f64)> {
        let (config, _) = Config::parse("test.cfg", CONFIG).unwrap();
        let (topology, _) = Topology::parse("test.csv", &format!("header\n{layer}\n")).unwrap();
        let effects = explain(&config, &topology).unwrap();
        let found = effects.iter().find(|e| e.quirk == quirk && e.quantity == quantity);
        found.map(|effect| (effect.scale_sim, effect.hardware))
    }

    #[test]
    fn overhanging_windows() {
        // is, 16x8: K = 75 in 5 row folds. 9 output pixels in 2 column folds, or 4 in one; P = 20 + 32 + 8 - 2.
        let layer = "E1, 12, 12, 5, 5, 3, 20, 4,";
        let quirk = Quirk::CeilingOutputSize;
        assert_eq!(effect(quirk, "MACs", layer), Some((13_500.0, 6_000.0)));
        assert_eq!(effect(quirk, "cycles without stalls", layer), Some((580.0, 290.0)));
        // Of the 3 windows' 15 rows one lies beyond the input, and one of their 15 columns: 3 channels · 14².
        let reads = "SRAM reads of ifmap, with nulls against without";
        assert_eq!(effect(quirk, reads, layer), Some((675.0, 588.0)));
        assert_eq!(effect(quirk, "MACs", "E, 13, 13, 5, 5, 3, 20, 4,"), None);
    }

    #[test]
    fn utilisation_by_the_cycles_of_a_fold() {
        // One full fold of 16·8·20 MACs in T + 2R + 2C - 3 = 65 or T + 2R + C - 2 = 58 cycles.
        let (scale_sim, hardware) =
            effect(Quirk::ComputeUtilisation, "compute utilisation in %", "G, 8, 20, 16,").unwrap();
        assert!((scale_sim - 2000.0 / 65.0).abs() < 1e-12);
        assert!((hardware - 2000.0 / 58.0).abs() < 1e-12);
    }

    #[test]
    fn numbers_are_positions() {
        let numbers: Vec<usize> = Quirk::ALL.iter().map(|quirk| quirk.number()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
