//! Builds a run in memory from its settings.

use super::super::errors::Failure;
use super::super::pixels::PixelArguments;
use super::super::settings::Resolved;
use super::super::settings::run::DEFAULT_EPOCHS;
use super::super::setup;
use super::load_checkpoint;
use super::start::{Start, start_from_model};
use crate::data::{Dataset, DatasetKind, Normalisation};
use crate::network::{Initialisation, NetworkDescription, arch};
use crate::train::checkpoint_folder::check_owner as check_folder_owner;
use crate::train::run::CHECKPOINT_FILE;
use crate::train::state::{RunState, fingerprint, run_state};
use crate::train::{RunOptions, Trainer};
use hwmodel::SimdLevel;
use hwmodel::cast::exact;
use std::path::PathBuf;

/// Loads data and machine and builds the run.
pub(super) fn trainer(
    resolved: &Resolved,
    state: Option<&RunState>,
    start: Option<&Start>,
    simd: SimdLevel,
) -> Result<Trainer, Failure> {
    let (options, dataset) = options(resolved, state, start)?;
    let machine = setup::machine(&options.machine)?;
    let mut trainer = Trainer::new(options, dataset, machine, simd)?;
    // A checkpoint has all weights.
    if state.is_none() {
        start_from_model(&mut trainer, start, resolved.quiet)?;
    }
    Ok(trainer)
}

/// Checks that the folder for checkpoints holds none of another run.
pub(super) fn check_owner(resolved: &Resolved, start: Option<&Start>) -> Result<(), Failure> {
    let paths = &resolved.paths;
    let Some(folder) = paths.checkpoint.as_ref().filter(|_| !paths.overwrite) else {
        return Ok(());
    };
    let resumed = paths.resume.as_ref().and_then(|resumed| resumed.canonicalize().ok());
    // The run that is resumed checks by itself whose checkpoint it is.
    if !folder.join(CHECKPOINT_FILE).exists()
        || resumed.is_some() && resumed == folder.canonicalize().ok()
    {
        return Ok(());
    }
    let state = match &paths.resume {
        Some(from) if from.join(CHECKPOINT_FILE).exists() => {
            Some(run_state(&load_checkpoint(from)?)?)
        }
        _ => None,
    };
    let (options, dataset) = options(resolved, state.as_ref(), start)?;
    check_folder_owner(folder, &options, fingerprint(&dataset)).map_err(Failure::usage)
}

/// The final options, and the data.
fn options(
    resolved: &Resolved,
    state: Option<&RunState>,
    start: Option<&Start>,
) -> Result<(RunOptions, Dataset), Failure> {
    let mut options = state.map_or(&resolved.options, |state| &state.options).clone();
    if let (None, Some(start)) = (state, start) {
        start.complete(&mut options, resolved.own_layers)?;
    }
    let input = network_input(&options);
    let limits = (options.limit_train, options.limit_test);
    let data_dir = resolved.paths.data_dir.clone();
    let load = |kind, data_dir| setup::dataset(kind, &options.text, data_dir, input, limits);
    let mut dataset = match earlier_slice(state, data_dir.as_ref(), load)? {
        Some(slice) => slice,
        None => load(options.dataset, data_dir)?,
    };
    normalise(&mut dataset, &options)?;
    if state.is_none() && !["epochs", "preset"].iter().any(|s| resolved.explicit.contains(s)) {
        options.epochs = default_epochs(&options, dataset.train.len());
    }
    if state.is_some() {
        extend(&mut options, resolved, dataset.train.len());
    }
    if state.is_none() && resolved.names_layers() {
        let train = &dataset.train;
        let initialisation =
            Initialisation { seed: options.seed, scale: options.initialisation_scale };
        let task = arch::Task { input: train.input(), classes: dataset.classes(), initialisation };
        let network = match &options.network {
            Some(layers) => layers.builder(&options.arch, initialisation)?.finish()?,
            None => arch::build(&options.arch, &task)?,
        };
        let infos = network.tensor_infos();
        options.controller = resolved.options_for(&infos).map_err(Failure::usage)?.controller;
    }
    Ok((options, dataset))
}

/// Shape `[h, w, c]` of the samples that the run's network takes, if its file states one; built-in networks take any.
pub(in crate::cli) fn network_input(options: &RunOptions) -> Option<[usize; 3]> {
    options.network.as_ref().map(|network: &NetworkDescription| network.input)
}

/// Gives `dataset` the normalisation that the run states, if it does.
pub(in crate::cli) fn normalise(
    dataset: &mut Dataset,
    options: &RunOptions,
) -> Result<(), Failure> {
    if let Some(Normalisation { mean, std }) = options.normalisation.clone() {
        let [_, _, channels] = dataset.train.input();
        dataset.normalisation = PixelArguments { mean, std }.normalisation(channels)?;
    }
    Ok(())
}

/// Gives a run that is resumed the end that is asked for, if one is: without --max-steps the epochs alone decide, and
/// without --epochs there are as many as --max-steps needs.
fn extend(options: &mut RunOptions, resolved: &Resolved, images: usize) {
    let given = |name: &str| resolved.explicit.contains(&name);
    if given("epochs") {
        (options.epochs, options.max_steps) = (resolved.options.epochs, None);
    }
    if given("max-steps") {
        options.max_steps = resolved.options.max_steps;
        if !given("epochs") {
            options.epochs = options.epochs.max(default_epochs(options, images));
        }
    }
}

/// The slice, if `state` was written when `fashion-mnist` could mean it and has its fingerprint.
fn earlier_slice(
    state: Option<&RunState>,
    data_dir: Option<&PathBuf>,
    load: impl Fn(DatasetKind, Option<PathBuf>) -> Result<Dataset, Failure>,
) -> Result<Option<Dataset>, Failure> {
    let earlier = |state: &&RunState| state.options.dataset == DatasetKind::FashionMnist;
    let Some(state) = state.filter(earlier).filter(|_| data_dir.is_none()) else { return Ok(None) };
    let slice = load(DatasetKind::FashionMnistSlice, None)?;
    Ok((fingerprint(&slice) == state.data).then_some(slice))
}

/// Epochs if none are asked for: as many as `--max-steps` needs, or about as many optimiser steps as
/// [`DEFAULT_EPOCHS`] take on the embedded slice.
pub(in crate::cli) fn default_epochs(options: &RunOptions, images: usize) -> u32 {
    const DEFAULT_STEPS: u64 = 560;
    let update = options.batch_size as u64 * u64::from(options.optimiser.accumulation);
    let steps = (images as u64 / update).max(1);
    match options.max_steps {
        Some(wanted) => u32::try_from(wanted.div_ceil(steps)).unwrap_or(u32::MAX),
        None => exact::<u32>(DEFAULT_STEPS / steps).clamp(1, DEFAULT_EPOCHS),
    }
}
