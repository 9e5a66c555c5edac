//! Emulated, exact and accumulated outputs side by side.

use rayon::prelude::*;
use std::ops::AddAssign;

/// Differences between emulated outputs and those of an accumulator, by cause.
///
/// An output differs if the emulation's integer is not the accumulator's. Then the accumulator has
/// changed the output (it is not that of exact sums), or float32 has (the emulation is not that of exact
/// sums), or both have. The three add up to [`Difference::outputs`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Difference {
    /// Outputs compared.
    pub compared: u64,
    /// Outputs that differ.
    pub outputs: u64,
    /// Of these, outputs that only the rounding of float32 changed.
    pub from_float32: u64,
    /// Of these, outputs that only the accumulator changed.
    pub from_accumulator: u64,
    /// Of these, outputs that both changed.
    pub from_both: u64,
    /// Of these, outputs that are not a number in float32; they have no size.
    pub not_a_number: u64,
    /// The largest difference in steps 2^-FL.
    pub largest_steps: u64,
    /// Σ of the differences in steps.
    pub sum_steps: u128,
    /// Outputs of the accumulator that are not those of exact sums, seen by the emulation or not.
    pub changed_by_accumulator: u64,
}

impl Difference {
    /// Compares raw outputs: `emulated` (`None`: not a number), `exact` and `accumulated`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn of(emulated: &[Option<i64>], exact: &[i64], accumulated: &[i64]) -> Self {
        const CHUNK: usize = 1 << 14;
        assert_eq!(emulated.len(), exact.len(), "exact outputs");
        assert_eq!(emulated.len(), accumulated.len(), "outputs of the accumulator");
        let chunks = emulated.par_chunks(CHUNK).zip(exact.par_chunks(CHUNK));
        chunks
            .zip(accumulated.par_chunks(CHUNK))
            .map(|((emulated, exact), accumulated)| {
                let mut part = Self::default();
                for ((&emulated, &exact), &held) in emulated.iter().zip(exact).zip(accumulated) {
                    part.add(emulated, exact, held);
                }
                part
            })
            .reduce(Self::default, |mut a, b| {
                a += b;
                a
            })
    }

    fn add(&mut self, emulated: Option<i64>, exact: i64, held: i64) {
        self.compared += 1;
        self.changed_by_accumulator += u64::from(held != exact);
        if emulated == Some(held) {
            return;
        }
        self.outputs += 1;
        match (emulated == Some(exact), held == exact) {
            (true, _) => self.from_accumulator += 1,
            (false, true) => self.from_float32 += 1,
            (false, false) => self.from_both += 1,
        }
        match emulated {
            None => self.not_a_number += 1,
            Some(emulated) => {
                let steps = emulated.abs_diff(held);
                self.largest_steps = self.largest_steps.max(steps);
                self.sum_steps += u128::from(steps);
            }
        }
    }

    /// Share of the outputs that differ, 0 to 1.
    pub fn share(&self) -> f64 {
        ratio(self.outputs, self.compared)
    }

    /// Mean difference in steps of the outputs that differ; 0 if none does.
    pub fn mean_steps(&self) -> f64 {
        self.sum_steps as f64 / (self.outputs - self.not_a_number).max(1) as f64
    }
}

/// `part` / `whole`, 0 if there is no whole.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl AddAssign for Difference {
    fn add_assign(&mut self, other: Self) {
        self.compared += other.compared;
        self.outputs += other.outputs;
        self.from_float32 += other.from_float32;
        self.from_accumulator += other.from_accumulator;
        self.from_both += other.from_both;
        self.not_a_number += other.not_a_number;
        self.largest_steps = self.largest_steps.max(other.largest_steps);
        self.sum_steps += other.sum_steps;
        self.changed_by_accumulator += other.changed_by_accumulator;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_told_apart() {
        let emulated = [Some(5), Some(5), Some(5), Some(6), Some(6), Some(6), None];
        let exact = [5, 5, 5, 5, 5, 5, 5];
        // Equal; accumulator; accumulator; float32; both; both wrong alike; not a number.
        let held = [5, 4, 9, 5, -1, 6, 5];
        let found = Difference::of(&emulated, &exact, &held);
        let expected = Difference {
            compared: 7,
            outputs: 5,
            from_float32: 2,
            from_accumulator: 2,
            from_both: 1,
            not_a_number: 1,
            largest_steps: 7,
            sum_steps: 1 + 4 + 1 + 7,
            changed_by_accumulator: 4,
        };
        assert_eq!(found, expected);
        assert_eq!((found.share(), found.mean_steps()), (5.0 / 7.0, 13.0 / 4.0));
    }

    #[test]
    fn nothing_compared_is_no_difference() {
        let none = Difference::of(&[], &[], &[]);
        assert_eq!((none.share(), none.mean_steps()), (0.0, 0.0));
    }
}
