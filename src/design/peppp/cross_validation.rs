//! Leave-one-out cross-validation over partitions: how well the others predict its frontier (papers/peppp.md section 3.4).

use super::gaussian_process::ProcessOptions;
use super::method::{MetaTraining, Method, Task, estimate};
use super::metrics::{convergence, hyper_diff, points, relative_error};
use super::sampling::{Sampling, sample};
use super::soft_impute::{SoftImputeOptions, soft_impute};
use super::{ErrorMatrix, PepppError};
use hwmodel::random::generator;
use rand_core::Rng as _;
use rayon::prelude::*;
use std::fmt;

/// Names the random numbers of an evaluation.
const PURPOSE: u64 = u64::from_be_bytes(*b"validate");

/// The seed of a repeat of leaving out row `row`: hashed, so that no other row, repeat or seed has it.
fn seed_of(seed: u64, row: usize, repeat: usize) -> u64 {
    generator(seed, &[PURPOSE, row as u64, repeat as u64]).next_u64()
}

/// A setting of the paper's table: what of the other partitions is known, and whether memory limits what may be measured on
/// the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// Full matrix, no cap.
    I,
    /// Full matrix, cap.
    II,
    /// Uniformly sampled matrix, no cap.
    III,
    /// Uniformly sampled matrix, cap.
    IV,
    /// Matrix sampled by memory, no cap.
    V,
    /// Matrix sampled by memory, cap.
    VI,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 6] = [Self::I, Self::II, Self::III, Self::IV, Self::V, Self::VI];

    /// Whether memory limits what may be measured.
    pub const fn capped(self) -> bool {
        matches!(self, Self::II | Self::IV | Self::VI)
    }

    /// Sampling of the measured entries on the other partitions.
    pub const fn sampling(self, options: &ValidationOptions) -> Sampling {
        match self {
            Self::I | Self::II => Sampling::Full,
            Self::III | Self::IV => Sampling::Uniform { ratio: options.ratio },
            Self::V | Self::VI => Sampling::NonUniform { p_max: options.p_max },
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::I => "I",
            Self::II => "II",
            Self::III => "III",
            Self::IV => "IV",
            Self::V => "V",
            Self::VI => "VI",
        })
    }
}

/// What is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidationOptions {
    /// Settings.
    pub settings: Vec<Setting>,
    /// Methods.
    pub methods: Vec<Method>,
    /// Numbers of measurements on the new partition.
    pub budgets: Vec<usize>,
    /// Rank of the factors.
    pub rank: usize,
    /// Share of entries that a uniform sample has.
    pub ratio: f64,
    /// Largest probability of a sample by memory.
    pub p_max: f64,
    /// Largest memory of a configuration that may be measured, in settings with a cap; `None` for the median of all entries.
    pub cap_mb: Option<f64>,
    /// Completion of samples.
    pub completion: SoftImputeOptions,
    /// Gaussian processes.
    pub process: ProcessOptions,
    /// Samples and random choices that are averaged.
    pub repeats: usize,
    /// Seed.
    pub seed: u64,
}

impl Default for ValidationOptions {
    /// The paper's: rank 3, 20 % of the entries, cap at the median; all methods and settings, 3 to 10 measurements, 5 repeats.
    fn default() -> Self {
        Self {
            settings: Setting::ALL.to_vec(),
            methods: Method::ALL.to_vec(),
            budgets: (3..=10).collect(),
            rank: 3,
            ratio: 0.2,
            p_max: 0.5,
            cap_mb: None,
            completion: SoftImputeOptions::default(),
            process: ProcessOptions::default(),
            repeats: 5,
            seed: 1,
        }
    }
}

/// One line of the result: means over partitions and repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidationRow {
    /// Setting.
    pub setting: Setting,
    /// Method.
    pub method: Method,
    /// Measurements allowed.
    pub budget: usize,
    /// Mean number of measurements made: a matrix of low rank has few pivots, and a cap may leave few configurations.
    pub measured: f64,
    /// Mean memory of all measurements of a partition, in MB.
    pub memory_mb: f64,
    /// Mean convergence.
    pub convergence: f64,
    /// Mean HyperDiff.
    pub hyper_diff: f64,
    /// Mean relative error of all predictions.
    pub relative_error: f64,
    /// Standard error of the mean HyperDiff over partitions (of their means over repeats).
    pub hyper_diff_error: f64,
    /// Standard error of the mean convergence over partitions.
    pub convergence_error: f64,
}

/// Numbers of one partition, method and budget, summed over repeats.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    measured: f64,
    memory_mb: f64,
    convergence: f64,
    hyper_diff: f64,
    relative_error: f64,
}

/// The median of the entries; with an even number, the mean of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// Leaves every partition of `matrix` out in turn, for each setting, method and budget: rows in that order. The result does
/// not depend on the number of threads.
///
/// # Errors
/// If errors are missing, there are fewer than 2 partitions, an option is impossible or a cap leaves nothing to measure.
pub fn validate(
    matrix: &ErrorMatrix,
    options: &ValidationOptions,
) -> Result<Vec<ValidationRow>, PepppError> {
    let errors = matrix.full("leaving partitions out")?;
    let (rows, _) = matrix.shape();
    if rows < 2 {
        return Err(PepppError::TooFewRows(rows));
    }
    let at_least_one = |what, value: usize| match value {
        0 => Err(PepppError::Number { what, value: 0.0, allowed: "at least 1" }),
        _ => Ok(()),
    };
    at_least_one("the number of repeats", options.repeats)?;
    for &budget in &options.budgets {
        at_least_one("a number of measurements", budget)?;
    }
    let cap = options.cap_mb.or_else(|| median(matrix.memory_mb.iter().copied()));
    let mut result = Vec::new();
    for &setting in &options.settings {
        let cap = cap.filter(|_| setting.capped()).unwrap_or(f64::INFINITY);
        // One list a partition, of one entry a method and budget.
        let sums: Vec<Vec<Sums>> = (0..rows)
            .into_par_iter()
            .map(|row| one_row(matrix, &errors, row, (setting, cap), options))
            .collect::<Result<_, _>>()?;
        let cases = options
            .methods
            .iter()
            .flat_map(|&method| options.budgets.iter().map(move |&budget| (method, budget)));
        for (case, (method, budget)) in cases.enumerate() {
            let mean_and_error = |of: fn(&Sums) -> f64| {
                let each: Vec<f64> =
                    sums.iter().map(|row| of(&row[case]) / options.repeats as f64).collect();
                let mean = each.iter().sum::<f64>() / rows as f64;
                let square: f64 = each.iter().map(|value| (value - mean).powi(2)).sum();
                (mean, (square / (rows - 1) as f64 / rows as f64).sqrt())
            };
            let (convergence, convergence_error) = mean_and_error(|sums| sums.convergence);
            let (hyper_diff, hyper_diff_error) = mean_and_error(|sums| sums.hyper_diff);
            result.push(ValidationRow {
                setting,
                method,
                budget,
                measured: mean_and_error(|sums| sums.measured).0,
                memory_mb: mean_and_error(|sums| sums.memory_mb).0,
                convergence,
                hyper_diff,
                relative_error: mean_and_error(|sums| sums.relative_error).0,
                hyper_diff_error,
                convergence_error,
            });
        }
    }
    Ok(result)
}

fn one_row(
    matrix: &ErrorMatrix,
    errors: &nalgebra::DMatrix<f64>,
    row: usize,
    (setting, cap): (Setting, f64),
    options: &ValidationOptions,
) -> Result<Vec<Sums>, PepppError> {
    let truth: Vec<f64> = errors.row(row).iter().copied().collect();
    let memory: Vec<f64> = matrix.memory_mb.row(row).iter().copied().collect();
    let feasible: Vec<usize> = (0..memory.len()).filter(|&column| memory[column] <= cap).collect();
    if feasible.is_empty() {
        let smallest_mb = memory.iter().copied().fold(f64::INFINITY, f64::min);
        return Err(PepppError::Cap { cap_mb: cap, smallest_mb });
    }
    let true_points = points(&memory, &truth)?;
    let (other_errors, other_memory) =
        (errors.clone().remove_row(row), matrix.memory_mb.clone().remove_row(row));
    let mut sums = vec![Sums::default(); options.methods.len() * options.budgets.len()];
    for repeat in 0..options.repeats {
        // Each row and repeat has its own sample; settings with and without a cap share it.
        let seed = seed_of(options.seed, row, repeat);
        let known = match setting.sampling(options) {
            Sampling::Full => other_errors.clone(),
            sampling => {
                let weights = sample(&other_memory, sampling, None, seed)?;
                soft_impute(&other_errors, &weights, &options.completion)?.values
            }
        };
        let training = MetaTraining::new(known, options.rank)?;
        let cases = options
            .methods
            .iter()
            .flat_map(|&method| options.budgets.iter().map(move |&budget| (method, budget)));
        for ((method, budget), sums) in cases.zip(&mut sums) {
            let process = options.process;
            let task = Task { training: &training, feasible: &feasible, budget, seed, process };
            let mut measure =
                |columns: &[usize]| Ok(columns.iter().map(|&column| truth[column]).collect());
            let found = estimate(method, &task, &mut measure)?;
            let estimated = points(&memory, &found.errors)?;
            sums.measured += found.measured.len() as f64;
            sums.memory_mb += found.measured.iter().map(|&(column, _)| memory[column]).sum::<f64>();
            sums.convergence += convergence(&true_points, &estimated);
            sums.hyper_diff += hyper_diff(&true_points, &estimated);
            sums.relative_error += relative_error(&truth, &found.errors);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::random::{generator, uniform_f64};
    use nalgebra::DMatrix;

    /// 12 × 9 errors of rank 2 with memory that grows from left to right.
    fn matrix(noise: f64) -> ErrorMatrix {
        let mut random = generator(2, &[9]);
        let left = DMatrix::from_fn(12, 2, |_, _| 0.2 + 0.5 * uniform_f64(&mut random));
        let right =
            DMatrix::from_fn(2, 9, |_, j| 0.6 * uniform_f64(&mut random) / (1.0 + j as f64 / 4.0));
        let errors =
            (left * right).map(|e| Some((e + noise * uniform_f64(&mut random)).clamp(0.0, 1.0)));
        let memory = DMatrix::from_fn(12, 9, |i, j| (10 + i + 10 * j) as f64);
        let names = |letter: &str, count| (0..count).map(|i| format!("{letter}{i}")).collect();
        ErrorMatrix::new(names("p", 12), names("c", 9), memory, &errors).unwrap()
    }

    fn options() -> ValidationOptions {
        ValidationOptions {
            rank: 2,
            budgets: vec![2, 4],
            repeats: 2,
            ratio: 0.6,
            p_max: 1.0,
            completion: SoftImputeOptions {
                lambda: 1e-3,
                iterations: 300,
                ..SoftImputeOptions::default()
            },
            ..ValidationOptions::default()
        }
    }

    #[test]
    fn a_matrix_of_low_rank_is_predicted_without_error() {
        let rows = validate(&matrix(0.0), &options()).unwrap();
        assert_eq!(rows.len(), 6 * 6 * 2);
        for row in rows.iter().filter(|row| row.method == Method::EdMf) {
            if matches!(row.setting, Setting::I | Setting::II) {
                assert!(row.hyper_diff < 1e-9 && row.relative_error < 1e-8, "{row:?}");
            }
            assert_eq!(row.measured, row.budget as f64);
        }
        // A cap at the median keeps to the cheaper configurations.
        let memory = |setting| {
            let of =
                |row: &&ValidationRow| row.setting == setting && row.method == Method::RandomMf;
            rows.iter().find(of).unwrap().memory_mb
        };
        assert!(memory(Setting::II) < memory(Setting::I));
    }

    #[test]
    fn rows_and_repeats_of_any_seeds_have_different_streams() {
        let mut all = std::collections::HashSet::new();
        let seeds = [0, 1, 2, 1 << 16, 1 << 17, 1 << 32, 3 << 32];
        for seed in seeds {
            for row in 0..20 {
                all.extend((0..20).map(|repeat| seed_of(seed, row, repeat)));
            }
        }
        assert_eq!(all.len(), seeds.len() * 20 * 20);
    }

    #[test]
    fn the_result_repeats_on_any_number_of_threads() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| validate(&matrix(0.1), &options()).unwrap())
        };
        let one = run(1);
        assert_eq!(one, run(3));
        let other = validate(&matrix(0.1), &ValidationOptions { seed: 2, ..options() }).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn what_cannot_be_validated_is_explained() {
        let error =
            |matrix: &ErrorMatrix, options: &_| validate(matrix, options).unwrap_err().to_string();
        let options = options();
        let small = ValidationOptions { cap_mb: Some(5.0), ..options.clone() };
        assert!(error(&matrix(0.0), &small).contains("5 MB"));
        let none = ValidationOptions { repeats: 0, ..options.clone() };
        assert!(error(&matrix(0.0), &none).contains("repeats"));
        let none = ValidationOptions { budgets: vec![0], ..options.clone() };
        assert!(error(&matrix(0.0), &none).contains("measurements"));
        let csv = "partition,configuration,memory_mb,error\na,c,1,0.5\n";
        let one = ErrorMatrix::read(csv.as_bytes(), "m").unwrap();
        assert!(error(&one, &options).contains("at least 2"));
        let csv = "partition,configuration,memory_mb,error\na,c,1,\nb,c,1,0.5\n";
        let missing = ErrorMatrix::read(csv.as_bytes(), "m").unwrap();
        assert!(error(&missing, &options).contains("1 of 2 errors are missing"));
    }

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
