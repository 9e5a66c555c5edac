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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::ByOperand;
    use std::num::NonZeroU32;

    fn config(size: u32, dataflow: Dataflow, words: u64) -> Config {
        let size = NonZeroU32::new(size).unwrap();
        Config {
            run_name: "test".to_owned(),
            array: Array { rows: size, columns: size },
            dataflow,
            sram_words: ByOperand { input: words, weight: words, output: words },
            interface: Interface::Calculated,
        }
    }

    fn gemm(m: u32, n: u32, k: u32) -> Topology {
        let shape = LayerShape::gemm(m, n, k).unwrap();
        Topology { layers: vec![Layer { name: "G".to_owned(), shape }] }
    }

    fn message(config: &Config, topology: &Topology) -> String {
        simulate(config, topology).unwrap_err().to_string()
    }

    #[test]
    fn a_layer_that_ends_in_cycle_0_is_an_error() {
        let unit = config(1, Dataflow::OutputStationary, 1024);
        assert!(message(&unit, &gemm(1, 1, 1)).contains("layer `G`: a 1x1x1 product"));
        assert_eq!(simulate(&unit, &gemm(1, 1, 2)).unwrap()[0].total_cycles, 1);
        let loaded = config(1, Dataflow::WeightStationary, 1024);
        assert_eq!(simulate(&loaded, &gemm(1, 1, 1)).unwrap()[0].total_cycles, 1);
    }

    #[test]
    fn buffers_without_an_answer_are_errors() {
        let small = config(4, Dataflow::OutputStationary, 99);
        assert!(message(&small, &gemm(5, 5, 5)).contains("ifmap buffer has 99 words"));
        let huge = config(4, Dataflow::OutputStationary, u64::MAX);
        assert!(message(&huge, &gemm(5, 5, 5)).contains("100 to 2^41"));
    }

    #[test]
    fn huge_layers_end_in_an_answer_or_an_error() {
        let most = i32::MAX as u32;
        // One fold of 2^31 - 1 streamed elements.
        let wide = config(8, Dataflow::WeightStationary, 1 << 20);
        let long = simulate(&wide, &gemm(most, 8, 8)).unwrap();
        assert_eq!(long[0].total_cycles, i64::from(most) + 24 - 3);
        let unit = config(1, Dataflow::OutputStationary, 1024);
        assert!(message(&unit, &gemm(most, most, most)).contains("exceed 2^63"));
        let shape = LayerShape::convolution([most; 2], [most; 2], most, 1, 1).unwrap();
        let topology = Topology { layers: vec![Layer { name: "C".to_owned(), shape }] };
        assert!(message(&unit, &topology).contains("layer `C`"));
        let array = config(1 << 15, Dataflow::OutputStationary, 1024);
        let tables = message(&array, &gemm(1 << 16, 1 << 16, 1 << 16));
        assert!(tables.contains("the ifmap has 4294967296 elements"), "{tables}");
    }

    #[test]
    fn equal_shapes_keep_their_names() {
        let mut topology = gemm(20, 30, 40);
        topology.layers.push(Layer { name: "H".to_owned(), ..topology.layers[0].clone() });
        let layers = simulate(&config(8, Dataflow::InputStationary, 1024), &topology).unwrap();
        assert_eq!(layers[1].name, "H");
        assert_eq!(layers[0], LayerResult { name: "G".to_owned(), ..layers[1].clone() });
    }
}
