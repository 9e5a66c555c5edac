//! PushUp's strategy (min, mean or max), chosen by the trend of the loss.

use super::Variant;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Which of PushUp's two suggestions is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The smaller one.
    Min,
    /// ⌈half their sum⌉.
    Mean,
    /// The larger one.
    Max,
}

impl Strategy {
    /// The name used in traces and golden vectors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }

    /// The next bolder strategy.
    const fn bolder(self) -> Self {
        match self {
            Self::Min => Self::Mean,
            Self::Mean | Self::Max => Self::Max,
        }
    }

    /// Combines PushUp's suggestions.
    pub const fn choose(self, first: i64, second: i64) -> i64 {
        let (low, high) = if first < second { (first, second) } else { (second, first) };
        match self {
            Self::Min => low,
            // ⌈(low + high) / 2⌉ without overflow.
            Self::Mean => low + (high - low) / 2 + (high - low) % 2,
            Self::Max => high,
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Chooses the strategy from the losses of earlier steps (papers/adapt.md section 5).
///
/// L_avg is computed when enough losses are known; L_avg > |loss| means progress and returns to
/// `min`, otherwise the strategy becomes one step bolder.
///
/// | variant | when | L_avg |
/// |---|---|---|
/// | paper | history ≥ lookback | mean of the last `lookback` losses, absolute |
/// | released | history > lookback | Σ history / `lookback`, absolute; then the history keeps its last `lookback` |
#[derive(Debug, Clone, PartialEq)]
pub struct StrategyControl {
    variant: Variant,
    current: Strategy,
    history: VecDeque<f64>,
    longest_lookback: usize,
}

impl StrategyControl {
    /// Starts at `min` without history. `longest_lookback` is the largest mean lookback that will
    /// be asked for; older losses are dropped.
    pub fn new(variant: Variant, longest_lookback: u32) -> Self {
        Self {
            variant,
            current: Strategy::Min,
            history: VecDeque::new(),
            longest_lookback: longest_lookback.max(1) as usize,
        }
    }

    /// The strategy in force.
    pub fn current(&self) -> Strategy {
        self.current
    }

    /// The losses that are still remembered, oldest first.
    pub fn history(&self) -> impl Iterator<Item = f64> + '_ {
        self.history.iter().copied()
    }

    /// Takes the loss of a step and the mean lookback of all tensors before it; returns the strategy
    /// of this step.
    pub fn observe(&mut self, loss: f64, mean_lookback: u32) -> Strategy {
        let lookback = mean_lookback.max(1) as usize;
        let known = self.history.len();
        let average = match self.variant {
            Variant::Paper if known >= lookback => {
                let sum: f64 = self.history.iter().skip(known - lookback).sum();
                Some((sum / lookback as f64).abs())
            }
            Variant::Released if known > lookback => {
                let sum: f64 = self.history.iter().sum();
                self.history.drain(..known - lookback);
                Some((sum / lookback as f64).abs())
            }
            _ => None,
        };
        if let Some(average) = average {
            let progress = average > loss.abs();
            self.current = if progress { Strategy::Min } else { self.current.bolder() };
        }
        self.history.push_back(loss);
        // Released compares with more than `lookback` losses, so one more is remembered.
        while self.history.len() > self.longest_lookback + 1 {
            self.history.pop_front();
        }
        self.current
    }

    /// Takes over a saved strategy and history.
    pub(crate) fn load(&mut self, current: Strategy, history: &[f64]) {
        self.current = current;
        self.history = history.iter().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        assert_eq!(Strategy::Min.choose(5, 2), 2);
        assert_eq!(Strategy::Max.choose(5, 2), 5);
        assert_eq!(Strategy::Mean.choose(5, 2), 4, "⌈3.5⌉");
        assert_eq!(Strategy::Mean.choose(1, 0), 1);
        assert_eq!(Strategy::Mean.choose(i64::MAX, 0), i64::MAX / 2 + 1);
    }

    #[test]
    fn paper_starts_to_judge_with_a_full_history() {
        let mut control = StrategyControl::new(Variant::Paper, 2);
        let strategies: Vec<_> =
            [1.0, 1.0, 1.0, 1.0, 0.5].map(|loss| control.observe(loss, 2)).into();
        use Strategy::*;
        assert_eq!(strategies, [Min, Min, Mean, Max, Min]);
    }

    #[test]
    fn released_divides_one_loss_too_many() {
        // (1 + 1 + 1) / 2 > 1.4: still progress, though the loss went up.
        let mut control = StrategyControl::new(Variant::Released, 2);
        let strategies: Vec<_> =
            [1.0, 1.0, 1.0, 1.4, 3.0].map(|loss| control.observe(loss, 2)).into();
        use Strategy::*;
        assert_eq!(strategies, [Min, Min, Min, Min, Mean]);
        assert_eq!(control.history().collect::<Vec<_>>(), [1.0, 1.4, 3.0]);
    }

    #[test]
    fn the_sign_of_a_negative_loss_does_not_matter() {
        let mut control = StrategyControl::new(Variant::Paper, 1);
        control.observe(-1.0, 1);
        assert_eq!(control.observe(-2.0, 1), Strategy::Mean);
        assert_eq!(control.observe(-0.5, 1), Strategy::Min);
    }
}
