//! Methods that choose the measurements on a new partition and predict the others (papers/peppp.md sections 3.1, 3.2).

use super::PepppError;
use super::d_optimal::{first_largest, greedy, pivots};
use super::factors::{Factors, predict};
use super::gaussian_process::{Process, ProcessOptions, expected_improvement};
use super::relaxation::relaxed;
use hwmodel::random::{generator, shuffle};
use nalgebra::{DMatrix, DVector};
use std::fmt;
use std::str::FromStr;

/// Names the random numbers of methods.
const PURPOSE: u64 = u64::from_be_bytes(*b"method  ");

/// Configurations that a search with a Gaussian process starts with.
const START: usize = 2;

/// How configurations are chosen and the others predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Greedy D-optimal design, least squares on embeddings.
    EdMf,
    /// D-optimal design by convex relaxation, least squares on embeddings.
    EdMfRelaxed,
    /// At random, least squares on embeddings.
    RandomMf,
    /// Pivots of the matrix of errors itself, least squares on embeddings.
    QrMf,
    /// Expected improvement of a Gaussian process over embeddings, its mean for the rest.
    BoMf,
    /// The same over whole columns of the matrix of errors.
    BoFull,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 6] =
        [Self::EdMf, Self::EdMfRelaxed, Self::RandomMf, Self::QrMf, Self::BoMf, Self::BoFull];

    /// The name on the command line and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdMf => "ed-mf",
            Self::EdMfRelaxed => "ed-mf-relaxed",
            Self::RandomMf => "random-mf",
            Self::QrMf => "qr-mf",
            Self::BoMf => "bo-mf",
            Self::BoFull => "bo-full",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|method| method.name() == text);
        known.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|method| method.name()).collect();
            format!("unknown method `{text}`: use one of {}", names.join(", "))
        })
    }
}

/// Measurements from other partitions.
#[derive(Debug, Clone, PartialEq)]
pub struct MetaTraining {
    /// Errors `[partitions, configurations]`, completed where they were missing.
    pub errors: DMatrix<f64>,
    /// Its factors.
    pub factors: Factors,
}

impl MetaTraining {
    /// Factors of the given rank of `errors`.
    ///
    /// # Errors
    /// As [`Factors::of`].
    pub fn new(errors: DMatrix<f64>, rank: usize) -> Result<Self, PepppError> {
        Ok(Self { factors: Factors::of(&errors, rank)?, errors })
    }
}

/// Result of a method on a new partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Configurations measured, in the order chosen, with their errors.
    pub measured: Vec<(usize, f64)>,
    /// The error of every configuration: measured or predicted.
    pub errors: Vec<f64>,
}

/// The task of [`estimate`].
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// What is known.
    pub training: &'a MetaTraining,
    /// Configurations that may be measured.
    pub feasible: &'a [usize],
    /// How many are.
    pub budget: usize,
    /// Seed of random choices.
    pub seed: u64,
    /// Settings of Gaussian processes.
    pub process: ProcessOptions,
}

/// Finds the errors of some configurations, in their order, on the new partition.
pub type Measure<'a> = dyn FnMut(&[usize]) -> Result<Vec<f64>, PepppError> + 'a;

/// Chooses with `method` at most `budget` configurations, measures them with `measure` and predicts all others.
///
/// # Errors
/// If nothing may be measured, a measurement fails or a decomposition does.
pub fn estimate(
    method: Method,
    task: &Task<'_>,
    measure: &mut Measure<'_>,
) -> Result<Estimate, PepppError> {
    let Task { training, feasible, budget, seed, process } = *task;
    if feasible.is_empty() || budget == 0 {
        return Err(PepppError::NothingObserved);
    }
    let embeddings = &training.factors.configurations;
    let chosen = match method {
        Method::EdMf => greedy(embeddings, feasible, budget)?,
        // The relaxation needs columns in all directions, and as many of them.
        Method::EdMfRelaxed if budget >= training.factors.rank() => {
            match relaxed(embeddings, feasible, budget) {
                Err(PepppError::Decomposition(_)) => greedy(embeddings, feasible, budget)?,
                other => other?.chosen,
            }
        }
        Method::EdMfRelaxed => greedy(embeddings, feasible, budget)?,
        Method::RandomMf => random(feasible, budget, seed),
        Method::QrMf => {
            let all: Vec<usize> = (0..training.errors.ncols()).collect();
            let mut order = pivots(&training.errors, &all, all.len());
            order.retain(|column| feasible.contains(column));
            order.truncate(budget);
            if order.is_empty() { feasible[..1].to_vec() } else { order }
        }
        Method::BoMf => return search(embeddings, task, process, measure),
        Method::BoFull => return search(&training.errors, task, process, measure),
    };
    let errors = measure(&chosen)?;
    let measured: Vec<(usize, f64)> = chosen.into_iter().zip(errors).collect();
    let errors = predict(embeddings, &measured)?;
    Ok(Estimate { measured, errors })
}

fn random(feasible: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let mut order = feasible.to_vec();
    shuffle(&mut generator(seed, &[PURPOSE]), &mut order);
    order.truncate(count);
    order
}

/// Measures a few configurations at random, then one after the other where a Gaussian process over the columns of `points`
/// expects the largest improvement of the lowest error.
fn search(
    points: &DMatrix<f64>,
    task: &Task<'_>,
    options: ProcessOptions,
    measure: &mut Measure<'_>,
) -> Result<Estimate, PepppError> {
    let Task { feasible, budget, seed, .. } = *task;
    let start = random(feasible, START.min(budget), seed);
    let errors = measure(&start)?;
    let mut measured: Vec<(usize, f64)> = start.into_iter().zip(errors).collect();
    let process = |measured: &[(usize, f64)]| {
        let columns: Vec<usize> = measured.iter().map(|&(column, _)| column).collect();
        let errors: Vec<f64> = measured.iter().map(|&(_, error)| error).collect();
        Process::new(points.select_columns(&columns), &errors, options)
    };
    let point = |column: usize| -> DVector<f64> { points.column(column).into_owned() };
    while measured.len() < budget.min(feasible.len()) {
        let process = process(&measured)?;
        let best = measured.iter().map(|&(_, error)| error).fold(f64::INFINITY, f64::min);
        let known = |column: &usize| measured.iter().any(|&(other, _)| other == *column);
        let rest: Vec<usize> = feasible.iter().copied().filter(|c| !known(c)).collect();
        let gains: Vec<f64> = rest
            .iter()
            .map(|&column| expected_improvement(process.at(&point(column)), best, options.xi))
            .collect();
        let next = rest[first_largest(&gains)];
        let error = measure(&[next])?;
        measured.extend(error.into_iter().map(|error| (next, error)));
    }
    let process = process(&measured)?;
    let mut errors: Vec<f64> =
        (0..points.ncols()).map(|column| process.at(&point(column)).mean).collect();
    for &(column, error) in &measured {
        errors[column] = error;
    }
    Ok(Estimate { measured, errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix of rank 2 and a row of the same space.
    fn task() -> (MetaTraining, Vec<f64>) {
        let left = DMatrix::from_fn(6, 2, |i, j| 0.2 + 0.1 * (i as f64) * (j as f64 + 0.5));
        let right = DMatrix::from_fn(2, 8, |i, j| 0.1 + 0.05 * ((i * 5 + j * 3) % 7) as f64);
        let row = DMatrix::from_row_slice(1, 2, &[0.5, 0.9]) * &right;
        (MetaTraining::new(left * right, 2).unwrap(), row.iter().copied().collect())
    }

    fn run(method: Method, budget: usize, feasible: &[usize], seed: u64) -> (Estimate, usize) {
        let (training, row) = task();
        let process = ProcessOptions::default();
        let task = Task { training: &training, feasible, budget, seed, process };
        let mut calls = 0;
        let mut measure = |columns: &[usize]| {
            calls += columns.len();
            Ok(columns.iter().map(|&column| row[column]).collect())
        };
        (estimate(method, &task, &mut measure).unwrap(), calls)
    }

    #[test]
    fn a_row_of_the_space_is_predicted_exactly_from_two_errors() {
        let (_, row) = task();
        let all: Vec<usize> = (0..8).collect();
        for method in [Method::EdMf, Method::EdMfRelaxed, Method::QrMf] {
            let (found, calls) = run(method, 2, &all, 1);
            assert_eq!((calls, found.measured.len()), (2, 2), "{method}");
            for (a, b) in found.errors.iter().zip(&row) {
                assert!((a - b).abs() < 1e-8, "{method}");
            }
        }
    }

    #[test]
    fn every_method_keeps_to_its_budget_and_what_is_feasible() {
        let feasible = [1, 2, 4, 6, 7];
        for method in Method::ALL {
            for budget in 1..=6 {
                let (found, calls) = run(method, budget, &feasible, 3);
                assert_eq!(calls, found.measured.len(), "{method} {budget}");
                assert!(calls <= budget.min(5) && calls >= 1);
                let mut columns: Vec<usize> = found.measured.iter().map(|m| m.0).collect();
                columns.sort_unstable();
                columns.dedup();
                assert_eq!(columns.len(), calls, "{method}: nothing is measured twice");
                assert!(columns.iter().all(|column| feasible.contains(column)));
                assert_eq!(found, run(method, budget, &feasible, 3).0, "{method} repeats");
                for (column, error) in found.measured {
                    assert_eq!(found.errors[column], error);
                }
            }
        }
        assert_ne!(
            run(Method::RandomMf, 3, &feasible, 1).0,
            run(Method::RandomMf, 3, &feasible, 2).0
        );
    }

    #[test]
    fn nothing_to_measure_is_an_error_and_failures_pass_through() {
        let (training, _) = task();
        let process = ProcessOptions::default();
        let mut none = |_: &[usize]| Err(PepppError::Stopped);
        for (feasible, budget) in [(&[][..], 2), (&[1, 2][..], 0), (&[1, 2][..], 2)] {
            let task = Task { training: &training, feasible, budget, seed: 1, process };
            for method in Method::ALL {
                assert!(estimate(method, &task, &mut none).is_err());
            }
        }
    }

    #[test]
    fn names_are_read_back() {
        for method in Method::ALL {
            assert_eq!(method.name().parse(), Ok(method));
        }
        assert!("svd".parse::<Method>().unwrap_err().contains("ed-mf, "));
    }
}
