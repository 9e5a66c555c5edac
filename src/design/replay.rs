//! Costs a recorded run on a machine.

use super::recording::{RecordedRow, Recording, RowKind};
use super::report::{tops, tops_per_watt};
use super::{ExploreError, work::Work};
use crate::files::trace::UpdateCost;
use crate::train::weight_update::update_cost;
use hwmodel::counters::Counters;
use hwmodel::energy::Energy;
use hwmodel::machine::{Area, Cost, Machine};
use hwmodel::product::{ByOperand, GemmWork};
use hwmodel::timing::{Cycles, Traffic};
use hwmodel::{Accumulator, Rounding};

/// A layer on a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerReplay {
    /// Name of the layer.
    pub name: String,
    /// Counts and costs of its products over the run. What does not depend on the machine is as in the run.
    pub counters: Counters,
    /// Updates of its parameters, not included in the products.
    pub update: UpdateCost,
}

/// A run on a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Name of the machine.
    pub machine: String,
    /// Layers, in the order of the run.
    pub layers: Vec<LayerReplay>,
    /// All layers.
    pub total: Counters,
    /// Updates of all layers, not included in the products.
    pub update: UpdateCost,
    /// Processing elements of the array.
    pub processing_elements: u64,
    /// Time on the machine in seconds.
    pub seconds: f64,
    /// Area of array and memories, built for the widest words and accumulators of the run, rounding to nearest even;
    /// `None` if the run has no fixed-point product.
    pub area: Option<Area>,
    /// Rows whose accumulator is narrower than it was in the run, which might have given other values.
    pub narrower_rows: u64,
}

impl Replay {
    /// 10^12 operations per second, two a MAC.
    pub fn tops(&self) -> Option<f64> {
        tops(&self.total, self.seconds)
    }

    /// 10^12 operations per second and watt, two a MAC: operations per pJ.
    pub fn tops_per_watt(&self) -> Option<f64> {
        tops_per_watt(&self.total)
    }
}

/// Costs `recording` on `machine`; the accumulators are `accumulator`, or if that is `None` as the run's options said, or else
/// the machine's own.
///
/// Cycles, traffic and energy are those that the run would have counted on this machine, to the last bit: products
/// alike are costed once, but energies are added in the order of the run.
///
/// # Errors
/// If a product is beyond the timing model.
pub fn replay(
    recording: &Recording,
    machine: &Machine,
    accumulator: Option<Accumulator>,
) -> Result<Replay, ExploreError> {
    let works = works(recording, machine, accumulator)?;
    let mut layers: Vec<LayerReplay> = recording
        .layers
        .iter()
        .zip(&recording.counted)
        .map(|(name, counted)| {
            let machine = Counters {
                cycles: Cycles::default(),
                traffic: Traffic::default(),
                energy: Energy::default(),
                ..*counted
            };
            LayerReplay { name: name.clone(), counters: machine, update: UpdateCost::default() }
        })
        .collect();
    let kinds = recording.kinds.iter().map(|kind| KindCost::of(kind, &works, machine));
    let kinds: Vec<KindCost> = kinds.collect();
    let skips = machine.mac().zero_skip_limit > 1;
    for ((kind, cost), &count) in recording.kinds.iter().zip(&kinds).zip(&recording.counts) {
        if !skips {
            add(&mut layers[kind.layer as usize].counters, &cost.row, count);
        }
    }
    for row in &recording.rows {
        let LayerReplay { counters, update, .. } = &mut layers[row.layer as usize];
        *update += kinds[row.kind as usize].update;
        let kind = &recording.kinds[row.kind as usize];
        if skips {
            let cost = skipped(recording, row, kind, &works, machine)
                .map_err(|source| work_error(recording, kind, source))?;
            counters.add_cost(&cost);
        } else {
            counters.energy += kinds[row.kind as usize].energy(nonzero(recording, row, kind));
        }
    }
    let mut total = Counters::default();
    let mut update = UpdateCost::default();
    for layer in &layers {
        total += layer.counters;
        update += layer.update;
    }
    let narrower = |kind: &RowKind| {
        let work = kind.work as usize;
        recording.works[work].narrower(&works[work].work)
    };
    let counted = recording.kinds.iter().zip(&recording.counts);
    Ok(Replay {
        machine: machine.name().to_owned(),
        seconds: machine.seconds(total.cycles.total()),
        processing_elements: machine.array().processing_elements(),
        area: area(recording, &works, machine),
        narrower_rows: counted.filter(|(kind, _)| narrower(kind)).map(|(_, count)| count).sum(),
        layers,
        total,
        update,
    })
}

/// A product on the machine.
struct WorkCost {
    work: GemmWork,
    cost: Cost,
    /// With one non-zero MAC: the energy of which is that of a MAC.
    single: Cost,
    zeros_are_free: bool,
}

fn works(
    recording: &Recording,
    machine: &Machine,
    accumulator: Option<Accumulator>,
) -> Result<Vec<WorkCost>, ExploreError> {
    let zeros_are_free = machine.mac().zeros_are_free();
    let cost = |work: &Work| {
        let work = work.on(machine, accumulator)?;
        let single = work.with_nonzero_macs(work.macs().min(1))?;
        let (cost, single) = (machine.cost(&work), machine.cost(&single));
        Ok(WorkCost { work, cost, single, zeros_are_free })
    };
    let all = recording.works.iter().enumerate();
    all.map(|(index, work)| {
        cost(work).map_err(|source| {
            let kind = recording.kinds.iter().find(|kind| kind.work as usize == index);
            let layer =
                kind.map_or(String::new(), |kind| recording.layers[kind.layer as usize].clone());
            ExploreError::Work { layer, source }
        })
    })
    .collect()
}

fn work_error(
    recording: &Recording,
    kind: &RowKind,
    source: hwmodel::product::GemmWorkError,
) -> ExploreError {
    ExploreError::Work { layer: recording.layers[kind.layer as usize].clone(), source }
}

/// A row of one kind on a machine that skips no zeros.
struct KindCost {
    /// Cycles and traffic, and the energy that does not depend on values.
    row: Cost,
    /// Energy of a non-zero MAC in pJ, if zeros are free.
    multiply_pj: f64,
    accumulate_pj: f64,
    update: UpdateCost,
}

impl KindCost {
    fn of(kind: &RowKind, works: &[WorkCost], machine: &Machine) -> Self {
        let WorkCost { cost, single, zeros_are_free, .. } = works[kind.work as usize];
        let mut each = cost;
        let (mut multiply_pj, mut accumulate_pj) = (0.0, 0.0);
        if zeros_are_free {
            (multiply_pj, accumulate_pj) = (single.energy.mac_pj, single.energy.accumulator_pj);
            (each.energy.mac_pj, each.energy.accumulator_pj) = (0.0, 0.0);
        }
        each += machine.vector_cost(kind.vector_operations, 0);
        let mut row = Cost::default();
        (0..kind.micro_batches).for_each(|_| row += each);
        (0..kind.reconfigurations).for_each(|_| row += machine.reconfiguration_cost());
        // A row without an update costs nothing, not even leakage.
        let (operations, dram_bits) = kind.update;
        let update = update_cost(machine, operations, dram_bits);
        Self { row, multiply_pj, accumulate_pj, update }
    }

    /// Energy of a row with these non-zero MACs, one number a micro-batch.
    fn energy(&self, nonzero_macs: &[u64]) -> Energy {
        let mut energy = self.row.energy;
        for &macs in nonzero_macs {
            energy.mac_pj += macs as f64 * self.multiply_pj;
            energy.accumulator_pj += macs as f64 * self.accumulate_pj;
        }
        energy
    }
}

/// The non-zero MACs of a row, one number a micro-batch.
fn nonzero<'a>(recording: &'a Recording, row: &RecordedRow, kind: &RowKind) -> &'a [u64] {
    &recording.nonzero_macs[row.nonzero..row.nonzero + kind.micro_batches as usize]
}

/// The cost of a row on a machine that skips zeros: even its cycles depend on values.
fn skipped(
    recording: &Recording,
    row: &RecordedRow,
    kind: &RowKind,
    works: &[WorkCost],
    machine: &Machine,
) -> Result<Cost, hwmodel::product::GemmWorkError> {
    let work = &works[kind.work as usize].work;
    let mut cost = Cost::default();
    for &macs in nonzero(recording, row, kind) {
        let mut each = machine.cost(&work.with_nonzero_macs(macs)?);
        each += machine.vector_cost(kind.vector_operations, 0);
        cost += each;
    }
    (0..kind.reconfigurations).for_each(|_| cost += machine.reconfiguration_cost());
    Ok(cost)
}

/// Adds cycles and traffic of `count` times `cost`.
fn add(counters: &mut Counters, cost: &Cost, count: u64) {
    let n = u128::from(count);
    let times = |bits: ByOperand<u128>| bits.map(|bits| bits * n);
    let Cycles { compute, stall, vector, reconfigure } = cost.cycles;
    counters.cycles += Cycles {
        compute: compute * n,
        stall: stall * n,
        vector: vector * n,
        reconfigure: reconfigure * n,
    };
    counters.traffic += Traffic {
        sram_read_bits: times(cost.traffic.sram_read_bits),
        sram_write_bits: times(cost.traffic.sram_write_bits),
        dram_read_bits: times(cost.traffic.dram_read_bits),
        dram_write_bits: times(cost.traffic.dram_write_bits),
        vector_dram_bits: cost.traffic.vector_dram_bits * n,
    };
}

fn area(recording: &Recording, works: &[WorkCost], machine: &Machine) -> Option<Area> {
    let fixed =
        recording.works.iter().zip(works).filter_map(|(work, cost)| Some((work.wl()?, cost)));
    let widest = fixed
        .map(|(wl, cost)| (wl, cost.work.accumulator()))
        .reduce(|a, b| (a.0.zip(b.0, |a: u32, b: u32| a.max(b)), a.1.widest(b.1)));
    widest.map(|(wl, accumulator)| machine.area(wl, accumulator, Rounding::NearestEven))
}
