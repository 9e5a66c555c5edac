//! The table `array` of a description.

use super::source::Source;
use crate::Accumulator;
use crate::cast::exact;
use crate::mac_style::MacStyle;
use crate::machine::{Array, Dataflow, MacUnit, MachineError};
use crate::number::accumulator::{AccumulatorWidth, InnerAccumulator};
use crate::timing::{Circuit, Drain, DrainStart, PartialSums, Staging};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use toml::Spanned;

const SIDE: RangeInclusive<i64> = 1..=65_536;
const REGISTERS: RangeInclusive<i64> = 0..=64;
const HOP: RangeInclusive<i64> = 1..=64;
const STAGED_ROWS: RangeInclusive<i64> = 1..=1 << 20;
const CONTROL: RangeInclusive<i64> = 0..=65_536;

/// Its keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrayKeys {
    rows: Spanned<i64>,
    columns: Spanned<i64>,
    overlap_load: Option<bool>,
    overlap_drain: Option<bool>,
    input_registers: Option<Spanned<i64>>,
    row_hop: Option<Spanned<i64>>,
    multiplier_latency: Option<Spanned<i64>>,
    accumulator_latency: Option<Spanned<i64>>,
    switch_cycles: Option<Spanned<i64>>,
    drain: Option<Spanned<String>>,
    drain_start: Option<Spanned<String>>,
    partial_sums: Option<Spanned<String>>,
    leave_early: Option<bool>,
    broadcast: Option<bool>,
    staging: Option<Spanned<StagingKeys>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StagingKeys {
    rows: Spanned<i64>,
    tile_cycles: Option<Spanned<i64>>,
    product_cycles: Option<Spanned<i64>>,
}

impl Source<'_> {
    pub(super) fn array(
        &self,
        keys: &ArrayKeys,
        dataflow: Dataflow,
    ) -> Result<Array, MachineError> {
        Ok(Array {
            rows: exact::<u32>(self.integer("array.rows", &keys.rows, SIDE)?),
            columns: exact::<u32>(self.integer("array.columns", &keys.columns, SIDE)?),
            overlap_load: keys.overlap_load.unwrap_or(false),
            overlap_drain: keys.overlap_drain.unwrap_or(false),
            circuit: self.circuit(keys, dataflow)?,
        })
    }

    fn circuit(&self, keys: &ArrayKeys, dataflow: Dataflow) -> Result<Circuit, MachineError> {
        let usual = Circuit::default();
        let keeps_sums = dataflow.keeps_sums();
        let count = |key, found: &Option<Spanned<i64>>, range, default: u32| {
            self.integer_or(key, found.as_ref(), range, default.into()).map(exact::<u32>)
        };
        let broadcast = keys.broadcast.unwrap_or(false);
        let row_hop = count("array.row_hop", &keys.row_hop, HOP, usual.row_hop)?;
        if let (true, 2.., Some(found)) = (broadcast, row_hop, &keys.row_hop) {
            return self.refuse("array.row_hop", found, row_hop, "1 where operands are broadcast");
        }
        let switch_cycles =
            count("array.switch_cycles", &keys.switch_cycles, REGISTERS, usual.switch_cycles)?;
        if let (true, 1.., Some(found)) = (keeps_sums, switch_cycles, &keys.switch_cycles) {
            let allowed = "0: an output-stationary array loads nothing before it streams";
            return self.refuse("array.switch_cycles", found, switch_cycles, allowed);
        }
        Ok(Circuit {
            input_registers: count(
                "array.input_registers",
                &keys.input_registers,
                REGISTERS,
                usual.input_registers,
            )?,
            row_hop,
            multiplier_latency: count(
                "array.multiplier_latency",
                &keys.multiplier_latency,
                REGISTERS,
                usual.multiplier_latency,
            )?,
            accumulator_latency: count(
                "array.accumulator_latency",
                &keys.accumulator_latency,
                REGISTERS,
                usual.accumulator_latency,
            )?,
            switch_cycles,
            drain: self
                .one_of("array.drain", &keys.drain, Drain::ALL, Drain::name, |drain| {
                    drain.fits(keeps_sums)
                })?
                .unwrap_or(usual.drain),
            drain_start: self
                .one_of(
                    "array.drain_start",
                    &keys.drain_start,
                    DrainStart::ALL,
                    DrainStart::name,
                    |start| keeps_sums || start == DrainStart::Any,
                )?
                .unwrap_or(usual.drain_start),
            partial_sums: self
                .one_of(
                    "array.partial_sums",
                    &keys.partial_sums,
                    PartialSums::ALL,
                    PartialSums::name,
                    |place| !keeps_sums || place == PartialSums::Carried,
                )?
                .unwrap_or(usual.partial_sums),
            leave_early: keys.leave_early.unwrap_or(false),
            broadcast,
            staging: self.staging(keys, keeps_sums)?,
        })
    }

    fn staging(&self, keys: &ArrayKeys, keeps_sums: bool) -> Result<Option<Staging>, MachineError> {
        let Some(section) = &keys.staging else { return Ok(None) };
        let overlaps = keys.overlap_load == Some(true) || keys.overlap_drain == Some(true);
        if keeps_sums || overlaps {
            let allowed = "it with a weight- or input-stationary array whose folds do not overlap";
            return self.refuse("array.staging", section, "a table", allowed);
        }
        let StagingKeys { rows, tile_cycles, product_cycles } = section.get_ref();
        let control = |key, found: &Option<Spanned<i64>>| {
            self.integer_or(key, found.as_ref(), CONTROL, 0).map(exact::<u32>)
        };
        Ok(Some(Staging {
            rows: exact::<u32>(self.integer("array.staging.rows", rows, STAGED_ROWS)?),
            tile_cycles: control("array.staging.tile_cycles", tile_cycles)?,
            product_cycles: control("array.staging.product_cycles", product_cycles)?,
        }))
    }

    /// The one of `all` named by `found` that this array can have.
    fn one_of<T: Copy>(
        &self,
        key: &'static str,
        found: &Option<Spanned<String>>,
        all: &[T],
        name: fn(T) -> &'static str,
        fits: impl Fn(T) -> bool,
    ) -> Result<Option<T>, MachineError> {
        let Some(found) = found else { return Ok(None) };
        let choices: Vec<_> = all
            .iter()
            .filter(|&&choice| fits(choice))
            .map(|&choice| (name(choice), choice))
            .collect();
        self.choice(key, found, &choices).map(Some)
    }

    /// The accumulator of a machine whose sums are joined where its array joins them: below the columns each fold is summed from
    /// zero in a register of the accumulator's width, and its sum is added in another.
    pub(super) fn joined(
        &self,
        keys: &ArrayKeys,
        array: Array,
        mac: &MacUnit,
        accumulator: Accumulator,
    ) -> Result<Accumulator, MachineError> {
        let (PartialSums::Below, Some(found)) = (array.circuit.partial_sums, &keys.partial_sums)
        else {
            return Ok(accumulator);
        };
        let refuse = |why: &str| {
            let allowed = format!("carried or top, or {why}");
            self.refuse("array.partial_sums", found, "`below`", allowed)
        };
        if !accumulator.is_one_level() {
            return refuse("an accumulator of width and overflow alone");
        }
        if matches!(mac.style, MacStyle::Composable { .. } | MacStyle::BitSerial { .. }) {
            return refuse("a MAC style with one product a sum and cycle: exact, fixed, dsp");
        }
        // Nothing can overflow in an exact one, so that the place makes no difference.
        if accumulator.width == AccumulatorWidth::Exact {
            return Ok(accumulator);
        }
        let Accumulator { width, overflow, .. } = accumulator;
        let inner =
            NonZeroU32::new(array.rows).map(|terms| InnerAccumulator { terms, width, overflow });
        Ok(Accumulator { inner, ..accumulator })
    }
}
