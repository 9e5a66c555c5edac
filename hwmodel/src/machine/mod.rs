//! A machine: MAC array, memories, vector unit and energy table, from a TOML description.
//!
//! [`Machine::from_toml`] turns text into a checked machine once; [`Machine::cost`] gives cycles,
//! traffic and energy of a matrix product on it. Features that the model lacks are refused when the
//! description is read, never accepted and ignored. Every key, its unit, range and default:
//! `docs/machine.md`.
//!
//! ```
//! use hwmodel::machine::Machine;
//! use hwmodel::product::{ByOperand, GemmKind, GemmShape, GemmWork};
//! let machine = Machine::builtin("edge-16x16")?;
//! let bits = ByOperand { input: 8, weight: 4, output: 8 };
//! let shape = GemmShape { m: 1024, n: 64, k: 576 };
//! let work = GemmWork::fixed(GemmKind::Forward, shape, bits, 24)?;
//! let cost = machine.cost(&work);
//! assert_eq!(cost.cycles.compute, 64 * 4 * (15 + 15 + 576 + 16));
//! assert!(cost.energy.total_pj() > 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod area;
mod builtin;
mod cost;
mod description;
mod error;
mod mac_cost;
mod parts;
mod peak;
mod weight_update;

pub use crate::timing::{Array, Dataflow, MacUnit, Memory, Reuse};
pub use area::Area;
pub use cost::Cost;
pub use error::MachineError;
pub use mac_cost::{GuardBits, MacCost};
pub use parts::{Reconfiguration, VectorUnit};
pub use weight_update::WeightUpdate;

use crate::Accumulator;
use crate::energy::{EnergyModel, EnergyTables};
use crate::product::ByOperand;

/// A checked machine description.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    name: String,
    array: Array,
    dataflow: Dataflow,
    mac: MacUnit,
    accumulator: Accumulator,
    memory: Memory,
    reconfiguration: Reconfiguration,
    vector_unit: VectorUnit,
    clock_mhz: f64,
    energy: EnergyModel,
    sram_pj_per_bit: ByOperand<f64>,
}

impl Machine {
    /// The name of the default machine.
    pub const DEFAULT: &'static str = "edge-16x16";

    /// Reads the TOML description `text`; `name` is the machine's name, used in messages,
    /// `tables` are the energy tables that it may name.
    ///
    /// # Errors
    /// If the text is not TOML, a key is unknown, missing, out of range or not supported, or the energy
    /// table lacks what the model needs. The message names file, line, key and allowed values.
    pub fn from_toml(text: &str, name: &str, tables: &EnergyTables) -> Result<Self, MachineError> {
        description::read(text, name, tables)
    }

    /// The name of the energy table that the TOML description `text` names, if it can be found, so that a caller
    /// can provide the table before it reads the machine.
    pub fn energy_table_in(text: &str) -> Option<String> {
        let keys: toml::Table = text.parse().ok()?;
        keys.get("energy")?.get("table")?.as_str().map(str::to_owned)
    }

    /// The shipped machine `name`, one of [`Machine::names`].
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn builtin(name: &str) -> Result<Self, MachineError> {
        let text = Self::builtin_toml(name)?;
        Self::from_toml(text, name, &EnergyTables::builtin()?)
    }

    /// The TOML description of the shipped machine `name`, as a template for user-defined machines.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn builtin_toml(name: &str) -> Result<&'static str, MachineError> {
        builtin::toml(name)
    }

    /// The names of the shipped machines.
    pub fn names() -> impl Iterator<Item = &'static str> {
        builtin::names()
    }

    /// The machine's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows and columns of the MAC array.
    pub fn array(&self) -> Array {
        self.array
    }

    /// The dataflow: which operand is stationary.
    pub fn dataflow(&self) -> Dataflow {
        self.dataflow
    }

    /// How a processing element multiplies.
    pub fn mac(&self) -> &MacUnit {
        &self.mac
    }

    /// Width and overflow policy of the accumulators.
    pub fn accumulator(&self) -> Accumulator {
        self.accumulator
    }

    /// Accumulator width in bits for sums of `terms` products of `wl_a` by `wl_b` bits: the machine's,
    /// or for `exact` the width at which nothing can overflow.
    pub fn accumulator_bits(&self, wl_a: u32, wl_b: u32, terms: u64) -> u32 {
        self.accumulator.width.bits_for(wl_a, wl_b, terms)
    }

    /// SRAM and DRAM.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Cost of one reconfiguration.
    pub fn reconfiguration(&self) -> Reconfiguration {
        self.reconfiguration
    }

    /// The float32 vector unit.
    pub fn vector_unit(&self) -> VectorUnit {
        self.vector_unit
    }

    /// Clock in MHz.
    pub fn clock_mhz(&self) -> f64 {
        self.clock_mhz
    }

    /// Time in seconds of `cycles` clock cycles.
    pub fn seconds(&self, cycles: u128) -> f64 {
        cycles as f64 / (self.clock_mhz * 1e6)
    }

    /// The energy model: table, node and energies per operation and access.
    pub fn energy(&self) -> &EnergyModel {
        &self.energy
    }
}
