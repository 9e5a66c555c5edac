//! From settings to a run in memory.

use super::super::errors::Failure;
use super::super::settings::{DEFAULT_EPOCHS, Resolved};
use super::super::setup;
use crate::network::{Initialisation, arch};
use crate::train::state::RunState;
use crate::train::{RunOptions, Trainer};
use hwmodel::SimdLevel;

/// Loads data and machine and builds the run.
pub(super) fn trainer(
    resolved: &Resolved,
    state: Option<&RunState>,
    simd: SimdLevel,
) -> Result<Trainer, Failure> {
    let mut options = state.map_or(&resolved.options, |state| &state.options).clone();
    let limits = (options.limit_train, options.limit_test);
    let data_dir = resolved.paths.data_dir.clone();
    let dataset = setup::dataset(options.dataset, &options.text, data_dir, limits)?;
    let machine = setup::machine(&options.machine)?;
    if state.is_none() && !["epochs", "preset"].iter().any(|s| resolved.explicit.contains(s)) {
        options.epochs = default_epochs(&options, dataset.train.len());
    }
    if state.is_none() && resolved.names_layers() {
        let train = &dataset.train;
        let initialisation =
            Initialisation { seed: options.seed, scale: options.initialisation_scale };
        let task = arch::Task { input: train.input(), classes: dataset.classes(), initialisation };
        let network = arch::build(&options.arch, &task)?;
        let infos = network.tensor_infos();
        options.controller = resolved.options_for(&infos).map_err(Failure::usage)?.controller;
    }
    Ok(Trainer::new(options, dataset, machine, simd)?)
}

/// Epochs if none are asked for: as many as `--max-steps` needs, or about as many optimiser steps as
/// [`DEFAULT_EPOCHS`] take on the embedded slice.
pub(in crate::cli) fn default_epochs(options: &RunOptions, images: usize) -> u32 {
    const DEFAULT_STEPS: u64 = 560;
    let update = options.batch_size as u64 * u64::from(options.optimiser.accumulation);
    let steps = (images as u64 / update).max(1);
    match options.max_steps {
        Some(wanted) => u32::try_from(wanted.div_ceil(steps)).unwrap_or(u32::MAX),
        None => ((DEFAULT_STEPS / steps) as u32).clamp(1, DEFAULT_EPOCHS),
    }
}
