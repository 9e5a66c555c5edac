//! Cost of a workload on a machine.
//!
//! The charges are those of a training run (`train::accounting`): gradient products run in float32,
//! vector work happens on values on their way to or from the array. Without values, every MAC counts
//! as non-zero.

use super::area::area;
use super::charge::Charge;
use super::error::{LayerProblem, WorkloadError};
use super::formats::{Formats, accumulated};
use super::layer::{Layer, Workload};
use super::report::{CostRow, MachineCost, Phase, ProductRow, Totals};
use crate::network::{VectorWork, Work};
use crate::train::optimiser::RuleOptions;
use hwmodel::machine::{Cost, Machine, WeightUpdate};
use hwmodel::product::{ByOperand, Gemm, GemmKind, GemmShape, LayerProducts, SizeError};
use hwmodel::{Accumulator, Format};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Inference or a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// Outputs from inputs.
    Inference,
    /// One optimiser step: forward, backward, update of the weights.
    Training,
}

/// Parameters of an estimate other than workload and machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Inference or a training step.
    pub pass: Pass,
    /// Samples of the workload that are computed together.
    pub batch: u64,
    /// Formats of the forward products.
    pub formats: Formats,
    /// The accumulators; the machine's own if absent.
    pub accumulator: Option<Accumulator>,
    /// Rule of the optimiser's update of the weights.
    pub rule: RuleOptions,
}

/// The cost of `workload` on `machine`, phase by phase.
///
/// # Errors
/// If the batch is 0, the formats do not fit the workload, or a product or sum is too large.
pub fn estimate(
    workload: &Workload,
    machine: &Machine,
    options: &Options,
) -> Result<MachineCost, WorkloadError> {
    if options.batch == 0 {
        return Err(WorkloadError::Batch);
    }
    let accumulator = options.accumulator.unwrap_or(machine.accumulator());
    let mut ledger = Ledger {
        charge: Charge { machine, accumulator, rule: options.rule },
        training: options.pass == Pass::Training,
        configured: None,
        units: HashMap::new(),
        updates: HashMap::new(),
        rows: Vec::with_capacity(workload.layers().len()),
    };
    let formats = layer_formats(workload, options)?;
    for (layer, (products, formats)) in workload.layers().iter().zip(formats) {
        let problem = |problem| WorkloadError::Layer { layer: layer.name.clone(), problem };
        match (layer.operation, products) {
            (Work::Vector(vector), _) => {
                ledger.vector(layer, vector, options.batch, formats.is_none()).map_err(problem)?;
            }
            (_, Some(products)) => ledger.products(layer, &products, formats).map_err(problem)?,
            (_, None) => {}
        }
        if ledger.training && layer.parameters > 0 {
            ledger.update(layer, formats).map_err(problem)?;
        }
    }
    let Ledger { rows, charge, .. } = ledger;
    let total =
        Totals::of(&rows).ok_or_else(|| WorkloadError::TooLarge(workload.name().to_owned()))?;
    Ok(MachineCost {
        machine: machine.name().to_owned(),
        array_rows: machine.array().rows,
        array_columns: machine.array().columns,
        clock_mhz: machine.clock_mhz(),
        seconds: machine.seconds(total.cost.cycles.total()),
        area: area(&charge, &rows),
        rows,
        total,
    })
}

/// The products of a layer, if it has any, and the formats of the forward one (`None` is float32).
type LayerFormats = (Option<LayerProducts>, Option<ByOperand<Format>>);

/// Products and formats of all layers; a vector layer has the formats of the last product before it,
/// or of the first product.
fn layer_formats(
    workload: &Workload,
    options: &Options,
) -> Result<Vec<LayerFormats>, WorkloadError> {
    let mut current = None;
    let mut found = Vec::with_capacity(workload.layers().len());
    for layer in workload.layers() {
        let products = layer.operation.products(options.batch).map_err(|error| {
            WorkloadError::Layer { layer: layer.name.clone(), problem: error.into() }
        })?;
        if let Some(products) = &products {
            let formats = options.formats.of(&layer.name, layer.stated, &products.forward)?;
            current = Some(formats.map(|formats| with_result(&layer.operation, formats)));
        }
        found.push((products, current));
    }
    let first = found.iter().find_map(|(_, formats)| *formats).flatten();
    Ok(found.into_iter().map(|(products, formats)| (products, formats.unwrap_or(first))).collect())
}

/// `formats` with words of 32 bits for results that the vector unit reads as they leave the accumulators.
fn with_result(operation: &Work, formats: ByOperand<Format>) -> ByOperand<Format> {
    let wide = matches!(operation, Work::MatrixProduct(matrix) if matrix.wide_result);
    match accumulated(formats.input, formats.weight) {
        Some(output) if wide => ByOperand { output, ..formats },
        _ => formats,
    }
}

/// Rows under construction.
struct Ledger<'a> {
    charge: Charge<'a>,
    training: bool,
    /// Word lengths of the operands of the last fixed-point product.
    configured: Option<[u32; 2]>,
    /// Operations of the vector unit so far, by group.
    units: HashMap<usize, u64>,
    /// Updates of parameters so far, by group.
    updates: HashMap<usize, WeightUpdate>,
    rows: Vec<CostRow>,
}

impl Ledger<'_> {
    fn push(
        &mut self,
        layer: &Layer,
        phase: Phase,
        product: Option<ProductRow>,
        counts: [u64; 2],
        cost: Cost,
        utilisation: Option<f64>,
    ) {
        let [macs, vector_operations] = counts;
        self.rows.push(CostRow {
            layer: layer.name.clone(),
            kind: layer.operation.name().to_owned(),
            phase,
            product,
            macs,
            vector_operations,
            cost,
            utilisation,
        });
    }

    /// Work off the array.
    fn push_vector(&mut self, layer: &Layer, phase: Phase, operations: u64, cost: Cost) {
        let utilisation = (cost.cycles.total() > 0).then_some(0.0);
        self.push(layer, phase, None, [0, operations], cost, utilisation);
    }

    /// The product of a layer and, in training, those of its gradients.
    fn products(
        &mut self,
        layer: &Layer,
        products: &LayerProducts,
        formats: Option<ByOperand<Format>>,
    ) -> Result<(), LayerProblem> {
        self.gemm(layer, Phase::Forward, Gemm { formats, ..products.forward })?;
        if self.training {
            if layer.needs_input_gradient {
                self.gemm(layer, Phase::GradInput, products.grad_input())?;
            }
            self.gemm(layer, Phase::GradWeight, products.grad_weight())?;
        }
        Ok(())
    }

    fn gemm(&mut self, layer: &Layer, phase: Phase, gemm: Gemm) -> Result<(), LayerProblem> {
        let work = self.charge.work(&gemm)?;
        let mut cost = self.charge.product(&work);
        if gemm.formats.is_some() {
            let wl = [work.bits().input, work.bits().weight];
            if self.configured.is_some_and(|configured| configured != wl) {
                cost += self.charge.reconfiguration();
            }
            self.configured = Some(wl);
        }
        let GemmShape { m, n, k } = gemm.shape;
        let row = ProductRow {
            m,
            n,
            k,
            groups: gemm.groups,
            number_system: work.number_system(),
            wl: work.bits(),
            fl: gemm.formats.map(|formats| formats.map(Format::fl)),
            accumulator_bits: work.accumulator_bits(),
            accumulator_inner: work.accumulator().inner,
        };
        debug_assert_eq!(phase == Phase::Forward, work.kind() == GemmKind::Forward);
        let utilisation = self.charge.utilisation(&work, &cost);
        self.push(layer, phase, Some(row), [work.macs(), 0], cost, utilisation);
        Ok(())
    }

    fn vector(
        &mut self,
        layer: &Layer,
        vector: VectorWork,
        batch: u64,
        float32: bool,
    ) -> Result<(), LayerProblem> {
        let per_element = vector.kind.operations(float32);
        let count = |operations: u64| {
            let elements = vector.elements.checked_mul(batch)?;
            elements.checked_mul(operations)
        };
        let forward = count(per_element.forward).ok_or(SizeError::TooLarge)?;
        let cost = self.vector_cost(layer, forward).ok_or(SizeError::TooLarge)?;
        self.push_vector(layer, Phase::Forward, forward, cost);
        // A layer's own parameters need its backward pass, too.
        let backward = layer.needs_input_gradient || layer.parameters > 0;
        if self.training && backward && per_element.backward > 0 {
            let operations = count(per_element.backward).ok_or(SizeError::TooLarge)?;
            let cost = self.vector_cost(layer, operations).ok_or(SizeError::TooLarge)?;
            self.push_vector(layer, Phase::GradInput, operations, cost);
        }
        Ok(())
    }

    /// `operations` of the vector unit for `layer`, after those of its group.
    fn vector_cost(&mut self, layer: &Layer, operations: u64) -> Option<Cost> {
        let mut alone = 0;
        let before = layer.unit.map_or(&mut alone, |unit| self.units.entry(unit).or_default());
        let cost = self.charge.vector(*before, operations)?;
        *before += operations;
        Some(cost)
    }

    fn update(
        &mut self,
        layer: &Layer,
        formats: Option<ByOperand<Format>>,
    ) -> Result<(), LayerProblem> {
        let word_bits = formats.map(|formats| formats.weight.wl());
        let mut alone = WeightUpdate::default();
        let before = layer.unit.map_or(&mut alone, |unit| self.updates.entry(unit).or_default());
        let charged = self.charge.update(*before, layer.parameters, word_bits);
        let (update, cost) = charged.ok_or(SizeError::TooLarge)?;
        *before += update;
        self.push_vector(layer, Phase::Update, update.operations, cost);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::trace::{GemmRow, Row};
    use crate::network::VectorKind;
    use hwmodel::product::{Convolution, MatrixProduct, NumberSystem};

    fn small() -> Workload {
        let layers = vec![
            Layer::convolution("conv", Convolution::square([8, 8, 3], 16, 3, 1, 1), true).first(),
            Layer::vector("norm", VectorKind::BATCH_NORM, 1024, 32),
            Layer::vector("relu", VectorKind::RELU, 1024, 0),
            Layer::matrix_product("fc", MatrixProduct::linear(1, 10, 1024), true),
        ];
        Workload::new("small", layers).unwrap()
    }

    fn options(pass: Pass, batch: u64) -> Options {
        let formats = Formats::uniform(Format::new(8, 4).unwrap());
        Options { pass, batch, formats, accumulator: None, rule: RuleOptions::default() }
    }

    fn edge(options: &Options) -> MachineCost {
        estimate(&small(), &Machine::builtin("edge-16x16").unwrap(), options).unwrap()
    }

    fn phases(cost: &MachineCost) -> Vec<(&str, &'static str)> {
        cost.rows.iter().map(|row| (row.layer.as_str(), row.phase.name())).collect()
    }

    #[test]
    fn inference_has_one_phase_a_layer() {
        let cost = edge(&options(Pass::Inference, 1));
        let expected =
            [("conv", "forward"), ("norm", "forward"), ("relu", "forward"), ("fc", "forward")];
        assert_eq!(phases(&cost), expected);
        let conv = &cost.rows[0];
        // Folds of 4 row and 1 column tiles: fill 30, stream 27, drain 16.
        assert_eq!(conv.cost.cycles.compute, 4 * (30 + 27 + 16));
        assert_eq!((conv.macs, conv.product.unwrap().accumulator_bits), (64 * 16 * 27, 21));
        // Five operations an element on 16 lanes.
        assert_eq!(cost.rows[1].cost.cycles.vector, 5 * 1024 / 16);
        assert_eq!(cost.total.macs, small().macs());
    }

    #[test]
    fn training_adds_gradients_and_updates() {
        let cost = edge(&options(Pass::Training, 4));
        let expected = [
            ("conv", "forward"),
            ("conv", "grad-weight"),
            ("conv", "update"),
            ("norm", "forward"),
            ("norm", "grad-input"),
            ("norm", "update"),
            ("relu", "forward"),
            ("fc", "forward"),
            ("fc", "grad-input"),
            ("fc", "grad-weight"),
            ("fc", "update"),
        ];
        assert_eq!(phases(&cost), expected);
        let gradient = cost.rows[1].product.unwrap();
        assert_eq!((gradient.m, gradient.n, gradient.k), (16, 27, 4 * 64));
        assert_eq!((gradient.number_system, gradient.wl.weight), (NumberSystem::Float32, 32));
        let conv = small().layers()[0].operation;
        let Work::Convolution(conv) = conv else { unreachable!() };
        let parameters = conv.weights().unwrap() + 16;
        assert_eq!(cost.rows[2].cost.traffic.vector_dram_bits, u128::from(parameters) * (128 + 16));
        assert_eq!(cost.total.macs, 4 * (2 * 64 * 16 * 27 + 3 * 10_240));
    }

    #[test]
    fn a_change_of_word_lengths_reconfigures_once() {
        let traced = |layer: &str, wl, shape| {
            let format = Format::new(wl, 4).unwrap();
            Ok::<_, WorkloadError>(Row::Gemm(GemmRow {
                layer: layer.to_owned(),
                formats: Some(ByOperand { input: format, weight: format, output: format }),
                shape,
                groups: 1,
                ..GemmRow::default()
            }))
        };
        let rows = [
            traced("conv", 8, GemmShape { m: 1, n: 16, k: 27 }),
            traced("fc", 12, GemmShape { m: 1, n: 10, k: 1024 }),
        ];
        let formats = Formats::from_trace("t.csv", 0, rows).unwrap();
        let cost = edge(&Options { formats, ..options(Pass::Training, 1) });
        let latency = cost.rows.iter().map(|row| row.cost.cycles.reconfigure);
        // 64 cycles on this machine, before the only product in another format.
        assert_eq!(latency.collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0]);
        assert_eq!(edge(&options(Pass::Training, 1)).total.cost.cycles.reconfigure, 0);
    }

    #[test]
    fn impossible_options_are_refused() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let refused =
            |options: &Options| estimate(&small(), &machine, options).unwrap_err().to_string();
        assert_eq!(refused(&options(Pass::Inference, 0)), "the batch must be at least 1");
        let huge = refused(&options(Pass::Inference, 1 << 40));
        assert!(huge.starts_with("layer `conv` is impossible: product of M = 703687441"), "{huge}");
        assert!(refused(&options(Pass::Inference, u64::MAX)).contains("beyond 64 bits"));
    }

    #[test]
    fn area_is_that_of_the_widest_words() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let area = edge(&options(Pass::Training, 1)).area.unwrap();
        // fc sums 1024 terms: 8 + 8 + 10 bits.
        let bits = ByOperand { input: 8, weight: 8, output: 8 };
        let expected = machine.area(bits, 26, hwmodel::Rounding::NearestEven);
        assert_eq!(area.logic_um2, expected.logic_um2);
        assert_eq!(area.sram_bits, machine.memory().sram_bits.total());
        let formats = Formats::float32();
        assert_eq!(edge(&Options { formats, ..options(Pass::Inference, 1) }).area, None);
    }

    #[test]
    fn utilisation_is_that_of_the_slots_at_the_word_lengths() {
        // A processing element of this machine does four 4-bit MACs where it does one of 8 bits.
        let machine = Machine::builtin("bit-fusion-like-32x16").unwrap();
        let linear = MatrixProduct::linear(4096, 512, 512);
        let workload =
            Workload::new("w", vec![Layer::matrix_product("fc", linear, false)]).unwrap();
        for wl in [4, 8] {
            let formats = Formats::uniform(Format::new(wl, 4).unwrap());
            let options = Options { formats, ..options(Pass::Inference, 1) };
            let cost = estimate(&workload, &machine, &options).unwrap();
            let used = cost.rows[0].utilisation.unwrap();
            let peak = machine.peak_macs_per_cycle(wl, wl);
            let macs = cost.total.macs as f64;
            assert!((used - macs / peak / cost.total.cost.cycles.total() as f64).abs() < 1e-12);
            assert!(used <= 1.0);
            assert_eq!(cost.total.utilisation, Some(used));
        }
    }
}
