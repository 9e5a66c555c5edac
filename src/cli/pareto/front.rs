//! `hwsim pareto front`.

use crate::chart::standalone;
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::cli::output;
use crate::design::pareto::{Axis, Goal, Plot, Quantity, Question, Table};
use anyhow::{Context as _, anyhow};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = "docs/explore.md explains fronts, ties and short names of columns.")]
pub(in crate::cli) struct FrontArguments {
    /// Table with a header, such as those of `hwsim sweep` and `hwsim replay --format csv`.
    #[arg(value_name = "FILE.csv")]
    table: PathBuf,
    /// Columns of which less is better.
    #[arg(long, visible_alias = "minimize", value_name = "COLUMN", value_delimiter = ',')]
    minimise: Vec<String>,
    /// Columns of which more is better.
    #[arg(long, visible_alias = "maximize", value_name = "COLUMN", value_delimiter = ',')]
    maximise: Vec<String>,
    /// Columns whose values make groups: each has its own front, and its own colour in the picture.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    group: Vec<String>,
    /// Leave rows without a number in a goal off the front; otherwise they are an error.
    #[arg(long)]
    skip_incomplete: bool,
    /// Write the table with a column `pareto` (true or false); may be the same file.
    #[arg(short, long, alias = "csv", value_name = "FILE.csv")]
    output: Option<PathBuf>,
    /// Draw the rows with the front.
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Title of the picture [default: the two goals and the file].
    #[arg(long, value_name = "TEXT", requires = "svg")]
    title: Option<String>,
    /// Goal across [default: the first].
    #[arg(long, value_name = "COLUMN", requires = "svg")]
    x: Option<String>,
    /// Goal upwards [default: the second].
    #[arg(long, value_name = "COLUMN", requires = "svg")]
    y: Option<String>,
}

pub(super) fn run(arguments: &FrontArguments) -> Result<ExitCode, Failure> {
    let with = |names: &[String], goal| {
        names.iter().map(|name| (name.trim().to_owned(), goal)).collect::<Vec<_>>()
    };
    let mut goals = with(&arguments.minimise, Goal::Minimise);
    goals.extend(with(&arguments.maximise, Goal::Maximise));
    if goals.is_empty() {
        return Err(Failure::usage(anyhow!("give --minimise or --maximise with a column")));
    }
    // The table may gain its column in place.
    let files =
        Files::default().output("--output", &arguments.output).output("--svg", &arguments.svg);
    let in_place = Files::default().input("", [&arguments.table]).growing("", &arguments.output);
    let files = match in_place.check() {
        Ok(()) => files.input("the table", [&arguments.table]),
        Err(_) => files,
    };
    files.check()?;
    let name = arguments.table.display().to_string();
    let text = std::fs::read(&arguments.table).with_context(|| format!("cannot read `{name}`"))?;
    let groups: Vec<String> =
        arguments.group.iter().map(|column| column.trim().to_owned()).collect();
    let skip_incomplete = arguments.skip_incomplete;
    let question = Question { goals: &goals, groups: &groups, skip_incomplete };
    let table = Table::read(text.as_slice(), &name, &question).map_err(Failure::usage)?;
    let picture = arguments.svg.as_ref().map(|_| picture(arguments, &table)).transpose()?;
    let mut outputs = output::Attempts::default();
    outputs.add(output::print(&table.render()));
    if let Some(path) = &arguments.output {
        outputs.add(output::write(path, &String::from_utf8(table.to_csv()?)?));
    }
    if let (Some(path), Some(picture)) = (&arguments.svg, picture) {
        outputs.add(output::write(path, &picture).context("--svg"));
    }
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn picture(arguments: &FrontArguments, table: &Table) -> Result<String, Failure> {
    let names: Vec<&str> = table.goal_names().collect();
    let axis = |flag: &str, asked: &Option<String>, default: usize| {
        let index = match asked {
            Some(name) => table.goal_index(name),
            None => Some(default).filter(|&index| index < names.len()),
        };
        index.ok_or_else(|| {
            Failure::usage(anyhow!(
                "--svg needs two goals: give --{flag} one of {}",
                names.join(", ")
            ))
        })
    };
    let (across, up) = (axis("x", &arguments.x, 0)?, axis("y", &arguments.y, 1)?);
    let axis = |goal: usize| Axis { column: names[goal], goal: table.goal(goal) };
    let quantity = |goal: usize| Quantity::of(names[goal]).name;
    let file = arguments.table.file_name().unwrap_or(arguments.table.as_os_str());
    let title = arguments.title.clone().unwrap_or_else(|| {
        format!("{} and {}: {}", quantity(up), quantity(across), file.to_string_lossy())
    });
    let plot = Plot {
        title: &title,
        heading: true,
        x: axis(across),
        y: axis(up),
        width: 720.0,
        height: 400.0,
        groups: &table.points(across, up),
        common_front: arguments.group.is_empty(),
    };
    Ok(standalone(&plot.draw().svg))
}
