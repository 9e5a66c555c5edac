//! The configuration for a memory budget (papers/peppp.md section 3.3).

use super::PepppError;
use super::metrics::{frontier, points};

/// The estimated frontier with the configuration that a budget allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The configuration: of those on the frontier that the budget allows the one with most memory, and so with the
    /// lowest predicted error.
    pub chosen: usize,
    /// Configurations on the frontier, ascending in memory.
    pub frontier: Vec<usize>,
}

/// Recommends one of the configurations with this memory in MB and these predicted errors.
///
/// # Errors
/// If numbers differ or are not finite, or no configuration takes at most `budget_mb`.
pub fn recommend(
    memory_mb: &[f64],
    errors: &[f64],
    budget_mb: f64,
) -> Result<Recommendation, PepppError> {
    let frontier = frontier(&points(memory_mb, errors)?);
    // The smallest configuration with the lowest error of its size is on the frontier, so that a budget that
    // allows any configuration allows one of these.
    let chosen = frontier.iter().copied().rfind(|&index| memory_mb[index] <= budget_mb);
    let smallest_mb = memory_mb.iter().copied().fold(f64::INFINITY, f64::min);
    let chosen = chosen.ok_or(PepppError::Cap { cap_mb: budget_mb, smallest_mb })?;
    Ok(Recommendation { chosen, frontier })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The predicted frontier of papers/peppp.md section 8.4.
    #[test]
    fn the_largest_point_of_the_frontier_within_the_budget() {
        let memory = [200.0, 300.0, 400.0, 600.0, 800.0, 1000.0];
        let errors = [0.58, 0.52, 0.46, 0.41, 0.42, 0.33];
        for (budget, chosen) in [(200.0, 0), (399.0, 1), (900.0, 3), (5000.0, 5)] {
            let found = recommend(&memory, &errors, budget).unwrap();
            assert_eq!((found.chosen, found.frontier.as_slice()), (chosen, &[0, 1, 2, 3, 5][..]));
        }
        for budget in [199.0, f64::NAN] {
            let error = recommend(&memory, &errors, budget).unwrap_err().to_string();
            assert!(error.contains("the smallest takes 200 MB"), "{error}");
        }
        assert!(recommend(&memory, &[f64::NAN; 6], 500.0).is_err());
    }
}
