//! `hwsim cost`.

mod arguments;
mod csv;
mod source;
mod table;
mod topology;

pub(super) use arguments::CostArguments;

use super::errors::Failure;
use super::{output, scale_sim, setup};
use crate::workload::CostReport;
use arguments::Output;
use std::process::ExitCode;

pub(super) fn run(arguments: &CostArguments) -> Result<ExitCode, Failure> {
    if let (Some(config), Some(topology)) = (&arguments.scale_sim_config, &arguments.topology) {
        let reports = arguments.scale_sim_reports.as_deref();
        return scale_sim::run(config, topology, reports, arguments.explain_quirks);
    }
    let workload = source::workload(arguments)?;
    let options = source::options(arguments)?;
    let machines = arguments.machine.iter().map(|name| setup::machine(name));
    let machines = machines.collect::<Result<Vec<_>, _>>()?;
    let report = CostReport::new(&workload, &machines, &options).map_err(Failure::usage)?;
    let text = match arguments.output {
        Output::Table => table::render(&report),
        Output::Csv => csv::render(&report)?,
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
