//! The TOML text of a machine and its checks.

use super::{
    Array, Dataflow, MacStyle, MacUnit, Machine, MachineError, Memory, Reconfiguration, VectorUnit,
};
use crate::energy::{DramEnergy, EnergyModel, EnergyTables};
use crate::format::MAX_WORD_LENGTH;
use crate::timing::ByOperand;
use crate::{Accumulator, AccumulatorWidth, Overflow};
use serde::Deserialize;
use std::ops::{Range, RangeInclusive};
use toml::{Spanned, Value};

const ARRAY_SIDE: RangeInclusive<i64> = 1..=65_536;
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
    accumulator: AccumulatorKeys,
    sram: SramKeys,
    dram: DramKeys,
    #[serde(default)]
    reconfiguration: ReconfigurationKeys,
    vector_unit: VectorUnitKeys,
    energy: Spanned<EnergyKeys>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayKeys {
    rows: Spanned<i64>,
    columns: Spanned<i64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct MacKeys {
    style: Option<Spanned<String>>,
    zero_gating: Option<bool>,
    float32_macs_per_cycle: Option<Spanned<f64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct AccumulatorKeys {
    width: Option<Spanned<Value>>,
    overflow: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SramKeys {
    input_bits: Spanned<i64>,
    weight_bits: Spanned<i64>,
    output_bits: Spanned<i64>,
    bandwidth_bits_per_cycle: Spanned<i64>,
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
    let array = source.array(&keys.array)?;
    let memory = source.memory(&keys.sram, &keys.dram, array)?;
    let energy = source.energy(&keys.energy, tables)?;
    Ok(Machine {
        name: name.to_owned(),
        array,
        dataflow: source.dataflow(&keys.dataflow)?,
        mac: source.mac(&keys.mac)?,
        accumulator: source.accumulator(&keys.accumulator)?,
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

/// The text under check, for messages.
struct Source<'a> {
    text: &'a str,
    name: &'a str,
}

impl Source<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        1 + before.filter(|&&byte| byte == b'\n').count()
    }

    fn toml(&self, error: &toml::de::Error) -> MachineError {
        let line = error.span().map_or(1, |span| self.line(&span));
        let text = self.text.lines().nth(line - 1).unwrap_or("").trim();
        MachineError::Toml {
            file: self.name.to_owned(),
            line,
            message: format!("{} in `{text}`", error.message().trim_end().replace('\n', "; ")),
        }
    }

    fn refuse<T, V>(
        &self,
        key: &'static str,
        found: &Spanned<V>,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> Result<T, MachineError> {
        Err(MachineError::Value {
            file: self.name.to_owned(),
            line: self.line(&found.span()),
            key,
            value: value.to_string(),
            allowed: allowed.into(),
        })
    }

    fn integer(
        &self,
        key: &'static str,
        found: &Spanned<i64>,
        range: RangeInclusive<i64>,
    ) -> Result<u64, MachineError> {
        let value = *found.get_ref();
        match u64::try_from(value) {
            Ok(number) if range.contains(&value) => Ok(number),
            _ => self.refuse(key, found, value, format!("{} to {}", range.start(), range.end())),
        }
    }

    /// A number above `low` (or equal to it, if `inclusive`) and at most `high`.
    fn number(
        &self,
        key: &'static str,
        found: &Spanned<f64>,
        low: f64,
        high: f64,
        inclusive: bool,
    ) -> Result<f64, MachineError> {
        let value = *found.get_ref();
        if (value > low || (inclusive && value >= low)) && value <= high {
            return Ok(value);
        }
        let from = if inclusive { "at least" } else { "above" };
        self.refuse(key, found, value, format!("a number {from} {low} and at most {high}"))
    }

    fn dataflow(&self, found: &Spanned<String>) -> Result<Dataflow, MachineError> {
        match found.get_ref().as_str() {
            "output-stationary" => Ok(Dataflow::OutputStationary),
            other => self.refuse(
                "dataflow",
                found,
                format!("`{other}`"),
                "output-stationary, the only dataflow that is modelled",
            ),
        }
    }

    fn array(&self, keys: &ArrayKeys) -> Result<Array, MachineError> {
        Ok(Array {
            rows: self.integer("array.rows", &keys.rows, ARRAY_SIDE)? as u32,
            columns: self.integer("array.columns", &keys.columns, ARRAY_SIDE)? as u32,
        })
    }

    fn mac(&self, keys: &MacKeys) -> Result<MacUnit, MachineError> {
        let style = match &keys.style {
            None => MacStyle::default(),
            Some(found) if found.get_ref() == "exact" => MacStyle::Exact,
            Some(found) => self.refuse(
                "mac.style",
                found,
                format!("`{}`", found.get_ref()),
                "exact, the only MAC style that is modelled",
            )?,
        };
        let float32_macs_per_cycle = match &keys.float32_macs_per_cycle {
            None => 1.0,
            Some(found) => self.number("mac.float32_macs_per_cycle", found, 1e-6, 1.0, true)?,
        };
        let zero_gating = keys.zero_gating.unwrap_or(true);
        Ok(MacUnit { style, zero_gating, float32_macs_per_cycle })
    }

    fn accumulator(&self, keys: &AccumulatorKeys) -> Result<Accumulator, MachineError> {
        let width = match &keys.width {
            None => AccumulatorWidth::default(),
            Some(found) => {
                let parsed = match found.get_ref() {
                    Value::Integer(bits) => {
                        u32::try_from(*bits).ok().and_then(|bits| AccumulatorWidth::bits(bits).ok())
                    }
                    Value::String(word) if word == "exact" => Some(AccumulatorWidth::Exact),
                    _ => None,
                };
                match parsed {
                    Some(width) => width,
                    None => self.refuse(
                        "accumulator.width",
                        found,
                        found.get_ref(),
                        "1 to 64 bits, or \"exact\"",
                    )?,
                }
            }
        };
        let overflow = match &keys.overflow {
            None => Overflow::default(),
            Some(found) => match found.get_ref().parse() {
                Ok(overflow) => overflow,
                Err(_) => self.refuse(
                    "accumulator.overflow",
                    found,
                    format!("`{}`", found.get_ref()),
                    "wrap or saturate",
                )?,
            },
        };
        Ok(Accumulator { width, overflow })
    }

    fn memory(
        &self,
        sram: &SramKeys,
        dram: &DramKeys,
        array: Array,
    ) -> Result<Memory, MachineError> {
        let double_buffered = dram.double_buffered.unwrap_or(true);
        // The least that works: one of the widest words for each lane of the array, in each buffer.
        let buffers = if double_buffered { 2 } else { 1 };
        let lanes = |lanes: u32| buffers * i64::from(lanes) * i64::from(MAX_WORD_LENGTH);
        let bits = |key, found, least| self.integer(key, found, least..=MAX_SRAM_BITS);
        Ok(Memory {
            sram_bits: ByOperand {
                input: bits("sram.input_bits", &sram.input_bits, lanes(array.rows))?,
                weight: bits("sram.weight_bits", &sram.weight_bits, lanes(array.columns))?,
                output: bits("sram.output_bits", &sram.output_bits, lanes(array.columns))?,
            },
            sram_bandwidth_bits_per_cycle: self.integer(
                "sram.bandwidth_bits_per_cycle",
                &sram.bandwidth_bits_per_cycle,
                BANDWIDTH,
            )?,
            dram_bandwidth_bits_per_cycle: self.integer(
                "dram.bandwidth_bits_per_cycle",
                &dram.bandwidth_bits_per_cycle,
                BANDWIDTH,
            )?,
            double_buffered,
        })
    }

    fn reconfiguration(&self, keys: &ReconfigurationKeys) -> Result<Reconfiguration, MachineError> {
        let latency_cycles = match &keys.latency_cycles {
            None => 0,
            Some(found) => self.integer("reconfiguration.latency_cycles", found, LATENCY)?,
        };
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
