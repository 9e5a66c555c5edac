//! AdaPT and ADEPT: the controller put together from its building blocks.

mod options;

use hwmodel::cast::exact;
pub use options::{AdaptOptions, DESCRIPTION, Granularity, PENALTY, values};
pub(super) use options::{SETTINGS_OF_ADEPT, options};

use super::controller::{check_infos, check_name, check_views};
use super::lookback::{next_lookback, next_resolution};
use super::push_down::{self, PaperSearch};
use super::push_up::push_up;
use super::strategy::StrategyControl;
use super::window::GradientWindow;
use super::{
    ControllerReport, ControllerState, Decision, EpochEnd, PrecisionController, PrecisionError,
    RoleFormats, Step, Strategy, Switch, TensorInfo, TensorView, Variant,
};
use hwmodel::Format;

pub(super) fn build(
    options: &AdaptOptions,
    tensors: &[TensorInfo],
) -> Result<Box<dyn PrecisionController>, PrecisionError> {
    Ok(Box::new(Adapt::new(options.clone(), tensors)?))
}

/// AdaPT's state of one tensor.
#[derive(Debug, Clone)]
pub(super) struct Controlled {
    pub(super) lookback: u32,
    pub(super) resolution: u32,
    pub(super) diversity: Option<f64>,
    pub(super) kl: Option<f64>,
    pub(super) switched: bool,
    /// None for biases, which follow the tensor before them.
    pub(super) window: Option<GradientWindow>,
}

/// The AdaPT controller (papers/adapt.md sections 3 to 5).
///
/// Within a step: strategy once; then per tensor lookback, resolution and, if the window is full,
/// PushDown on the master values before the step's update and PushUp; a bias takes the format,
/// lookback and resolution that the tensor before it has then.
#[derive(Debug, Clone)]
pub struct Adapt {
    name: &'static str,
    pub(super) options: AdaptOptions,
    pub(super) infos: Vec<TensorInfo>,
    pub(super) formats: Vec<RoleFormats>,
    pub(super) tensors: Vec<Controlled>,
    pub(super) strategy: StrategyControl,
}

impl Adapt {
    /// A controller of `tensors`, all in the start format.
    ///
    /// # Errors
    /// If an option is out of range, a tensor is empty, or the first tensor is a bias.
    pub fn new(options: AdaptOptions, tensors: &[TensorInfo]) -> Result<Self, PrecisionError> {
        options.check()?;
        check_infos(tensors)?;
        if let Some(first) = tensors.first().filter(|info| info.is_bias) {
            return Err(PrecisionError::BiasFirst(first.name.clone()));
        }
        let controlled = |info: &TensorInfo| Controlled {
            lookback: options.lookback.lower,
            resolution: options.resolution.lower,
            diversity: None,
            kl: None,
            switched: false,
            window: (!info.is_bias).then(|| GradientWindow::new(options.variant, info.elements)),
        };
        Ok(Self {
            name: "adapt",
            infos: tensors.to_vec(),
            formats: vec![RoleFormats::fixed(options.start); tensors.len()],
            tensors: tensors.iter().map(controlled).collect(),
            // The ceiling of the moving average may pass the upper bound by one.
            strategy: StrategyControl::new(options.variant, options.lookback.upper + 1),
            options,
        })
    }

    /// ADEPT: a controller that may switch after any batch, for any granularity in the options.
    ///
    /// # Errors
    /// As [`Adapt::new`].
    pub fn adept(options: AdaptOptions, tensors: &[TensorInfo]) -> Result<Self, PrecisionError> {
        let options = AdaptOptions { granularity: Granularity::Batch, ..options };
        Ok(Self { name: "adept", ..Self::new(options, tensors)? })
    }

    /// The options in force.
    pub fn options(&self) -> &AdaptOptions {
        &self.options
    }

    /// The strategy in force.
    pub fn strategy(&self) -> Strategy {
        self.strategy.current()
    }

    /// Format ⟨WL, FL⟩ of tensor `index`; `None` for an index out of range.
    pub fn format(&self, index: usize) -> Option<Format> {
        self.formats.get(index)?.weight.fixed()
    }

    fn mean_lookback(&self) -> u32 {
        let sum: u64 = self.tensors.iter().map(|tensor| u64::from(tensor.lookback)).sum();
        exact::<u32>(sum / self.tensors.len() as u64)
    }

    /// Adds the gradient of tensor `index` to its window and adapts lookback and resolution.
    fn observe(&mut self, index: usize, gradient: &[f32]) -> Result<(), PrecisionError> {
        let options = &self.options;
        let tensor = &mut self.tensors[index];
        let Some(window) = &mut tensor.window else { return Ok(()) };
        window.add(gradient).map_err(|error| self.infos[index].named(error))?;
        let diversity = window.diversity();
        tensor.diversity = Some(diversity);
        tensor.lookback = next_lookback(
            options.variant,
            diversity,
            tensor.lookback,
            options.lookback,
            options.lookback_momentum,
        );
        tensor.resolution = next_resolution(
            tensor.lookback,
            tensor.resolution,
            options.lookback,
            options.resolution,
        );
        Ok(())
    }

    /// PushDown and PushUp of tensor `index` if its window is full.
    fn switch_if_full(&mut self, index: usize, master: &[f32]) -> Result<(), PrecisionError> {
        let current = self.format(index).unwrap_or(self.options.start);
        let (options, info) = (&self.options, &self.infos[index]);
        let tensor = &mut self.tensors[index];
        let Some(window) = &mut tensor.window else { return Ok(()) };
        if window.count() == 0 || window.count() < tensor.lookback {
            return Ok(());
        }
        let pushed = match options.variant {
            Variant::Paper => {
                let search = PaperSearch {
                    epsilon_kl: options.epsilon_kl,
                    buffer_bits: options.buffer_bits,
                    range: options.push_down_range,
                };
                push_down::paper(master, current, tensor.resolution, search)
            }
            Variant::Released => {
                push_down::released(&master[..info.first_slice_len], current, tensor.resolution)
            }
        };
        let pushed = pushed.map_err(|error| info.named(error))?;
        let format = push_up(
            options.variant,
            window.diversity(),
            pushed.format,
            self.strategy.current(),
            options.buffer_bits,
        )?;
        window.clear();
        // NaN (nothing left inside the range) is no value.
        tensor.kl = (!pushed.loss.is_nan()).then_some(pushed.loss);
        tensor.switched = format != current;
        self.formats[index] = RoleFormats::fixed(format);
        Ok(())
    }

    /// A bias takes over everything from the tensor before it.
    fn follow(&mut self, index: usize) {
        let (before, rest) = self.tensors.split_at_mut(index);
        if let (Some(leader), Some(bias)) = (before.last(), rest.first_mut()) {
            bias.lookback = leader.lookback;
            bias.resolution = leader.resolution;
            bias.diversity = leader.diversity;
            bias.kl = leader.kl;
            bias.switched = leader.switched;
            self.formats[index] = self.formats[index - 1];
        }
    }

    /// Lets `act` treat every tensor that is not a bias, and biases follow.
    fn for_each(
        &mut self,
        views: &[TensorView<'_>],
        act: impl Fn(&mut Self, usize, &TensorView<'_>) -> Result<(), PrecisionError>,
    ) -> Result<Decision, PrecisionError> {
        let before = self.formats.clone();
        for (index, view) in views.iter().enumerate() {
            if self.infos[index].is_bias {
                self.follow(index);
            } else {
                self.tensors[index].switched = false;
                act(self, index, view)?;
            }
        }
        let pairs = before.into_iter().zip(&self.formats).enumerate();
        let switches = pairs
            .filter(|(_, (before, after))| before != *after)
            .map(|(tensor, (before, after))| Switch { tensor, before, after: *after })
            .collect();
        Ok(Decision { switches, ..Decision::default() })
    }
}

impl TensorInfo {
    /// Puts this tensor's name into an error of a building block that does not know it.
    fn named(&self, error: PrecisionError) -> PrecisionError {
        let tensor = self.name.clone();
        match error {
            PrecisionError::Weights => PrecisionError::NotFinite { tensor, what: "master" },
            PrecisionError::NotFinite { what, .. } => PrecisionError::NotFinite { tensor, what },
            other => other,
        }
    }
}

impl PrecisionController for Adapt {
    fn name(&self) -> &'static str {
        self.name
    }

    fn formats(&self) -> &[RoleFormats] {
        &self.formats
    }

    fn update(&mut self, step: &Step<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.infos, step.tensors)?;
        if !step.loss.is_finite() {
            return Err(PrecisionError::Loss(step.loss));
        }
        let mean_lookback = self.mean_lookback();
        self.strategy.observe(step.loss, mean_lookback);
        self.for_each(step.tensors, |controller, index, view| {
            controller.observe(index, view.gradient)?;
            match controller.options.granularity {
                Granularity::Batch => controller.switch_if_full(index, view.master),
                Granularity::Epoch => Ok(()),
            }
        })
    }

    fn end_of_epoch(&mut self, epoch: &EpochEnd<'_>) -> Result<Decision, PrecisionError> {
        if self.options.granularity == Granularity::Batch {
            return Ok(Decision::default());
        }
        check_views(&self.infos, epoch.tensors)?;
        self.for_each(epoch.tensors, |controller, index, view| {
            controller.switch_if_full(index, view.master)
        })
    }

    fn report(&self, tensor: usize) -> ControllerReport {
        let Some(own) = self.tensors.get(tensor) else { return ControllerReport::default() };
        ControllerReport {
            lookback: Some(own.lookback),
            resolution: Some(own.resolution),
            strategy: Some(self.strategy.current()),
            diversity: own.diversity,
            kl: own.kl,
            switched: own.switched,
        }
    }

    fn state(&self) -> ControllerState {
        self.save()
    }

    fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError> {
        check_name(self.name(), state)?;
        let controller = self.name;
        let loaded = self.load(state);
        loaded.map_err(|reason| PrecisionError::State { controller, reason })
    }
}

#[cfg(test)]
#[path = "adapt_tests.rs"]
mod tests;
