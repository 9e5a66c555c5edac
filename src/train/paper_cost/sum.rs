//! Compensated summation: a running float sum whose error does not grow with the number of terms.

use super::exact_float;
use serde::{Deserialize, Serialize};

/// Compensated summation (Neumaier 1974).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sum {
    #[serde(with = "exact_float")]
    sum: f64,
    #[serde(with = "exact_float")]
    compensation: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.compensation += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
    }

    pub(crate) fn value(self) -> f64 {
        self.sum + self.compensation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_are_not_lost() {
        let mut sum = Sum::default();
        sum.add(1e16);
        for _ in 0..1000 {
            sum.add(0.5);
        }
        sum.add(-1e16);
        assert_eq!(sum.value(), 500.0);
    }
}
