//! The TOML text of a machine and its checks.

mod accumulator;
mod array;
mod mac;
mod source;

use super::{Array, Dataflow, Machine, MachineError, Memory, Reconfiguration, Reuse, VectorUnit};
use crate::energy::{DramEnergy, EnergyModel, EnergyTables};
use crate::mac_style::ColumnOperand;
use crate::number::format::MAX_WORD_LENGTH;
use crate::product::{ByOperand, MAX_ACCUMULATOR_BITS};
use accumulator::AccumulatorTable;
use array::ArrayKeys;
use mac::MacKeys;
use serde::Deserialize;
use source::Source;
use std::ops::RangeInclusive;
use toml::Spanned;

const MAX_SRAM_BITS: i64 = 1 << 43;
const BANDWIDTH: RangeInclusive<i64> = 1..=1 << 32;
const LANES: RangeInclusive<i64> = 1..=1 << 32;
const LATENCY: RangeInclusive<i64> = 0..=1 << 48;
const NODE: RangeInclusive<i64> = 1..=1_000_000;
const MAX_CLOCK_MHZ: f64 = 1e5;
const MAX_PICOJOULES: f64 = 1e15;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    dataflow: Spanned<String>,
    clock_mhz: Spanned<f64>,
    array: ArrayKeys,
    #[serde(default)]
    mac: MacKeys,
    #[serde(default)]
    accumulator: AccumulatorTable,
    sram: SramKeys,
    dram: DramKeys,
    #[serde(default)]
    reconfiguration: ReconfigurationKeys,
    vector_unit: VectorUnitKeys,
    energy: Spanned<EnergyKeys>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SramKeys {
    input_bits: Spanned<i64>,
    weight_bits: Spanned<i64>,
    output_bits: Spanned<i64>,
    bandwidth_bits_per_cycle: Spanned<i64>,
    output_bandwidth_bits_per_cycle: Option<Spanned<i64>>,
    reuse: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DramKeys {
    bandwidth_bits_per_cycle: Spanned<i64>,
    double_buffered: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ReconfigurationKeys {
    latency_cycles: Option<Spanned<i64>>,
    energy_pj: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorUnitKeys {
    float32_lanes: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnergyKeys {
    table: Spanned<String>,
    node_nm: Spanned<i64>,
    dram: Option<Spanned<String>>,
    dram_pj_per_bit: Option<Spanned<f64>>,
}

/// Reads and checks `text`.
pub(super) fn read(text: &str, name: &str, tables: &EnergyTables) -> Result<Machine, MachineError> {
    let source = Source { text, name };
    let keys: Description = toml::from_str(text).map_err(|error| source.toml(&error))?;
    let dataflow = source.dataflow(&keys.dataflow)?;
    let array = source.array(&keys.array, dataflow)?;
    let mac = source.mac(&keys.mac)?;
    let accumulator = source.accumulator(&keys.accumulator)?;
    let accumulator = source.joined(&keys.array, array, &mac, accumulator)?;
    let sums = array.columns * mac.style.most_outputs();
    let memory = source.memory(&keys.sram, &keys.dram, array, dataflow, sums)?;
    let energy = source.energy(&keys.energy, tables)?;
    Ok(Machine {
        name: name.to_owned(),
        array,
        dataflow,
        mac,
        accumulator,
        memory,
        reconfiguration: source.reconfiguration(&keys.reconfiguration)?,
        vector_unit: VectorUnit {
            float32_lanes: source.integer(
                "vector_unit.float32_lanes",
                &keys.vector_unit.float32_lanes,
                LANES,
            )?,
        },
        clock_mhz: source.number("clock_mhz", &keys.clock_mhz, 0.0, MAX_CLOCK_MHZ, false)?,
        sram_pj_per_bit: memory.sram_bits.map(|bits| energy.sram_pj_per_bit(bits)),
        energy,
    })
}

impl Source<'_> {
    fn dataflow(&self, found: &Spanned<String>) -> Result<Dataflow, MachineError> {
        let choices: Vec<_> =
            Dataflow::ALL.iter().map(|&dataflow| (dataflow.name(), dataflow)).collect();
        self.choice("dataflow", found, &choices)
    }

    fn memory(
        &self,
        sram: &SramKeys,
        dram: &DramKeys,
        array: Array,
        dataflow: Dataflow,
        sums: u32,
    ) -> Result<Memory, MachineError> {
        let double_buffered = dram.double_buffered.unwrap_or(true);
        // The least that works: one of the widest words for each lane of the array, in each buffer.
        let buffers = if double_buffered { 2 } else { 1 };
        let least = |lanes: u32, bits: u32| buffers * i64::from(lanes) * i64::from(bits);
        let (rows, columns) =
            (least(array.rows, MAX_WORD_LENGTH), least(array.columns, MAX_WORD_LENGTH));
        let sums = least(sums, MAX_ACCUMULATOR_BITS);
        let (input, weight) = match dataflow.column_operand() {
            ColumnOperand::Weight => (rows, columns),
            ColumnOperand::Input => (columns, rows),
        };
        // Sums that stay in the array leave it as words; others wait in SRAM.
        let output = if dataflow.keeps_sums() { columns } else { sums };
        let bits = |key, found, least| self.integer(key, found, least..=MAX_SRAM_BITS);
        let port = self.integer(
            "sram.bandwidth_bits_per_cycle",
            &sram.bandwidth_bits_per_cycle,
            BANDWIDTH,
        )?;
        let reuse = match &sram.reuse {
            None => Reuse::default(),
            Some(found) => {
                let choices = [Reuse::Whole, Reuse::Strip].map(|reuse| (reuse.name(), reuse));
                self.choice("sram.reuse", found, &choices)?
            }
        };
        Ok(Memory {
            sram_bits: ByOperand {
                input: bits("sram.input_bits", &sram.input_bits, input)?,
                weight: bits("sram.weight_bits", &sram.weight_bits, weight)?,
                output: bits("sram.output_bits", &sram.output_bits, output)?,
            },
            sram_bandwidth_bits_per_cycle: ByOperand {
                input: port,
                weight: port,
                output: self.integer_or(
                    "sram.output_bandwidth_bits_per_cycle",
                    sram.output_bandwidth_bits_per_cycle.as_ref(),
                    BANDWIDTH,
                    port,
                )?,
            },
            dram_bandwidth_bits_per_cycle: self.integer(
                "dram.bandwidth_bits_per_cycle",
                &dram.bandwidth_bits_per_cycle,
                BANDWIDTH,
            )?,
            double_buffered,
            reuse,
        })
    }

    fn reconfiguration(&self, keys: &ReconfigurationKeys) -> Result<Reconfiguration, MachineError> {
        let latency_cycles = self.integer_or(
            "reconfiguration.latency_cycles",
            keys.latency_cycles.as_ref(),
            LATENCY,
            0,
        )?;
        let energy_pj = match &keys.energy_pj {
            None => 0.0,
            Some(found) => {
                self.number("reconfiguration.energy_pj", found, 0.0, MAX_PICOJOULES, true)?
            }
        };
        Ok(Reconfiguration { latency_cycles, energy_pj })
    }

    fn energy(
        &self,
        section: &Spanned<EnergyKeys>,
        tables: &EnergyTables,
    ) -> Result<EnergyModel, MachineError> {
        let keys = section.get_ref();
        let Some(table) = tables.get(keys.table.get_ref()) else {
            let value = format!("`{}`", keys.table.get_ref());
            return self.refuse("energy.table", &keys.table, value, tables.names().join(", "));
        };
        let node = self.integer("energy.node_nm", &keys.node_nm, NODE)?;
        let nodes = table.nodes_nm();
        let Some(&node_nm) = nodes.iter().find(|&&known| u64::from(known) == node) else {
            let known: Vec<_> = nodes.iter().map(u32::to_string).collect();
            let allowed = format!("{} (the nodes of {})", known.join(", "), table.name());
            return self.refuse("energy.node_nm", &keys.node_nm, node, allowed);
        };
        let (key, span, dram) = match (&keys.dram, &keys.dram_pj_per_bit) {
            (Some(row), None) => {
                ("energy.dram", row.span(), DramEnergy::Row(row.get_ref().clone()))
            }
            (None, Some(found)) => {
                let key = "energy.dram_pj_per_bit";
                let energy = self.number(key, found, 0.0, MAX_PICOJOULES, true)?;
                (key, found.span(), DramEnergy::PicojoulesPerBit(energy))
            }
            (both, _) => {
                let found = if both.is_some() { "both" } else { "neither" };
                let allowed = "exactly one of dram (a row of the table) and dram_pj_per_bit";
                return self.refuse("energy.dram", section, found, allowed);
            }
        };
        EnergyModel::new(table, node_nm, &dram).map_err(|source| MachineError::EnergyModel {
            file: self.name.to_owned(),
            line: self.line(&span),
            key,
            source,
        })
    }
}

#[cfg(test)]
mod tests;
