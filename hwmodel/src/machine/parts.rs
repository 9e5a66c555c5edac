//! Reconfiguration and vector unit of a machine.

use serde::Serialize;

/// Cost of one reconfiguration of the array, e.g. to other word lengths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reconfiguration {
    /// Cycles in which the array does nothing else.
    pub latency_cycles: u64,
    /// Energy in pJ.
    pub energy_pj: f64,
}

/// The float32 vector unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VectorUnit {
    /// Float32 operations per cycle.
    pub float32_lanes: u64,
}
