//! `hwsim pareto measure`.

use super::entries::{AXES, Entries, PartitionData, RESULTS, log_of};
use super::files::table;
use super::training::{PartitionArguments, TrainingArguments};
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::cli::{interrupt, output, setup};
use crate::design::peppp::sampling::{Sampling, sample};
use crate::design::peppp::{Configuration, PepppError};
use anyhow::Context as _;
use nalgebra::DMatrix;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A measurement that was stopped resumes when the same command is given again. docs/peppp.md explains configurations, partitions and the table."
)]
pub(in crate::cli) struct MeasureArguments {
    #[command(flatten)]
    partitions: PartitionArguments,
    #[command(flatten)]
    training: TrainingArguments,
    /// Configurations: wl8-fl4, wl8-fl4/wl16-fl12 (weights and activations, then gradients), 1-4-1/1-6-7, or
    /// `minifloats` for the 99 of the paper.
    #[arg(long, value_name = "LIST", value_delimiter = ',', required = true)]
    configurations: Vec<String>,
    /// Measure only this share of the entries, chosen at random; the others are in the table without error.
    #[arg(long, value_name = "SHARE", conflicts_with = "p_max", help_heading = "Sample")]
    ratio: Option<f64>,
    /// Measure an entry with a probability that grows with 1/memory up to this.
    #[arg(long, value_name = "P", help_heading = "Sample")]
    p_max: Option<f64>,
    /// Measure no entry with more memory than this (bytes, or with kB, MB, GB).
    #[arg(long, value_name = "SIZE", help_heading = "Sample")]
    memory_cap: Option<super::memory_size::MemorySize>,
    /// Seed of the sample.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Sample")]
    sample_seed: u64,
    /// The table; results so far are next to it in FILE.csv.log.
    #[arg(short, long, alias = "out", value_name = "FILE.csv")]
    output: PathBuf,
    /// Training runs at a time, each on one thread [default: one a core].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: &MeasureArguments) -> Result<ExitCode, Failure> {
    let configurations = configurations(&arguments.configurations).map_err(Failure::usage)?;
    Files::default()
        .data(arguments.training.data_dir())
        .machine("--set machine", arguments.training.machine().unwrap_or_default())
        .output("--output", [&arguments.output])
        .growing("the log of --output", [log_of(&arguments.output)])
        .check()?;
    let (setup, paths) = arguments.training.setup()?;
    let text = setup.options.text;
    let dataset = setup::dataset(setup.options.dataset, &text, paths.data_dir, None, (None, None))?;
    let size = arguments.partitions.size();
    let mut partitions = Vec::new();
    for partition in arguments.partitions.partitions(&dataset)? {
        let data = partition.select(&dataset, size).map_err(Failure::usage)?;
        let name = (partition.name, partition.seed);
        partitions.push(PartitionData::new(name, data, &setup).map_err(Failure::usage)?);
    }
    drop(dataset);
    let memory_mb = DMatrix::from_fn(partitions.len(), configurations.len(), |row, column| {
        partitions[row].footprint.megabytes(configurations[column])
    });
    let sampling = match (arguments.ratio, arguments.p_max) {
        (Some(ratio), _) => Sampling::Uniform { ratio },
        (None, Some(p_max)) => Sampling::NonUniform { p_max },
        (None, None) => Sampling::Full,
    };
    let cap = arguments.memory_cap.map(|cap| cap.megabytes());
    let weights =
        sample(&memory_mb, sampling, cap, arguments.sample_seed).map_err(Failure::usage)?;
    let all: Vec<(usize, usize)> = (0..partitions.len())
        .flat_map(|row| (0..configurations.len()).map(move |column| (row, column)))
        .collect();
    let chosen = all.iter().filter(|&&place| weights[place] > 0.0);
    let chosen = chosen.map(|&(row, column)| (row, configurations[column])).collect();
    let entries = Entries::new(&setup, &partitions, chosen)?;
    let log = log_of(&arguments.output);
    let Some(outcome) = entries.run(&log, arguments.threads, arguments.quiet)? else {
        output::note("stopped; the same command resumes from here");
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    };
    let mut measured = entries.rows(&log)?.into_iter();
    let mut rows = Vec::with_capacity(all.len());
    for (row, column) in all {
        rows.extend(if weights[(row, column)] > 0.0 {
            measured.next()
        } else {
            let mut cells = partitions[row].cells(configurations[column]);
            cells.resize(AXES.len() + RESULTS.len(), String::new());
            Some(cells)
        });
    }
    let header: Vec<&str> = AXES.into_iter().chain(RESULTS).collect();
    output::write(&arguments.output, &table(&header, &rows)?).with_context(|| {
        let log = log.display();
        format!("every result is in `{log}`, and the same command makes the table from it")
    })?;
    if !arguments.quiet {
        output::note(&format!(
            "{} configurations on {} partitions, {} trained, {} from the log: `{}`",
            configurations.len(),
            partitions.len(),
            outcome.evaluated,
            outcome.cached,
            arguments.output.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The configurations named in `texts`.
fn configurations(texts: &[String]) -> Result<Vec<Configuration>, PepppError> {
    let mut all: Vec<Configuration> = Vec::new();
    for text in texts {
        let named = match text.trim() {
            "minifloats" => Configuration::minifloats(),
            text => vec![text.parse()?],
        };
        for configuration in named {
            if all.contains(&configuration) {
                return Err(PepppError::TwoConfigurations(configuration.to_string()));
            }
            all.push(configuration);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_configurations_once_each() {
        let of = |texts: &[&str]| {
            configurations(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of(&["minifloats", "wl8-fl4"]).unwrap().len(), 100);
        let error = of(&["minifloats", "1-4-1/1-6-7"]).unwrap_err().to_string();
        assert!(error.contains("`1-4-1/1-6-7` is named twice"), "{error}");
        assert!(of(&["wl8"]).is_err());
    }
}
