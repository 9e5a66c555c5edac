//! The part of a trace needed to re-cost a run.

use super::ExploreError;
use super::work::Work;
use crate::files::trace::{GemmRow, Row, TraceReader, UpdateCost};
use hwmodel::cast::exact;
use hwmodel::counters::Counters;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;

/// Rows of equal cost, apart from what non-zero values cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RowKind {
    pub(super) work: u32,
    pub(super) layer: u32,
    pub(super) micro_batches: u32,
    pub(super) vector_operations: u64,
    pub(super) reconfigurations: u64,
    /// Operations of the parameters' update, and its bits from and to DRAM.
    pub(super) update: (u64, u64),
}

/// One kind of product of one layer in one optimiser step.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordedRow {
    pub(super) kind: u32,
    pub(super) layer: u32,
    /// Where its non-zero MACs, one number a micro-batch, begin.
    pub(super) nonzero: usize,
}

/// All that the cost of a run depends on: its products in their order, those alike kept once.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    pub(super) layers: Vec<String>,
    pub(super) works: Vec<Work>,
    pub(super) kinds: Vec<RowKind>,
    /// Rows of each kind.
    pub(super) counts: Vec<u64>,
    pub(super) rows: Vec<RecordedRow>,
    pub(super) nonzero_macs: Vec<u64>,
    /// Counts of the run on its original machine, by layer.
    pub(super) counted: Vec<Counters>,
    /// Counts of its parameter updates, by layer.
    pub(super) updates: Vec<UpdateCost>,
    layer_index: HashMap<String, u32>,
    work_index: HashMap<Work, u32>,
    kind_index: HashMap<RowKind, u32>,
    steps: u64,
    last_step: Option<u64>,
    top1: Option<f64>,
}

impl Recording {
    /// Reads the trace `path`, plain or gzip.
    ///
    /// # Errors
    /// If it cannot be read, contradicts itself or has no product.
    pub fn read(path: &Path) -> Result<Self, ExploreError> {
        let mut recording = Self::default();
        for row in TraceReader::open(path)? {
            match row? {
                Row::Gemm(row) => recording.push(&row)?,
                Row::Step(_) => {}
                Row::Evaluation(evaluation) => recording.top1 = Some(evaluation.top1),
            }
        }
        if recording.rows.is_empty() {
            return Err(ExploreError::Empty(path.display().to_string()));
        }
        Ok(recording)
    }

    /// Adds a product. Those of a step come one after another, each layer's in the order of the run.
    ///
    /// # Errors
    /// If the row contradicts itself.
    pub fn push(&mut self, row: &GemmRow) -> Result<(), ExploreError> {
        check(row)?;
        if self.last_step != Some(row.step) {
            self.last_step = Some(row.step);
            self.steps += 1;
        }
        let layer = match self.layer_index.get(&row.layer) {
            Some(&layer) => layer,
            None => {
                self.layers.push(row.layer.clone());
                self.counted.push(Counters::default());
                self.updates.push(UpdateCost::default());
                index_of(&mut self.layer_index, row.layer.clone())
            }
        };
        let kind = RowKind {
            work: find(&mut self.work_index, &mut self.works, Work::of(row)),
            layer,
            micro_batches: exact::<u32>(row.micro_batch_nonzero_macs.len()),
            vector_operations: row.vector_operations,
            reconfigurations: row.reconfigurations,
            update: (row.update.operations, row.update.dram_bits),
        };
        let kind = find(&mut self.kind_index, &mut self.kinds, kind);
        self.counts.resize(self.kinds.len(), 0);
        self.counts[kind as usize] += 1;
        self.rows.push(RecordedRow { kind, layer, nonzero: self.nonzero_macs.len() });
        self.nonzero_macs.extend_from_slice(&row.micro_batch_nonzero_macs);
        self.counted[layer as usize] += row.counters;
        self.updates[layer as usize] += row.update;
        Ok(())
    }

    /// Names of the layers, in the order in which they first appear.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// Counts of the run on its original machine, by layer: the totals of its summary if every step was traced.
    pub fn counted(&self) -> &[Counters] {
        &self.counted
    }

    /// Counts of the run's parameter updates on its original machine, by layer.
    pub fn updates(&self) -> &[UpdateCost] {
        &self.updates
    }

    /// Optimiser steps recorded.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Optimiser steps that the trace leaves out (`--trace-every`), up to its last.
    pub fn steps_left_out(&self) -> u64 {
        self.last_step.map_or(0, |last| (last + 1).saturating_sub(self.steps))
    }

    /// Top-1 share of the last evaluation.
    pub fn top1(&self) -> Option<f64> {
        self.top1
    }

    /// Rows, and kinds of rows of equal cost.
    pub fn size(&self) -> (usize, usize) {
        (self.rows.len(), self.kinds.len())
    }
}

/// The number of `key`, a new one if it is new.
fn index_of<K: Hash + Eq>(index: &mut HashMap<K, u32>, key: K) -> u32 {
    let next = exact::<u32>(index.len());
    *index.entry(key).or_insert(next)
}

fn find<K: Hash + Eq + Clone>(index: &mut HashMap<K, u32>, all: &mut Vec<K>, key: K) -> u32 {
    let found = index_of(index, key.clone());
    if found as usize == all.len() {
        all.push(key);
    }
    found
}

/// Whether the counts of `row` fit its shape.
fn check(row: &GemmRow) -> Result<(), ExploreError> {
    let refuse = |reason: String| {
        let (step, layer, kind) = (row.step, row.layer.clone(), row.kind);
        Err(ExploreError::Row { step, layer, kind, reason })
    };
    let each = &row.micro_batch_nonzero_macs;
    let macs = row.shape.macs().and_then(|macs| macs.checked_mul(row.groups));
    let all = macs.and_then(|macs| macs.checked_mul(each.len() as u64));
    if each.is_empty() || all != Some(row.counters.macs) {
        return refuse(format!(
            "{} MACs are not those of its shape in {} micro-batches",
            row.counters.macs,
            each.len()
        ));
    }
    let sum = each.iter().try_fold(0_u64, |sum, &nonzero| sum.checked_add(nonzero));
    if sum != Some(row.counters.nonzero_macs) || each.iter().any(|&nonzero| Some(nonzero) > macs) {
        return refuse("its non-zero MACs do not add up".to_owned());
    }
    Ok(())
}
