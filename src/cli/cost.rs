//! `hwsim cost`.

mod arguments;
mod csv;
mod overview;
mod source;
mod table;
mod topology;

pub(super) use arguments::{CostArguments, Dimension};
pub(super) use source::{Task, of_model, stated_or};

use super::arguments::OutputFormat;
use super::errors::Failure;
use super::files::Files;
use super::model;
use super::{scale_sim, setup};
use crate::design::workload::CostReport;
use std::process::ExitCode;

pub(super) fn run(arguments: &CostArguments) -> Result<ExitCode, Failure> {
    let files = Files::default()
        .input("--topology", &arguments.topology)
        .input("the network", arguments.network().and_then(model::file_of))
        .input("--scale-sim-config", &arguments.scale_sim_config);
    let machines = arguments.machine.iter();
    machines
        .fold(files, |files, name| files.machine("--machine", name))
        .output("--output", arguments.output.file())
        .check()?;
    source::check_levels(arguments)?;
    if let (Some(config), Some(topology)) = (&arguments.scale_sim_config, &arguments.topology) {
        let reports = arguments.scale_sim_reports.as_deref();
        return scale_sim::run(
            config,
            topology,
            reports,
            arguments.explain_quirks,
            &arguments.output,
        );
    }
    let workload = source::workload(arguments)?;
    let options = source::options(arguments, &workload)?;
    let machines = arguments.machine.iter().map(|name| {
        let machine = setup::machine(name)?;
        let accumulator = arguments.accumulator.on(&machine)?;
        Ok::<_, Failure>((machine, accumulator))
    });
    let machines = machines.collect::<Result<Vec<_>, _>>()?;
    let report = CostReport::new(&workload, &machines, &options).map_err(Failure::usage)?;
    let text = match arguments.output.format() {
        OutputFormat::Table => table::render(&report),
        OutputFormat::Csv => csv::render(&report)?,
        OutputFormat::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
    };
    arguments.output.emit(&text)?;
    Ok(ExitCode::SUCCESS)
}
