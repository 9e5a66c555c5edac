//! Result of an estimate: cost by layer and pass, and totals.

use super::error::WorkloadError;
use super::estimate::{Options, Pass, estimate};
use super::layer::Workload;
use hwmodel::Accumulator;
use hwmodel::machine::{Cost, Machine};
use hwmodel::number::accumulator::{AccumulatorBits, InnerBits};
use hwmodel::product::{ByOperand, NumberSystem};
use serde::{Deserialize, Serialize};

/// Kind of a row of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Outputs from inputs.
    Forward,
    /// The gradient of the layer's inputs.
    GradInput,
    /// The gradient of the layer's weights, or of the right operand.
    GradWeight,
    /// The update of the layer's parameters.
    Update,
}

impl Phase {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::GradInput => "grad-input",
            Self::GradWeight => "grad-weight",
            Self::Update => "update",
        }
    }
}

/// A product on the array: `groups` times `O[m,n] = I[m,k]·W[k,n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRow {
    /// Rows of I and O.
    pub m: u64,
    /// Columns of W and O.
    pub n: u64,
    /// Columns of I, rows of W.
    pub k: u64,
    /// Products of that shape.
    pub groups: u64,
    /// Number system.
    pub number_system: NumberSystem,
    /// Word lengths in bits; 32 in float32.
    pub wl: ByOperand<u32>,
    /// Fractional lengths in bits; absent in float32.
    pub fl: Option<ByOperand<i32>>,
    /// Width of the accumulator in bits.
    pub accumulator_bits: u32,
    /// Its inner register, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accumulator_inner: Option<InnerBits>,
}

impl ProductRow {
    /// The registers of the accumulator.
    pub fn accumulator(&self) -> AccumulatorBits {
        AccumulatorBits { outer: self.accumulator_bits, inner: self.accumulator_inner }
    }
}

/// One phase of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// Name of the layer.
    pub layer: String,
    /// What the layer computes: `convolution`, `matrix-product`, `batch-norm` and so on.
    pub kind: String,
    /// Which phase.
    pub phase: Phase,
    /// The product, if the phase runs on the array.
    pub product: Option<ProductRow>,
    /// M·N·K over all groups.
    pub macs: u64,
    /// Float32 operations of the vector unit.
    pub vector_operations: u64,
    /// Cycles, traffic in bits and energy in pJ.
    pub cost: Cost,
    /// The share of the MAC slots of all cycles of the row, at its word lengths, that it uses; 0 off
    /// the array, absent without cycles.
    pub utilisation: Option<f64>,
}

/// The sum of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// MACs.
    pub macs: u64,
    /// Float32 operations of the vector unit.
    pub vector_operations: u64,
    /// Cycles, traffic in bits and energy in pJ; energies are added in the order of the rows.
    pub cost: Cost,
    /// The mean of the rows' utilisation over their cycles; absent without cycles.
    pub utilisation: Option<f64>,
}

impl Totals {
    /// The sum of `rows`; `None` if a count is beyond 64 bits.
    pub fn of(rows: &[CostRow]) -> Option<Self> {
        let (mut macs, mut vector_operations, mut cost) = (0u64, 0u64, Cost::default());
        let mut used_cycles = 0.0;
        for row in rows {
            macs = macs.checked_add(row.macs)?;
            vector_operations = vector_operations.checked_add(row.vector_operations)?;
            cost += row.cost;
            used_cycles += row.utilisation.unwrap_or(0.0) * row.cost.cycles.total() as f64;
        }
        let cycles = cost.cycles.total();
        let utilisation = (cycles > 0).then(|| used_cycles / cycles as f64);
        Some(Self { macs, vector_operations, cost, utilisation })
    }
}

/// Area of array and memories, as [`Machine::area`] counts it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AreaRow {
    /// Transistors of the array.
    pub array_transistors: f64,
    /// Transistors of the requantisers.
    pub requantiser_transistors: f64,
    /// Bits of the three SRAMs.
    pub sram_bits: u64,
    /// Area of array and requantisers in µm²; absent if the energy table states none.
    pub logic_um2: Option<f64>,
    /// Area of the SRAMs in µm²; absent if the energy table states none.
    pub sram_um2: Option<f64>,
}

/// Cost of a workload on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineCost {
    /// Name of the machine.
    pub machine: String,
    /// Rows of the array.
    pub array_rows: u32,
    /// Columns of the array.
    pub array_columns: u32,
    /// Clock in MHz.
    pub clock_mhz: f64,
    /// Every phase of every layer in the order of execution; backward phases follow their layer's
    /// forward phase.
    pub rows: Vec<CostRow>,
    /// The sum of all rows.
    pub total: Totals,
    /// All cycles at the machine's clock, in seconds.
    pub seconds: f64,
    /// Area of the machine for the widest words of the workload; absent if no product runs in
    /// fixed point.
    pub area: Option<AreaRow>,
}

/// Cost of a workload on every requested machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostReport {
    /// Name of the workload.
    pub workload: String,
    /// What is computed.
    pub pass: Pass,
    /// Samples computed together.
    pub batch: u64,
    /// Formats of the forward products, in words.
    pub formats: String,
    /// MACs of the forward pass of one sample.
    pub macs: u64,
    /// Trainable elements.
    pub parameters: u64,
    /// One entry a machine.
    pub machines: Vec<MachineCost>,
}

impl CostReport {
    /// The cost of `workload` on each of `machines`, with an accumulator in place of that of `options` where one is given.
    ///
    /// # Errors
    /// As [`estimate`].
    pub fn new(
        workload: &Workload,
        machines: &[(Machine, Option<Accumulator>)],
        options: &Options,
    ) -> Result<Self, WorkloadError> {
        let costs = machines.iter().map(|(machine, accumulator)| {
            let accumulator = accumulator.or(options.accumulator);
            estimate(workload, machine, &Options { accumulator, ..options.clone() })
        });
        Ok(Self {
            workload: workload.name().to_owned(),
            pass: options.pass,
            batch: options.batch,
            formats: options.formats.to_string(),
            macs: workload.macs(),
            parameters: workload.parameters(),
            machines: costs.collect::<Result<_, _>>()?,
        })
    }
}

impl MachineCost {
    /// rows · columns.
    pub fn processing_elements(&self) -> u64 {
        u64::from(self.array_rows) * u64::from(self.array_columns)
    }
}
