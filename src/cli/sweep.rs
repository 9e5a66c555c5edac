//! `hwsim sweep`.

mod arguments;
mod designs;
mod networks;
pub(in crate::cli) mod progress;
mod training;

pub(super) use arguments::SweepArguments;
pub(super) use designs::machines_of;

use super::errors::Failure;
use super::files::Files;
use super::{interrupt, output, setup};
use crate::design::sweep::{
    self, ContentHash, Evaluation, Outcome, Parallelism, Plan, Shard, SweepError,
};
use anyhow::{Context as _, anyhow};
use arguments::{MergeArguments, Specification, SweepCommand};
use designs::{Designs, PointDesign};
use networks::Networks;
use shell_words::quote;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use training::Training;

/// Part of every key: results of other versions are not reused.
const VERSION: &str = concat!("hwsim ", env!("CARGO_PKG_VERSION"), " sweep 2");

/// What is evaluated for every point.
enum Workload {
    /// A trace or the shapes of a network.
    Costs(Networks),
    /// Training runs.
    Training(Box<Training>),
}

pub(super) fn run(arguments: &SweepArguments) -> Result<ExitCode, Failure> {
    if let Some(SweepCommand::Merge(merge)) = &arguments.command {
        return self::merge(merge);
    }
    let Some(out) = arguments.output.clone() else {
        return Err(Failure::usage(anyhow!("give --output FILE.csv, where the table goes")));
    };
    Files::default()
        .input("the sweep's file", &arguments.file)
        .output("--output", [&out])
        .check()?;
    let specification = arguments.specification()?;
    files(arguments, &specification, &out).check()?;
    if let Some(script) = &arguments.slurm {
        return slurm(arguments, script, &out);
    }
    setup::threads(arguments.threads.map(usize::from))?;
    let mut workload = if specification.train.is_some() {
        Workload::Training(Box::new(Training::new(&specification)?))
    } else {
        Workload::Costs(Networks::new(&specification)?)
    };
    let designs = Designs::new(&specification.grid, arguments.skip_impossible)?;
    let (plan, order) = plan(&designs, &mut workload)?;
    let stop = interrupt::install();
    let progress = progress::Shown::new(arguments.quiet);
    let evaluate = |index: usize| {
        let design = &designs.all[order[index]];
        let cells = match &workload {
            Workload::Costs(networks) => networks.evaluate(design),
            Workload::Training(training) => training.evaluate(design, &stop),
        };
        cells.map_err(|failure| {
            let reason = failure.into_error();
            let point = design.made.point.to_string();
            SweepError::Point { point, reason: format!("{reason:#}") }
        })
    };
    let evaluation = Evaluation {
        evaluate: &evaluate,
        progress: &|done, of| progress.show(done, of),
        stop: &stop,
        parallelism: match workload {
            Workload::Costs(_) => Parallelism::Shared,
            Workload::Training(_) => Parallelism::One,
        },
    };
    let log = log_of(&out, arguments.shard);
    let outcome = sweep::run(&plan, &log, arguments.shard, &evaluation);
    progress.finish();
    let outcome = match outcome {
        // A run that was stopped in its middle is no failure.
        Err(SweepError::Point { .. }) if stop.load(std::sync::atomic::Ordering::SeqCst) => {
            output::note("stopped; the same command resumes from here");
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        }
        other => other?,
    };
    report(arguments, &plan, &log, outcome, &out, designs.impossible)
}

/// What the sweep reads and writes.
fn files(arguments: &SweepArguments, specification: &Specification, out: &Path) -> Files {
    let files = Files::default()
        .input("the sweep's file", &arguments.file)
        .input("--trace", &specification.trace)
        .input("the network", specification.network.file())
        .output("--output", [out])
        .growing("the log of --output", [log_of(out, arguments.shard)])
        .output("--slurm", &arguments.slurm);
    let setting = |name: &str| specification.train.as_ref()?.get(name)?.as_str();
    let files = files.data(setting("data-dir").map(PathBuf::from).as_ref());
    let machines = specification.grid.values("machine").filter_map(toml::Value::as_str);
    machines.fold(files, |files, name| files.machine("the axis `machine`", name))
}

/// Says how it ended, and writes the table if it is complete.
fn report(
    arguments: &SweepArguments,
    plan: &Plan,
    log: &Path,
    outcome: Outcome,
    out: &Path,
    impossible: usize,
) -> Result<ExitCode, Failure> {
    let Outcome { evaluated, cached, damaged, left } = outcome;
    if damaged > 0 {
        output::note(&format!(
            "hwsim: {damaged} lines of `{}` were damaged and not used",
            log.display()
        ));
    }
    if left > 0 {
        output::note(&format!(
            "stopped with {left} points to go; the same command resumes from here"
        ));
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    }
    if arguments.shard.is_none() {
        output::write(out, &String::from_utf8(sweep::table(plan, log)?)?).with_context(|| {
            let log = log.display();
            format!("every point is in `{log}`, and the same command makes the table from it")
        })?;
    }
    if !arguments.quiet {
        if impossible > 0 {
            output::note(&format!("{impossible} impossible points left out"));
        }
        let place = if arguments.shard.is_none() { out } else { log };
        output::note(&format!(
            "{evaluated} points evaluated, {cached} from the log: `{}`",
            place.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The plan, and which design each of its points is (designs that are alike make one point).
fn plan(designs: &Designs, workload: &mut Workload) -> Result<(Plan, Vec<usize>), Failure> {
    let results = match workload {
        Workload::Costs(networks) => networks.columns(),
        Workload::Training(training) => training.columns(),
    };
    let mut plan = Plan { axes: designs.axes.clone(), results, points: Vec::new() };
    let (mut seen, mut order) = (HashSet::new(), Vec::new());
    for (index, design) in designs.all.iter().enumerate() {
        let key = ContentHash::default().with(VERSION).with(&design.made.text);
        let key = key.with(&design.own_table);
        let key = match workload {
            Workload::Costs(networks) => networks.key(design, key),
            Workload::Training(training) => training.prepare(design, key),
        };
        let key = key.map_err(|failure| at_point(design, failure))?;
        let cells = designs.axes.iter().map(|axis| design.made.point.cell(axis)).collect();
        plan.push(key, cells, &mut seen);
        order.resize(plan.points.len(), index);
    }
    Ok((plan, order))
}

/// A failure with the point that it happened at.
fn at_point(design: &PointDesign, failure: Failure) -> Failure {
    let point = format!("point {}", design.made.point);
    match failure {
        Failure::Usage(error) => Failure::Usage(error.context(point)),
        other => Failure::Run(other.into_error().context(point)),
    }
}

/// The results log of `out`, or of one shard of it.
fn log_of(out: &Path, shard: Option<Shard>) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    match shard {
        None => name.push(".log"),
        Some(Shard { index, of }) => name.push(format!(".shard-{index}-of-{of}.log")),
    }
    name.into()
}

fn slurm(arguments: &SweepArguments, script: &Path, out: &Path) -> Result<ExitCode, Failure> {
    let shards = usize::from(arguments.shards);
    let logs: Vec<String> = (0..shards)
        .map(|index| log_of(out, Some(Shard { index, of: shards })).display().to_string())
        .collect();
    let text = sweep::script(
        &without_slurm(std::env::args().skip(2)),
        &out.display().to_string(),
        &logs,
        shards,
    );
    output::write(script, &text)?;
    output::note(&format!("submit with: sh {} submit", quote(&script.display().to_string())));
    Ok(ExitCode::SUCCESS)
}

/// The arguments that a task gets too.
fn without_slurm(arguments: impl Iterator<Item = String>) -> Vec<String> {
    const OWN: [&str; 3] = ["--slurm", "--shards", "--threads"];
    let mut kept = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        if OWN.contains(&argument.as_str()) {
            arguments.next();
        } else if !OWN.iter().any(|own| argument.starts_with(&format!("{own}="))) {
            kept.push(argument);
        }
    }
    kept
}

fn merge(arguments: &MergeArguments) -> Result<ExitCode, Failure> {
    Files::default()
        .input("a log", &arguments.logs)
        .output("--output", [&arguments.output])
        .check()?;
    let table = sweep::merge(&arguments.logs)?;
    output::write(&arguments.output, &String::from_utf8(table)?)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_gets_the_arguments_of_the_sweep_only() {
        let given =
            ["--rows", "8", "--slurm", "job.sh", "--shards=4", "--threads", "2", "--out", "x.csv"];
        let kept = without_slurm(given.into_iter().map(str::to_owned));
        assert_eq!(kept, ["--rows", "8", "--out", "x.csv"]);
        let log = log_of(Path::new("a/x.csv"), Some(Shard { index: 1, of: 4 }));
        assert_eq!(log, Path::new("a/x.csv.shard-1-of-4.log"));
    }
}
