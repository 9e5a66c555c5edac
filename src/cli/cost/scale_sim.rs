//! What `hwsim cost` takes from SCALE-Sim: topologies, and its configurations in place of a machine.

use super::arguments::CostArguments;
use crate::cli::errors::Failure;
use crate::cli::scale_sim;
use crate::workload::Workload;
use crate::workload::topology::{TopologyLayer, TopologySizes};
use anyhow::{Context as _, anyhow};
use hwmodel::scale_sim::{Layer, Topology};
use std::path::Path;
use std::process::ExitCode;

/// The workload of topology `path`.
pub(super) fn topology(path: &Path) -> Result<Workload, Failure> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the topology `{}`", path.display()))
        .map_err(Failure::Usage)?;
    let (topology, warnings) =
        Topology::parse(&path.display().to_string(), &text).map_err(Failure::usage)?;
    for warning in warnings {
        eprintln!("hwsim: warning: {warning}");
    }
    let lines: Vec<TopologyLayer> = topology.layers.iter().map(line).collect();
    let name = path.file_stem().map_or("topology".into(), |stem| stem.to_string_lossy());
    Workload::from_topology(&name, &lines).map_err(Failure::usage)
}

/// A layer's sizes; a convolution of whole one-line windows of one channel is a matrix product.
fn line(layer: &Layer) -> TopologyLayer {
    let shape = &layer.shape;
    let [input, kernel] = [shape.input(), shape.filter()].map(|sizes| sizes.map(u64::from));
    let (channels, filters) = (shape.channels().into(), shape.filters().into());
    let sizes = if kernel == [1, input[1]] && channels == 1 && shape.stride() == 1 {
        TopologySizes::Gemm { m: input[0], n: filters, k: input[1] }
    } else {
        let stride = [shape.stride().into(); 2];
        TopologySizes::Convolution { input, kernel, channels, filters, stride }
    };
    TopologyLayer { name: layer.name.clone(), sizes }
}

/// The cost of the topology by the conventions of SCALE-Sim's configuration `config`.
pub(super) fn run(config: &Path, arguments: &CostArguments) -> Result<ExitCode, Failure> {
    let Some(topology) = &arguments.topology else {
        return Err(Failure::usage(anyhow!(
            "`--scale-sim-config` costs a topology of SCALE-Sim: give it with --topology FILE.csv"
        )));
    };
    let reports = arguments.scale_sim_reports.as_deref();
    scale_sim::run(config, topology, reports, arguments.explain_quirks)
}
