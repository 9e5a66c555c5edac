//! The checkpoint of a run: saving and restoring its state.

use super::accounting::{LayerTotals, PendingWeights};
use super::error::TrainError;
use super::optimiser::RuleState;
use super::options::RunOptions;
use super::outcome::{Evaluation, Position};
use super::phases::{PhaseClock, PhaseSeconds, WallTime};
use super::schedule::ReduceOnPlateau;
use super::trainer::Trainer;
use crate::data::Dataset;
use crate::files::checkpoint::{Snapshot, SnapshotTensor};
use crate::precision::{ControllerState, NumberFormat, StateTensor};
use crate::train::paper_cost::CostAccumulator;
use flate2::Crc;
use hwmodel::number::block_float::tensor_format;
use hwmodel::{FixedTensor, RawData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything small about a run at the moment of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    /// Options of the run.
    pub options: RunOptions,
    /// Its progress.
    pub position: Position,
    /// Learning rate in force.
    pub learning_rate: f64,
    /// State of the plateau schedule.
    pub plateau: Option<ReduceOnPlateau>,
    /// Sums of the cost equations.
    pub costs: CostAccumulator,
    /// Counts of the weights since the last forward pass.
    pub pending: Vec<PendingWeights>,
    /// Sums for the final table.
    pub totals: Vec<LayerTotals>,
    /// Evaluations so far.
    pub evaluations: Vec<Evaluation>,
    /// The last loss that the strategy saw; absent before the first step.
    pub last_loss: Option<f64>,
    /// Whether the controller has ended the run.
    pub stopped: bool,
    /// Name and small state of the controller.
    pub controller: (String, serde_json::Value),
    /// Fingerprint of the data, which must be the same when the run resumes.
    pub data: u32,
    /// Bytes of the trace's file that belong to the run so far.
    pub trace_position: Option<u64>,
    /// Rows of the trace after these, which its file did not take; kept as a tensor.
    #[serde(skip)]
    pub trace_pending: Vec<u8>,
    /// Whether the run continues to another end than it began with.
    #[serde(skip)]
    pub extended: bool,
    /// Whether its last evaluation was made only since it ended there, and is forgotten since it now does not.
    #[serde(skip)]
    pub evaluation_dropped: bool,
    /// Seconds of computing so far.
    pub seconds: f64,
    /// Of these, the seconds of each phase.
    pub phases: PhaseSeconds,
}

/// How far a trace is at a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct TracePosition<'a> {
    /// Bytes of its file.
    pub bytes: u64,
    /// Rows after these that could not be written.
    pub pending: &'a [u8],
}

/// Name of the tensor with the rows of the trace that its file lacks.
const PENDING: &str = "trace/pending";

/// CRC-32 of all images and labels, or of all tokens.
pub fn fingerprint(dataset: &Dataset) -> u32 {
    let mut crc = Crc::new();
    for set in [&dataset.train, &dataset.test] {
        set.bytes().into_iter().for_each(|bytes| crc.update(bytes));
    }
    crc.sum()
}

fn float(shape: &[usize], data: &[f32]) -> SnapshotTensor {
    SnapshotTensor::F32 { shape: shape.to_vec(), data: data.to_vec() }
}

fn raw(tensor: &FixedTensor) -> SnapshotTensor {
    let shape = tensor.shape().to_vec();
    match tensor.data() {
        RawData::I8(data) => SnapshotTensor::I8 { shape, data: data.clone() },
        RawData::I16(data) => SnapshotTensor::I16 { shape, data: data.clone() },
        RawData::I32(data) => SnapshotTensor::I32 { shape, data: data.clone() },
        RawData::I64(data) => SnapshotTensor::I64 { shape, data: data.clone() },
    }
}

impl Trainer {
    /// The complete state; `trace` and `time` are the caller's.
    ///
    /// # Errors
    /// If the state cannot be written as JSON.
    pub fn snapshot(
        &self,
        trace: Option<TracePosition<'_>>,
        time: WallTime,
    ) -> Result<Snapshot, TrainError> {
        let mut tensors = BTreeMap::new();
        for (parameter, optimiser) in
            self.model.network.parameters.iter().zip(&self.update.optimisers)
        {
            let (name, shape) = (&parameter.name, &parameter.shape);
            tensors.insert(format!("master/{name}"), float(shape, &parameter.master));
            if let Some(quantised) = &parameter.quantised {
                tensors.insert(format!("quantised/{name}"), raw(quantised));
            }
            for (array, tensor) in optimiser.state() {
                let tensor = match tensor {
                    StateTensor::F32(data) => float(shape, &data),
                    StateTensor::F64(data) => SnapshotTensor::F64 { shape: vec![data.len()], data },
                };
                tensors.insert(format!("{array}/{name}"), tensor);
            }
        }
        for node in &self.model.network.nodes {
            if let Some(running) = node.running() {
                let shape = [running.mean.len()];
                tensors.insert(format!("mean/{}", node.name), float(&shape, &running.mean));
                tensors.insert(format!("variance/{}", node.name), float(&shape, &running.variance));
            }
        }
        let controller = self.model.controller.state();
        for (name, tensor) in controller.tensors {
            let tensor = match tensor {
                StateTensor::F32(data) => SnapshotTensor::F32 { shape: vec![data.len()], data },
                StateTensor::F64(data) => SnapshotTensor::F64 { shape: vec![data.len()], data },
            };
            tensors.insert(format!("controller/{name}"), tensor);
        }
        if let Some(trace) = trace.filter(|trace| !trace.pending.is_empty()) {
            let (shape, data) = (vec![trace.pending.len()], trace.pending.to_vec());
            tensors.insert(PENDING.to_owned(), SnapshotTensor::U8 { shape, data });
        }
        let state = RunState {
            options: self.options.clone(),
            position: self.position,
            learning_rate: self.update.learning_rate,
            plateau: self.update.scheduler.plateau().cloned(),
            costs: self.ledger.costs.clone(),
            pending: self.model.pending.clone(),
            totals: self.ledger.totals.clone(),
            evaluations: self.ledger.evaluations.clone(),
            last_loss: Some(self.ledger.last_loss).filter(|loss| !loss.is_nan()),
            stopped: self.stopped,
            controller: (controller.controller, controller.scalars),
            data: fingerprint(&self.dataset),
            trace_position: trace.map(|trace| trace.bytes),
            trace_pending: Vec::new(),
            extended: false,
            evaluation_dropped: false,
            seconds: time.seconds,
            phases: time.phases,
        };
        let meta = serde_json::to_value(&state)
            .map_err(|error| TrainError::Resume(format!("its state has no JSON form: {error}")))?;
        Ok(Snapshot { meta, tensors })
    }

    /// Puts a state back into a fresh trainer of the same options and data. Epochs and the most steps may be others: the
    /// run continues to their end, with the bits of a run that had them from the start unless its learning rate depends on
    /// them ([`Schedule::depends_on_epochs`](super::schedule::Schedule::depends_on_epochs)).
    ///
    /// # Errors
    /// If the state does not fit.
    pub fn restore(&mut self, mut snapshot: Snapshot) -> Result<RunState, TrainError> {
        let mut state = run_state(&snapshot)?;
        let RunOptions { epochs, max_steps, .. } = self.options;
        state.extended = (state.options.epochs, state.options.max_steps) != (epochs, max_steps);
        if (RunOptions { epochs, max_steps, ..state.options.clone() }) != self.options {
            return Err(TrainError::Resume("it belongs to a run with other options".to_owned()));
        }
        if state.extended {
            self.check_extension(&state)?;
        }
        if state.data != fingerprint(&self.dataset) {
            let why = "the images are not those that the run began with: pass the same data";
            return Err(TrainError::Resume(why.to_owned()));
        }
        let layers = self.model.network.mac_layers.len();
        if state.totals.len() != layers || state.pending.len() != layers {
            return Err(TrainError::Resume(format!("it is not of a network of {layers} layers")));
        }
        let mut controller = ControllerState {
            controller: state.controller.0.clone(),
            scalars: state.controller.1.clone(),
            tensors: BTreeMap::new(),
        };
        for (name, tensor) in &snapshot.tensors {
            let Some(name) = name.strip_prefix("controller/") else { continue };
            let tensor = match tensor {
                SnapshotTensor::F32 { data, .. } => StateTensor::F32(data.clone()),
                SnapshotTensor::F64 { data, .. } => StateTensor::F64(data.clone()),
                _ => return Err(misfit(name)),
            };
            controller.tensors.insert(name.to_owned(), tensor);
        }
        self.model.controller.restore(&controller)?;
        let formats = self.model.controller.formats().to_vec();
        let parameters = self.model.network.parameters.iter_mut();
        let parameters = parameters.zip(&mut self.update.optimisers);
        for ((parameter, optimiser), formats) in parameters.zip(formats) {
            let name = parameter.name.clone();
            let length = parameter.master.len();
            parameter.master = take(&mut snapshot, &format!("master/{name}"), length)?;
            parameter.formats = formats;
            // A scale follows from the master values, which are those it was chosen from.
            let format = match formats.weight {
                NumberFormat::DynamicFixed { wl } => {
                    let format = tensor_format(&parameter.master, wl);
                    Some(format.map_err(|error| TrainError::Resume(format!("`{name}`: {error}")))?)
                }
                other => other.fixed(),
            };
            parameter.quantised = match format {
                None => None,
                Some(format) => {
                    let key = format!("quantised/{name}");
                    let tensor = snapshot.tensors.remove(&key).ok_or_else(|| misfit(&key))?;
                    let wide: Vec<i64> = match tensor {
                        SnapshotTensor::I8 { data, .. } => {
                            data.into_iter().map(i64::from).collect()
                        }
                        SnapshotTensor::I16 { data, .. } => {
                            data.into_iter().map(i64::from).collect()
                        }
                        SnapshotTensor::I32 { data, .. } => {
                            data.into_iter().map(i64::from).collect()
                        }
                        SnapshotTensor::I64 { data, .. } => data,
                        _ => return Err(misfit(&key)),
                    };
                    let tensor = FixedTensor::from_raw(&parameter.shape, format, &wide)
                        .map_err(|error| TrainError::Resume(format!("`{key}`: {error}")))?;
                    Some(tensor)
                }
            };
            let mut restored = RuleState::new();
            for array in optimiser.state_names() {
                let tensor = match snapshot.tensors.remove(&format!("{array}/{name}")) {
                    None => continue,
                    Some(SnapshotTensor::F32 { data, .. }) => StateTensor::F32(data),
                    Some(SnapshotTensor::F64 { data, .. }) => StateTensor::F64(data),
                    Some(_) => return Err(misfit(&format!("{array}/{name}"))),
                };
                restored.insert(array, tensor);
            }
            optimiser
                .restore(restored)
                .map_err(|source| TrainError::Optimiser { parameter: name, source })?;
        }
        for node in &mut self.model.network.nodes {
            let name = node.name.clone();
            if let Some(running) = node.running_mut() {
                let channels = running.mean.len();
                running.mean = take(&mut snapshot, &format!("mean/{name}"), channels)?;
                running.variance = take(&mut snapshot, &format!("variance/{name}"), channels)?;
            }
        }
        self.position = state.position;
        self.stopped = state.stopped;
        self.model.pending = state.pending.clone();
        self.update.learning_rate = state.learning_rate;
        self.update.scheduler.restore(state.plateau.clone());
        self.ledger.costs = state.costs.clone();
        self.ledger.totals = state.totals.clone();
        self.ledger.evaluations = state.evaluations.clone();
        self.ledger.last_loss = state.last_loss.unwrap_or(f64::NAN);
        self.ledger.clock = PhaseClock::after(state.phases);
        if state.extended {
            self.extend(&mut state);
        }
        Ok(state)
    }

    /// Checks that the run of `state` can have the end of these options.
    fn check_extension(&self, state: &RunState) -> Result<(), TrainError> {
        let (done, total) = (state.position.step, self.total_steps());
        if done > total {
            return Err(TrainError::Resume(format!(
                "it has done {done} steps, and {total} are asked for: use more epochs or steps"
            )));
        }
        if state.stopped && done < total {
            let why = "its controller has ended the training, so there are no more epochs";
            return Err(TrainError::Resume(why.to_owned()));
        }
        Ok(())
    }

    /// Gives the run of `state` the end of these options.
    fn extend(&mut self, state: &mut RunState) {
        let position = self.position;
        self.ledger.costs.set_epochs(f64::from(self.options.epochs));
        self.update.after_step(position.step);
        // A run that ends within an epoch evaluates there; one that continues does not.
        let evaluated = self.evaluations().last().is_some_and(|last| last.step == position.step);
        if position.step_in_epoch > 0 && evaluated && !self.finished() {
            self.ledger.evaluations.pop();
            self.ledger.costs.forget_validation();
            state.evaluation_dropped = true;
        }
    }
}

/// The small part of a checkpoint.
///
/// # Errors
/// If it is not the state of a run.
pub fn run_state(snapshot: &Snapshot) -> Result<RunState, TrainError> {
    let mut state = RunState::deserialize(&snapshot.meta)
        .map_err(|error| TrainError::Resume(format!("its state is damaged: {error}")))?;
    if let Some(SnapshotTensor::U8 { data, .. }) = snapshot.tensors.get(PENDING) {
        state.trace_pending.clone_from(data);
    }
    Ok(state)
}

fn misfit(name: &str) -> TrainError {
    TrainError::Resume(format!("tensor `{name}` is missing or has the wrong type or size"))
}

fn take(snapshot: &mut Snapshot, name: &str, length: usize) -> Result<Vec<f32>, TrainError> {
    match snapshot.tensors.remove(name) {
        Some(SnapshotTensor::F32 { data, .. }) if data.len() == length => Ok(data),
        _ => Err(misfit(name)),
    }
}
