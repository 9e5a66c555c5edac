//! What `hwsim cost` takes from SCALE-Sim: topologies, and its configurations in place of a machine.

use super::arguments::CostArguments;
use crate::cli::errors::Failure;
use crate::workload::Workload;
use anyhow::anyhow;
use std::path::Path;
use std::process::ExitCode;

/// The workload of topology `path`.
pub(super) fn topology(path: &Path) -> Result<Workload, Failure> {
    Err(Failure::usage(anyhow!(
        "cannot read topology `{}`: this build has no reader of SCALE-Sim's files",
        path.display()
    )))
}

/// The cost of the workload by the conventions of SCALE-Sim's configuration `config`.
pub(super) fn run(config: &Path, _arguments: &CostArguments) -> Result<ExitCode, Failure> {
    Err(Failure::usage(anyhow!(
        "cannot use configuration `{}`: this build has no reader of SCALE-Sim's files",
        config.display()
    )))
}
