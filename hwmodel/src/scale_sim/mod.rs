//! SCALE-Sim 3.0.0's timing of systolic arrays, number for number.
//!
//! Reads SCALE-Sim's configuration ([`Config`]) and topology ([`Topology`]) files, simulates every layer
//! ([`simulate`]) and writes its three reports ([`Reports`]): cycles, stalls, utilisation, SRAM and DRAM accesses
//! and bandwidths, for the dataflows `os`, `ws`, `is` and the memory modes CALC and USER. Where SCALE-Sim's answer
//! is not what hardware would do, it is reproduced, and [`quirks`] says by how much it differs;
//! [`timing`](crate::timing) is hwsim's own model.
//!
//! Everything that does not depend on time is found first: which line of the schedule makes a read buffer miss or
//! prefetch (`read_buffer`, `prefetch`), from closed forms where the buffer holds the operand. Then `timeline` puts
//! prefetches and the output buffer in order, jumping from one decision to the next.
//!
//! ```
//! use hwmodel::scale_sim::{Config, Reports, Topology, simulate};
//!
//! let config = "
//! [general]
//! run_name = example
//! [architecture_presets]
//! ArrayHeight: 16
//! ArrayWidth: 16
//! IfmapSramSzkB: 64
//! FilterSramSzkB: 64
//! OfmapSramSzkB: 64
//! Dataflow: os
//! [run_presets]
//! InterfaceBandwidth: CALC
//! ";
//! let (config, _warnings) = Config::parse("example.cfg", config)?;
//! let topology = "Layer name, IFMAP Height, ...\nConv1, 32, 32, 5, 5, 1, 6, 1,\n";
//! let (topology, _warnings) = Topology::parse("example.csv", topology)?;
//! let layers = simulate(&config, &topology)?;
//! assert_eq!(layers[0].total_cycles, 2694);
//! assert!(Reports::new(&layers).compute.contains("\n0, 3118, 2694, 0, "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod closed_form;
mod config;
mod demand;
mod error;
mod folds;
mod geometry;
mod ini;
mod layer;
mod output_buffer;
mod prefetch;
mod prefetch_order;
pub mod quirks;
mod read_buffer;
#[cfg(test)]
mod replay;
mod report;
mod result;
mod skew;
mod timeline;
mod topology;
mod traffic;
mod warning;
mod window;

pub use config::{Config, Interface};
pub use error::{ConfigError, ShapeError, SimulationError, TopologyError};
pub use folds::{Array, Dataflow};
pub use geometry::{Dimensions, LayerShape};
pub use report::Reports;
pub use result::{Accesses, LayerResult};
pub use topology::{Layer, Topology, TopologyWarning, TopologyWarningKind};
pub use warning::{ConfigWarning, ConfigWarningKind};

use layer::LayerModel;
use rayon::prelude::*;
use std::collections::HashMap;
use timeline::LatePrefetch;

/// Simulates all layers of `topology`, one after another on an empty array; layers do not overlap.
///
/// # Errors
/// If a layer ends in cycle 0, a buffer is too small for the rules, counts exceed 63 bits, or an operand is too large
/// to be replayed.
pub fn simulate(config: &Config, topology: &Topology) -> Result<Vec<LayerResult>, SimulationError> {
    by_shape(topology, |layer| {
        let model = LayerModel::new(config, layer)?;
        let timed = model.run(&config.interface, LatePrefetch::ChargedTwice);
        Ok(model.result(&timed))
    })
    .map(|results| {
        let named = |(result, layer): (LayerResult, &Layer)| LayerResult {
            name: layer.name.clone(),
            ..result
        };
        results.into_iter().zip(&topology.layers).map(named).collect()
    })
}

/// `answer` for every layer, worked out once for layers of the same shape; the first error in their order.
fn by_shape<T: Clone + Send>(
    topology: &Topology,
    answer: impl Fn(&Layer) -> Result<T, SimulationError> + Sync,
) -> Result<Vec<T>, SimulationError> {
    let mut first = HashMap::new();
    let mut distinct = Vec::new();
    let mut which = Vec::new();
    for layer in &topology.layers {
        let index = *first.entry(layer.shape).or_insert_with(|| {
            distinct.push(layer);
            distinct.len() - 1
        });
        which.push(index);
    }
    let answers: Vec<Result<T, SimulationError>> = if rayon::current_num_threads() == 1 {
        distinct.iter().map(|layer| answer(layer)).collect()
    } else {
        distinct.par_iter().map(|layer| answer(layer)).collect()
    };
    let answers = answers.into_iter().collect::<Result<Vec<T>, SimulationError>>()?;
    Ok(which.into_iter().map(|index| answers[index].clone()).collect())
}
