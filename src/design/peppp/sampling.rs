//! Which entries of a matrix are measured (papers/peppp.md section 2.6).

use super::PepppError;
use hwmodel::cast::toward_zero;
use hwmodel::random::{generator, shuffle, uniform_f64};
use nalgebra::DMatrix;

/// Names the random numbers of sampling.
const PURPOSE: u64 = u64::from_be_bytes(*b"sampling");

/// Probabilities are taken as at least this when they become weights.
const LEAST_PROBABILITY: f64 = 1e-3;

/// How entries are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// All of them.
    Full,
    /// This share of the entries, at random.
    Uniform {
        /// Share of entries, above 0 to 1.
        ratio: f64,
    },
    /// Each entry with a probability that grows with 1/memory: p_max · F(1/memory), F the distribution function of 1/memory
    /// over all entries.
    NonUniform {
        /// Probability of the smallest entry, above 0 to 1.
        p_max: f64,
    },
}

/// p_max · F(1/M) for each entry of `memory_mb`; F(v) is the share of entries with 1/M ≤ v.
pub fn probabilities(memory_mb: &DMatrix<f64>, p_max: f64) -> DMatrix<f64> {
    // 1/M <= v is M >= 1/v, and comparing M itself leaves equal entries equal.
    let mut sorted: Vec<f64> = memory_mb.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len().max(1) as f64;
    memory_mb.map(|memory| {
        let smaller = sorted.partition_point(|&other| other < memory);
        p_max * (sorted.len() - smaller) as f64 / count
    })
}

/// The weights of a sample of the entries of `memory_mb`: 0 for those left out, otherwise 1, or with
/// [`Sampling::NonUniform`] 1 over the probability. Entries of more than `cap_mb` are left out; they count
/// among those a ratio is of.
///
/// # Errors
/// If a share or probability is not above 0 and at most 1, or the cap leaves nothing.
pub fn sample(
    memory_mb: &DMatrix<f64>,
    sampling: Sampling,
    cap_mb: Option<f64>,
    seed: u64,
) -> Result<DMatrix<f64>, PepppError> {
    let share = |what, value: f64| {
        if value > 0.0 && value <= 1.0 {
            Ok(value)
        } else {
            Err(PepppError::Number { what, value, allowed: "a number above 0 and at most 1" })
        }
    };
    let cap = cap_mb.unwrap_or(f64::INFINITY);
    let allowed = |index: usize| memory_mb[index] <= cap;
    let smallest_mb = memory_mb.iter().copied().fold(f64::INFINITY, f64::min);
    if !(0..memory_mb.len()).any(allowed) {
        return Err(PepppError::Cap { cap_mb: cap, smallest_mb });
    }
    let mut random = generator(seed, &[PURPOSE]);
    let mut weights = DMatrix::zeros(memory_mb.nrows(), memory_mb.ncols());
    match sampling {
        Sampling::Full => {
            (0..memory_mb.len()).filter(|&i| allowed(i)).for_each(|index| weights[index] = 1.0);
        }
        Sampling::Uniform { ratio } => {
            let ratio = share("the sampling ratio", ratio)?;
            let mut order: Vec<usize> = (0..memory_mb.len()).collect();
            shuffle(&mut random, &mut order);
            order.retain(|&index| allowed(index));
            let count = toward_zero::<usize>((ratio * memory_mb.len() as f64).round().max(1.0));
            order.into_iter().take(count).for_each(|index| weights[index] = 1.0);
        }
        Sampling::NonUniform { p_max } => {
            let p_max = share("p_max", p_max)?;
            let probability = probabilities(memory_mb, p_max);
            for index in 0..memory_mb.len() {
                // Every entry draws its number, so that a cap changes no other entry.
                let drawn = uniform_f64(&mut random) < probability[index];
                if drawn && allowed(index) {
                    weights[index] = 1.0 / probability[index].max(LEAST_PROBABILITY);
                }
            }
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> DMatrix<f64> {
        DMatrix::from_row_slice(2, 3, &[100.0, 200.0, 400.0, 150.0, 300.0, 600.0])
    }

    /// papers/peppp.md section 8.5.
    #[test]
    fn the_worked_example() {
        let expected = [0.5, 1.0 / 3.0, 1.0 / 6.0, 5.0 / 12.0, 0.25, 1.0 / 12.0];
        let found = probabilities(&memory(), 0.5);
        assert!((&found - DMatrix::from_row_slice(2, 3, &expected)).norm() < 1e-12);
        let share = found.component_mul(&memory()).sum() / memory().sum();
        assert!((share - 0.211905).abs() < 1e-6, "{share}");
        // Equal entries are equally likely.
        assert_eq!(
            probabilities(&DMatrix::from_element(2, 2, 7.0), 1.0),
            DMatrix::from_element(2, 2, 1.0)
        );
    }

    #[test]
    fn shares_are_kept_and_repeat() {
        let memory = DMatrix::from_fn(20, 30, |row, column| 1.0 + (row * 30 + column) as f64);
        let count = |weights: &DMatrix<f64>| weights.iter().filter(|w| **w > 0.0).count();
        let uniform = |seed| sample(&memory, Sampling::Uniform { ratio: 0.2 }, None, seed).unwrap();
        assert_eq!(count(&uniform(1)), 120);
        assert_eq!(uniform(1), uniform(1));
        assert_ne!(uniform(1), uniform(2));
        // The mean probability is half of p_max.
        let found: usize = (0..50)
            .map(|seed| {
                count(&sample(&memory, Sampling::NonUniform { p_max: 0.8 }, None, seed).unwrap())
            })
            .sum();
        assert!((found as f64 / 50.0 / 600.0 - 0.4).abs() < 0.01);
        let weights = sample(&memory, Sampling::NonUniform { p_max: 0.8 }, None, 1).unwrap();
        let probability = probabilities(&memory, 0.8);
        for (weight, p) in weights.iter().zip(probability.iter()) {
            assert!(*weight == 0.0 || *weight == 1.0 / p.max(1e-3));
        }
    }

    #[test]
    fn a_cap_leaves_large_entries_out() {
        let full = sample(&memory(), Sampling::Full, Some(200.0), 1).unwrap();
        assert_eq!(full, DMatrix::from_row_slice(2, 3, &[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]));
        let error = sample(&memory(), Sampling::Full, Some(99.0), 1).unwrap_err().to_string();
        assert!(error.contains("99 MB") && error.contains("100 MB"), "{error}");
        for (sampling, what) in [
            (Sampling::Uniform { ratio: 0.0 }, "ratio"),
            (Sampling::Uniform { ratio: f64::NAN }, "ratio"),
            (Sampling::NonUniform { p_max: 1.5 }, "p_max"),
        ] {
            assert!(sample(&memory(), sampling, None, 1).unwrap_err().to_string().contains(what));
        }
    }
}
