//! Topologies of SCALE-Sim as workloads.

use crate::cli::errors::Failure;
use crate::cli::output;
use crate::design::workload::Workload;
use anyhow::Context as _;
use hwmodel::scale_sim::Topology;
use std::path::Path;

/// The workload of the topology in file `path`, named after the file. What is read otherwise than
/// SCALE-Sim reads it is a warning.
pub(super) fn workload(path: &Path) -> Result<Workload, Failure> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the topology `{}`", path.display()))
        .map_err(Failure::Usage)?;
    let file = path.display().to_string();
    let (topology, warnings) = Topology::parse(&file, &text).map_err(Failure::usage)?;
    for warning in warnings {
        output::note(&format!("hwsim: warning: {warning}"));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Workload::from_topology(&name, &topology).map_err(Failure::usage)
}
