//! Sums of what a trace counts. They are floats: a damaged trace can have numbers whose integer sums overflow.

use crate::files::trace::GemmRow;
use hwmodel::counters::ByRole;
use std::ops::AddAssign;

/// Roles of tensors, in the order of the sums.
pub const ROLES: [&str; 4] = ["weights", "activations", "gradients", "outputs"];
/// Components of energy, in the order of the sums.
pub const COMPONENTS: [&str; 7] =
    ["MAC", "accumulator", "SRAM", "DRAM", "vector unit", "leakage", "reconfiguration"];
/// Kinds of cycles, in the order of the sums.
pub const CYCLES: [&str; 4] = ["compute", "stall", "vector unit", "reconfiguration"];
/// Kinds of products, in the order of a layer's sums.
pub const PASSES: [&str; 3] = ["forward", "grad-input", "grad-weight"];

/// Sums over rows of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// MACs.
    pub macs: f64,
    /// MACs with two non-zero operands.
    pub nonzero_macs: f64,
    /// Additions that overflowed the accumulator.
    pub accumulator_events: f64,
    /// Outputs accumulated addition by addition.
    pub stepped_outputs: f64,
    /// Elements quantised, by role.
    pub quantised: [f64; 4],
    /// Elements that left the range of their format, by role.
    pub saturated: [f64; 4],
    /// Non-zero elements that became zero, by role.
    pub flushed: [f64; 4],
    /// Clock cycles, by kind.
    pub cycles: [f64; 4],
    /// Energy in pJ, by component.
    pub energy: [f64; 7],
    /// Energy in pJ of the optimiser's update, which no component includes.
    pub update_energy: f64,
    /// Clock cycles of the optimiser's update, which no kind of cycles includes.
    pub update_cycles: f64,
}

impl Totals {
    /// The counts of a row.
    pub fn of(row: &GemmRow) -> Self {
        let counters = &row.counters;
        let roles = |counts: &ByRole| {
            [counts.weight, counts.activation, counts.gradient, counts.output].map(|n| n as f64)
        };
        let cycles = &counters.cycles;
        Self {
            macs: counters.macs as f64,
            nonzero_macs: counters.nonzero_macs as f64,
            accumulator_events: counters.accumulator_events as f64,
            stepped_outputs: row.stepped_outputs as f64,
            quantised: roles(&counters.quantised),
            saturated: roles(&counters.saturated),
            flushed: roles(&counters.flushed_to_zero),
            cycles: [cycles.compute, cycles.stall, cycles.vector, cycles.reconfigure]
                .map(|n| n as f64),
            energy: counters.energy.values_pj(),
            update_energy: row.update.energy_pj,
            update_cycles: row.update.cycles as f64,
        }
    }

    /// Saturated elements of a million quantised; `None` if none was quantised.
    pub fn saturated_per_million(&self) -> Option<f64> {
        per_million(self.saturated.iter().sum(), self.quantised.iter().sum())
    }

    /// Additions per million that overflowed the accumulator; `None` without additions.
    pub fn events_per_million(&self) -> Option<f64> {
        per_million(self.accumulator_events, self.macs)
    }

    /// All cycles.
    pub fn all_cycles(&self) -> f64 {
        self.cycles.iter().sum()
    }

    /// All energy in pJ.
    pub fn all_energy(&self) -> f64 {
        self.energy.iter().sum()
    }
}

/// `part` in a million of `whole`; `None` if that is 0.
pub(super) fn per_million(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| 1e6 * part / whole)
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        fn add<const N: usize>(to: &mut [f64; N], from: &[f64; N]) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        self.macs += other.macs;
        self.nonzero_macs += other.nonzero_macs;
        self.accumulator_events += other.accumulator_events;
        self.stepped_outputs += other.stepped_outputs;
        add(&mut self.quantised, &other.quantised);
        add(&mut self.saturated, &other.saturated);
        add(&mut self.flushed, &other.flushed);
        add(&mut self.cycles, &other.cycles);
        add(&mut self.energy, &other.energy);
        self.update_energy += other.update_energy;
        self.update_cycles += other.update_cycles;
    }
}

impl std::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_in_a_million_and_need_a_whole() {
        let mut row = GemmRow::default();
        row.counters.macs = 2_000_000;
        row.counters.accumulator_events = 3;
        row.counters.quantised.activation = 500;
        row.counters.saturated.activation = 1;
        row.counters.energy.dram_pj = 2.5;
        row.counters.cycles.stall = 7;
        let totals: Totals = [Totals::of(&row), Totals::of(&row)].into_iter().sum();
        assert_eq!(totals.saturated_per_million(), Some(2000.0));
        assert_eq!(totals.events_per_million(), Some(1.5));
        assert_eq!((totals.all_energy(), totals.all_cycles()), (5.0, 14.0));
        assert_eq!(totals.energy[3], 5.0);
        assert_eq!(Totals::default().saturated_per_million(), None);
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        let mut row = GemmRow::default();
        row.counters.macs = u64::MAX;
        row.counters.cycles.compute = u128::MAX;
        row.counters.quantised.weight = u64::MAX;
        row.counters.quantised.output = u64::MAX;
        let totals: Totals = (0..3).map(|_| Totals::of(&row)).sum();
        assert!(totals.all_cycles().is_finite() && totals.macs > 5e19);
    }
}
