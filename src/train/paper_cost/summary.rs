//! Every quantity of the AdaPT performance model at the end of a run.

use super::CostError;
use super::accumulator::CostAccumulator;
use super::muppet_baseline::BASELINE_EPOCHS;
use serde::Serialize;

/// One value with its name and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantity {
    /// Field of [`CostSummary`].
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// What it is, in which form.
    pub meaning: &'static str,
}

/// Declares the summary so that each field has one text for its documentation and its label.
macro_rules! quantities {
    ($($(#[doc = $meaning:literal])+ $name:ident,)+) => {
        /// Every quantity (papers/adapt.md section 8). Suffixes: `released` the authors' script,
        /// `published` the form behind the paper's numbers, `paper` the equations, `layers`
        /// Σ_l WL·sp, `exact` weighted by elements. sp is the fraction of non-zero elements.
        /// Costs are in bit-weighted multiply-adds, ratios without unit.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct CostSummary {
            $($(#[doc = $meaning])+ pub $name: f64,)+
        }

        impl CostSummary {
            /// Every value with its name and meaning, in the order of the fields.
            pub fn quantities(&self) -> Vec<Quantity> {
                vec![$(Quantity {
                    name: stringify!($name),
                    value: self.$name,
                    meaning: concat!($($meaning),+).trim_ascii(),
                },)+]
            }
        }
    };
}

quantities! {
    /// costs_32: forward and backward of the float32 baseline, Σ 2·32·ops.
    costs_float32,
    /// Forward passes as quantised, Σ ops·sp·WL.
    costs_forward,
    /// Backward passes, 32 bit and dense, Σ 32·ops.
    costs_backward,
    /// costs_adapt: PushDown and PushUp, Σ 32·(ops_pd + ops_pu)/(lb·accs)·interval.
    costs_adapt,
    /// Training speedup SU1, the script's form: the overhead times sp.
    su1_released,
    /// Training speedup SU1 = costs_32 / (costs_train + costs_adapt).
    su1_paper,
    /// SU1 with the paper's upper bound for PushDown.
    su1_bound,
    /// Overhead share, the script's form: overhead / (forward + sp·overhead).
    overhead_share_released,
    /// Overhead share costs_adapt / (costs_train + costs_adapt).
    overhead_share_paper,
    /// SU2 at iso-accuracy: su1_released over i/len, i the index of the first validation at the target.
    su2_released,
    /// SU2 at iso-accuracy: su1_paper over (i + 1)/len.
    su2_exact,
    /// SU3 against MuPPET's baseline (150 epochs, no accumulation), the script's form.
    su3_released,
    /// Memory of training as printed by the script, 1 + 2·Σ size / Σ 32·layers.
    mem_released,
    /// Memory of training as published, 1 + Σ size / Σ 32·layers, size = (Σ_l WL)·(mean_l sp).
    mem_published,
    /// Memory of training with size = Σ_l WL·sp.
    mem_layers,
    /// Memory of training, element-weighted: 1 + Σ WL·nonzero / Σ 32·elements.
    mem_exact,
    /// Model size SZ at the end as published, (Σ_l WL)·(mean_l sp) / (32·layers).
    sz_released,
    /// Model size SZ at the end, Σ_l WL·sp / (32·layers).
    sz_layers,
    /// Model size SZ at the end, element-weighted: Σ WL·nonzero / (32·elements).
    sz_exact,
    /// Inference speedup at the end, Σ 32·ops / Σ WL·sp·ops: published and exact forms agree.
    inference_su,
    /// Fraction of zeros at the end, mean over layers.
    zeros_final,
    /// Fraction of zeros, mean over layers and steps.
    zeros_average,
    /// Fraction of zeros at the end, over all elements.
    zeros_final_exact,
    /// Fraction of zeros over all elements, mean over steps.
    zeros_average_exact,
}

impl CostSummary {
    pub(super) fn of(run: &CostAccumulator, epochs: f64) -> Result<Self, CostError> {
        let last: Option<Vec<_>> =
            run.layers.iter().map(|sums| sums.last.map(|step| (sums.cost, step))).collect();
        let (Some(last), true) = (last, run.steps > 0) else { return Err(CostError::NoSteps) };
        let options = &run.options;
        let layers = run.layers.len() as f64;
        let steps = run.steps as f64;
        let operations: f64 = run.layers.iter().map(|sums| sums.cost.operations as f64).sum();
        let elements: f64 = run.layers.iter().map(|sums| sums.cost.elements as f64).sum();

        // Multiply-adds at 32 bits of one pass over all steps.
        let full = 32.0 * operations * steps;
        let forward: f64 = run
            .layers
            .iter()
            .map(|sums| {
                let bits = sums.weighted_nonzero as f64 / sums.cost.elements as f64;
                sums.cost.operations as f64 * bits
            })
            .sum();
        let overhead = run.overhead.value();
        let overhead_nonzero = run.overhead_nonzero.value();
        let costs_paper = forward + full + overhead;
        let costs_released = forward + overhead_nonzero + full;
        let su1_released = 2.0 * full / costs_released;
        let su1_paper = 2.0 * full / costs_paper;

        let fraction = |index: u64| index as f64 / run.validations as f64;
        let iso_released = run.target_reached.map_or(1.0, |index| fraction(index.max(1)));
        let iso_exact = run.target_reached.map_or(1.0, |index| fraction(index + 1));
        let baseline_batches = f64::from(options.baseline_batch)
            / (f64::from(options.accumulation) * f64::from(options.batch));
        let su3_costs = forward + overhead_nonzero + full * baseline_batches;

        let share = |nonzero: u64, of: u64| nonzero as f64 / of as f64;
        let shares: f64 = last.iter().map(|(c, step)| share(step.nonzero, c.elements)).sum();
        let bits: f64 = last.iter().map(|(_, step)| f64::from(step.word_length)).sum();
        let layer_bits = last
            .iter()
            .map(|(c, step)| (c, f64::from(step.word_length) * share(step.nonzero, c.elements)));
        let size_layers: f64 = layer_bits.clone().map(|(_, bits)| bits).sum();
        let inference: f64 = layer_bits.map(|(c, bits)| c.operations as f64 * bits).sum();
        let size_exact: f64 =
            last.iter().map(|(_, step)| f64::from(step.word_length) * step.nonzero as f64).sum();
        let nonzero: f64 = last.iter().map(|(_, step)| step.nonzero as f64).sum();
        let all_sizes: f64 = run.layers.iter().map(|sums| sums.weighted_nonzero as f64).sum();
        let all_nonzero: f64 = run.layers.iter().map(|sums| sums.nonzero as f64).sum();
        let size_published = run.size_published.value() / (32.0 * layers * steps);

        Ok(Self {
            costs_float32: 2.0 * full,
            costs_forward: forward,
            costs_backward: full,
            costs_adapt: overhead,
            su1_released,
            su1_paper,
            su1_bound: 2.0 * full / (forward + full + run.overhead_bound.value()),
            overhead_share_released: overhead / (forward + overhead_nonzero),
            overhead_share_paper: overhead / costs_paper,
            su2_released: su1_released / iso_released,
            su2_exact: su1_paper / iso_exact,
            su3_released: BASELINE_EPOCHS / epochs * 2.0 * full / su3_costs,
            mem_released: 1.0 + 2.0 * size_published,
            mem_published: 1.0 + size_published,
            mem_layers: 1.0 + run.size_layers.value() / (32.0 * layers * steps),
            mem_exact: 1.0 + all_sizes / (32.0 * elements * steps),
            sz_released: bits * shares / layers / (32.0 * layers),
            sz_layers: size_layers / (32.0 * layers),
            sz_exact: size_exact / (32.0 * elements),
            inference_su: 32.0 * operations / inference,
            zeros_final: 1.0 - shares / layers,
            zeros_average: 1.0 - run.mean_nonzero.value() / steps,
            zeros_final_exact: 1.0 - nonzero / elements,
            zeros_average_exact: 1.0 - all_nonzero / (elements * steps),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CostOptions, LayerCost, LayerStep};
    use super::*;

    fn accumulator() -> CostAccumulator {
        let options = CostOptions {
            accumulation: 1,
            batch: 128,
            epochs: 75.0,
            interval: 1,
            largest_resolution: 150,
            baseline_batch: 128,
            target_accuracy: 0.5,
        };
        let layers = [
            LayerCost { operations: 300, elements: 10 },
            LayerCost { operations: 100, elements: 30 },
        ];
        CostAccumulator::new(options, &layers).unwrap()
    }

    fn record(word_length: u32, nonzero: u64) -> LayerStep {
        LayerStep { word_length, nonzero, switch: None }
    }

    #[test]
    fn one_step_by_hand() {
        let mut run = accumulator();
        run.step(&[record(8, 5), record(16, 30)]).unwrap();
        for accuracy in [0.1, 0.4, 0.6, 0.7] {
            run.validation(accuracy);
        }
        let summary = run.summary().unwrap();
        // forward 300·½·8 + 100·16 = 2800; 32-bit pass 12800.
        assert_eq!(summary.costs_forward, 2800.0);
        assert_eq!(summary.su1_paper, 25600.0 / 15600.0);
        assert_eq!(summary.su2_exact, 25600.0 / 15600.0 / 0.75);
        assert_eq!(summary.su2_released, 25600.0 / 15600.0 / 0.5);
        assert_eq!(summary.su3_released, 2.0 * 25600.0 / 15600.0);
        assert_eq!(summary.mem_published, 1.0 + 24.0 * 0.75 / 64.0);
        assert_eq!(summary.sz_layers, (4.0 + 16.0) / 64.0);
        assert_eq!(summary.sz_exact, (40.0 + 480.0) / 1280.0);
        assert_eq!(summary.inference_su, 12800.0 / 2800.0);
        assert_eq!(summary.zeros_final, 0.25);
        assert_eq!(summary.zeros_final_exact, 5.0 / 40.0);
    }

    #[test]
    fn a_run_that_ends_early_is_compared_by_the_epochs_that_it_took() {
        let mut run = accumulator();
        run.step(&[record(8, 5), record(16, 30)]).unwrap();
        let planned = run.summary().unwrap();
        let half = run.summary_after(37.5).unwrap();
        assert_eq!(half.su3_released, 2.0 * planned.su3_released);
        assert_eq!(CostSummary { su3_released: planned.su3_released, ..half }, planned);
        assert!(run.summary_after(0.0).is_err());
    }

    #[test]
    fn float32_costs_what_the_baseline_costs() {
        let mut run = accumulator();
        run.step(&[record(32, 10), record(32, 30)]).unwrap();
        let summary = run.summary().unwrap();
        for value in [summary.su1_paper, summary.su1_released, summary.inference_su] {
            assert_eq!(value, 1.0);
        }
        assert_eq!((summary.mem_exact, summary.sz_exact), (2.0, 1.0));
    }

    #[test]
    fn every_quantity_is_labelled() {
        let mut run = accumulator();
        assert_eq!(run.summary(), Err(CostError::NoSteps));
        run.step(&[record(8, 5), record(16, 30)]).unwrap();
        let quantities = run.summary().unwrap().quantities();
        assert_eq!(quantities.len(), 24);
        let sz = quantities.iter().find(|quantity| quantity.name == "sz_exact").unwrap();
        assert_eq!(sz.value, 520.0 / 1280.0);
        assert!(sz.meaning.starts_with("Model size SZ at the end, element-weighted"));
    }
}
