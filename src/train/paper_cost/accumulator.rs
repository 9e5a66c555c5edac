//! Accumulates the sums of the cost equations over a training run, step by step.

use super::sum::Sum;
use super::{
    CostError, CostSummary, exact_float, push_down_operations, push_down_operations_bound,
    push_up_operations,
};
use serde::{Deserialize, Serialize};

/// Parameters of a run that the cost equations depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostOptions {
    /// accs: batches accumulated to one update.
    pub accumulation: u32,
    /// Images of a batch.
    pub batch: u32,
    /// Epochs of the run, for SU3: those of the steps that were added. A run that ends early has fewer than it planned, see
    /// [`CostAccumulator::summary_after`].
    pub epochs: f64,
    /// Factor of the switching overhead: steps that one record stands for (released: 10).
    pub interval: u32,
    /// r_upr: the largest resolution, for the paper's bound.
    pub largest_resolution: u32,
    /// Batch of MuPPET's baseline: 128 (CIFAR) or 256 (ImageNet).
    pub baseline_batch: u32,
    /// The accuracy to reach (that of the float32 run) as a fraction, for SU2.
    #[serde(with = "exact_float")]
    pub target_accuracy: f64,
}

/// A layer's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerCost {
    /// ops: multiply-adds of the layer's forward pass.
    pub operations: u64,
    /// Elements of its weights.
    pub elements: u64,
}

/// The state of a controller that switches precision, for the overhead of its switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchState {
    /// lb in steps, at least 1.
    pub lookback: u32,
    /// r in bins.
    pub resolution: u32,
}

/// One layer at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerStep {
    /// WL in bits; 32 for float32.
    pub word_length: u32,
    /// Elements of the quantised weights that are not zero.
    pub nonzero: u64,
    /// `None` for a controller without overhead.
    pub switch: Option<SwitchState>,
}

/// Sums over the steps of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LayerSums {
    pub(super) cost: LayerCost,
    /// Σ WL·nonzero in bits.
    pub(super) weighted_nonzero: u64,
    /// Σ nonzero.
    pub(super) nonzero: u64,
    pub(super) last: Option<LayerStep>,
}

/// The running sums of a run: its size depends on the number of layers only. It can be saved and
/// continued with the same bits.
///
/// ```
/// use hwsim::train::paper_cost::{CostAccumulator, CostOptions, LayerCost, LayerStep};
/// let options = CostOptions {
///     accumulation: 1, batch: 128, epochs: 100.0, interval: 1, largest_resolution: 150,
///     baseline_batch: 128, target_accuracy: 0.7,
/// };
/// let layer = LayerCost { operations: 1000, elements: 50 };
/// let mut costs = CostAccumulator::new(options, &[layer])?;
/// costs.step(&[LayerStep { word_length: 16, nonzero: 50, switch: None }])?;
/// assert_eq!(costs.summary()?.su1_paper, 64.0 / 48.0);
/// # Ok::<(), hwsim::train::paper_cost::CostError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostAccumulator {
    pub(super) options: CostOptions,
    pub(super) layers: Vec<LayerSums>,
    pub(super) steps: u64,
    /// Σ 32·(ops_pd + ops_pu)/(lb·accs)·interval, the same times sp, and with the bound of ops_pd.
    pub(super) overhead: Sum,
    pub(super) overhead_nonzero: Sum,
    pub(super) overhead_bound: Sum,
    /// Σ over steps of (Σ_l WL)·(mean_l sp), and of Σ_l WL·sp.
    pub(super) size_published: Sum,
    pub(super) size_layers: Sum,
    /// Σ over steps of mean_l sp.
    pub(super) mean_nonzero: Sum,
    pub(super) validations: u64,
    /// Index of the first validation at the target.
    pub(super) target_reached: Option<u64>,
}

impl CostAccumulator {
    /// An empty accumulator for a network of `layers`.
    ///
    /// # Errors
    /// If an option is 0 that divides, the target is NaN, or there are no layers or empty ones.
    pub fn new(options: CostOptions, layers: &[LayerCost]) -> Result<Self, CostError> {
        for (option, value) in [("accumulation", options.accumulation), ("batch", options.batch)] {
            if value == 0 {
                return Err(CostError::Option { option, value: 0.0, allowed: "at least 1" });
            }
        }
        check_epochs(options.epochs)?;
        if options.target_accuracy.is_nan() {
            let (option, value) = ("target_accuracy", f64::NAN);
            return Err(CostError::Option { option, value, allowed: "a fraction" });
        }
        if layers.is_empty() {
            return Err(CostError::NoLayers);
        }
        if let Some(empty) = layers.iter().position(|layer| layer.elements == 0) {
            return Err(CostError::EmptyLayer(empty));
        }
        let sums =
            |&cost: &LayerCost| LayerSums { cost, weighted_nonzero: 0, nonzero: 0, last: None };
        Ok(Self {
            options,
            layers: layers.iter().map(sums).collect(),
            steps: 0,
            overhead: Sum::default(),
            overhead_nonzero: Sum::default(),
            overhead_bound: Sum::default(),
            size_published: Sum::default(),
            size_layers: Sum::default(),
            mean_nonzero: Sum::default(),
            validations: 0,
            target_reached: None,
        })
    }

    /// Number of steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Adds a step.
    ///
    /// # Errors
    /// If the layers do not fit the network, a value is impossible or a sum overflows; nothing is
    /// added then.
    pub fn step(&mut self, layers: &[LayerStep]) -> Result<(), CostError> {
        self.check(layers)?;
        let options = &self.options;
        let (mut word_lengths, mut shares, mut layer_sizes) = (0.0, 0.0, 0.0);
        for (sums, step) in self.layers.iter_mut().zip(layers) {
            let elements = sums.cost.elements;
            let share = step.nonzero as f64 / elements as f64;
            sums.weighted_nonzero += u64::from(step.word_length) * step.nonzero;
            sums.nonzero += step.nonzero;
            sums.last = Some(*step);
            word_lengths += f64::from(step.word_length);
            shares += share;
            layer_sizes += f64::from(step.word_length) * share;
            if let Some(SwitchState { lookback, resolution }) = step.switch {
                let per_update = f64::from(lookback) * f64::from(options.accumulation);
                let factor = 32.0 * f64::from(options.interval) / per_update;
                let push_up = push_up_operations(elements, lookback);
                let push_down = push_down_operations(elements, step.word_length, resolution, share);
                let bound = push_down_operations_bound(elements, options.largest_resolution);
                self.overhead.add(factor * (push_down + push_up));
                self.overhead_nonzero.add(share * factor * (push_down + push_up));
                self.overhead_bound.add(factor * (bound + push_up));
            }
        }
        let count = self.layers.len() as f64;
        self.size_published.add(word_lengths * shares / count);
        self.size_layers.add(layer_sizes);
        self.mean_nonzero.add(shares / count);
        self.steps += 1;
        Ok(())
    }

    /// Adds a validation accuracy (a fraction); SU2 needs the first at the target.
    pub fn validation(&mut self, accuracy: f64) {
        if self.target_reached.is_none() && accuracy >= self.options.target_accuracy {
            self.target_reached = Some(self.validations);
        }
        self.validations += 1;
    }

    /// Lets the run have `epochs` epochs.
    pub fn set_epochs(&mut self, epochs: f64) {
        self.options.epochs = epochs;
    }

    /// Forgets the last validation, as if it had not been made.
    pub fn forget_validation(&mut self) {
        self.validations = self.validations.saturating_sub(1);
        self.target_reached = self.target_reached.filter(|&reached| reached < self.validations);
    }

    /// Every quantity of the steps so far.
    ///
    /// # Errors
    /// If there was no step.
    pub fn summary(&self) -> Result<CostSummary, CostError> {
        CostSummary::of(self, self.options.epochs)
    }

    /// Every quantity of the steps so far, which are `epochs` epochs, in place of those of the options.
    ///
    /// # Errors
    /// If there was no step, or `epochs` is not above 0.
    pub fn summary_after(&self, epochs: f64) -> Result<CostSummary, CostError> {
        check_epochs(epochs)?;
        CostSummary::of(self, epochs)
    }

    fn check(&self, layers: &[LayerStep]) -> Result<(), CostError> {
        let (step, expected, given) = (self.steps, self.layers.len(), layers.len());
        if expected != given {
            return Err(CostError::LayerCount { step, expected, given });
        }
        for (layer, (sums, record)) in self.layers.iter().zip(layers).enumerate() {
            let wrong =
                |what, value, allowed| Err(CostError::Step { step, layer, what, value, allowed });
            let elements = sums.cost.elements;
            if !(1..=32).contains(&record.word_length) {
                return wrong("word length", record.word_length.into(), "1 to 32 bits".into());
            }
            if record.nonzero > elements {
                return wrong("nonzero", record.nonzero, format!("at most {elements} elements"));
            }
            if record.switch.is_some_and(|switch| switch.lookback == 0) {
                return wrong("lookback", 0, "at least 1 step".into());
            }
            let weighted = record.nonzero.checked_mul(record.word_length.into());
            let total = weighted.and_then(|bits| bits.checked_add(sums.weighted_nonzero));
            if total.is_none() {
                return Err(CostError::Overflow(step));
            }
        }
        Ok(())
    }
}

fn check_epochs(epochs: f64) -> Result<(), CostError> {
    if epochs.is_finite() && epochs > 0.0 {
        return Ok(());
    }
    Err(CostError::Option { option: "epochs", value: epochs, allowed: "more than 0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> CostOptions {
        CostOptions {
            accumulation: 2,
            batch: 64,
            epochs: 100.0,
            interval: 1,
            largest_resolution: 150,
            baseline_batch: 128,
            target_accuracy: 0.5,
        }
    }

    fn record(word_length: u32, nonzero: u64, lookback: u32) -> LayerStep {
        let switch = Some(SwitchState { lookback, resolution: 50 });
        LayerStep { word_length, nonzero, switch }
    }

    const LAYERS: [LayerCost; 2] =
        [LayerCost { operations: 1000, elements: 10 }, LayerCost { operations: 500, elements: 20 }];

    #[test]
    fn impossible_records_name_step_and_layer() {
        let mut costs = CostAccumulator::new(options(), &LAYERS).unwrap();
        costs.step(&[record(8, 10, 25), record(8, 20, 25)]).unwrap();
        let before = costs.clone();
        for (bad, message) in [
            (record(0, 10, 25), "step 1, layer 1: word length is 0, use 1 to 32 bits"),
            (record(33, 10, 25), "step 1, layer 1: word length is 33, use 1 to 32 bits"),
            (record(8, 21, 25), "step 1, layer 1: nonzero is 21, use at most 20 elements"),
            (record(8, 10, 0), "step 1, layer 1: lookback is 0, use at least 1 step"),
        ] {
            let error = costs.step(&[record(8, 10, 25), bad]).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(costs, before, "nothing was added");
        }
        assert!(matches!(costs.step(&[]), Err(CostError::LayerCount { .. })));
    }

    #[test]
    fn sums_that_do_not_fit_are_refused() {
        let huge = LayerCost { operations: 1, elements: u64::MAX };
        let mut costs = CostAccumulator::new(options(), &[huge]).unwrap();
        assert_eq!(costs.step(&[record(2, u64::MAX, 25)]), Err(CostError::Overflow(0)));
    }

    #[test]
    fn a_saved_accumulator_continues_with_the_same_bits() {
        let mut costs = CostAccumulator::new(options(), &LAYERS).unwrap();
        let step = |costs: &mut CostAccumulator, t: u64| {
            costs.step(&[record(9 + t as u32, 3 + t, 26), record(13, 7 + t, 31)]).unwrap();
            costs.validation(0.2 * t as f64);
        };
        (0..3).for_each(|t| step(&mut costs, t));
        let text = serde_json::to_string(&costs).unwrap();
        let mut resumed: CostAccumulator = serde_json::from_str(&text).unwrap();
        assert_eq!(resumed, costs);
        (3..6).for_each(|t| step(&mut costs, t));
        (3..6).for_each(|t| step(&mut resumed, t));
        assert_eq!(resumed, costs);
        assert_eq!(costs.target_reached, Some(3));
    }

    #[test]
    fn impossible_networks_and_options_are_refused() {
        assert_eq!(CostAccumulator::new(options(), &[]), Err(CostError::NoLayers));
        let empty = LayerCost { operations: 1, elements: 0 };
        let refused = CostAccumulator::new(options(), &[LAYERS[0], empty]);
        assert_eq!(refused, Err(CostError::EmptyLayer(1)));
        let none = CostOptions { epochs: 0.0, ..options() };
        assert!(CostAccumulator::new(none, &LAYERS).is_err());
        let none = CostOptions { accumulation: 0, ..options() };
        assert!(CostAccumulator::new(none, &LAYERS).is_err());
    }
}
