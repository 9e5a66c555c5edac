//! A controller whose formats change at the start of given epochs, by a schedule chosen before training.

use super::controller::{check_infos, check_name, check_views};
use super::state::{from_json, to_json};
use super::{
    ControllerReport, ControllerState, Decision, EpochEnd, PrecisionController, PrecisionError,
    RoleFormats, Step, Switch, TensorInfo,
};
use serde::{Deserialize, Serialize};

/// Formats by epoch.
#[derive(Debug, Clone)]
pub struct Scheduled {
    name: &'static str,
    tensors: Vec<TensorInfo>,
    /// The formats of the first epoch and, ascending, of the epochs that change them; one entry a tensor.
    stages: Vec<(u32, Vec<RoleFormats>)>,
    formats: Vec<RoleFormats>,
    /// The epoch under way.
    epoch: u32,
    /// Tensors that the last epoch end gave another format, until the next step.
    switched: Vec<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scalars {
    epoch: u32,
    switched: Vec<bool>,
}

impl Scheduled {
    /// The controller `name` with `formats` at first and those of a stage of `later` from the start of its epoch on; one
    /// entry a tensor each.
    ///
    /// # Errors
    /// If there are no tensors, one is empty, or the epochs of `later` do not ascend from 1.
    ///
    /// # Panics
    /// If there are not as many formats as tensors.
    pub fn new(
        name: &'static str,
        tensors: &[TensorInfo],
        formats: Vec<RoleFormats>,
        later: Vec<(u32, Vec<RoleFormats>)>,
    ) -> Result<Self, PrecisionError> {
        check_infos(tensors)?;
        let epochs: Vec<u32> = later.iter().map(|(epoch, _)| *epoch).collect();
        if epochs.first() == Some(&0) || !epochs.is_sorted_by(|a, b| a < b) {
            let given = format!("{epochs:?}");
            return Err(PrecisionError::option("later", given, "epochs that ascend from 1"));
        }
        let mut stages = vec![(0, formats.clone())];
        stages.extend(later);
        let all = stages.iter().all(|(_, formats)| formats.len() == tensors.len());
        assert!(all, "one entry a tensor");
        let switched = vec![false; tensors.len()];
        Ok(Self { name, tensors: tensors.to_vec(), stages, formats, epoch: 0, switched })
    }

    /// Takes the formats of epoch `epoch`.
    fn begin(&mut self, epoch: u32) -> Vec<Switch> {
        self.epoch = epoch;
        let stage = self.stages.iter().rev().find(|(start, _)| *start <= epoch);
        let Some((_, formats)) = stage else { return Vec::new() };
        let pairs = self.formats.iter_mut().zip(formats).enumerate();
        let switches = pairs.filter_map(|(tensor, (format, &after))| {
            let before = std::mem::replace(format, after);
            (before != after).then_some(Switch { tensor, before, after })
        });
        switches.collect()
    }
}

impl PrecisionController for Scheduled {
    fn name(&self) -> &'static str {
        self.name
    }

    fn formats(&self) -> &[RoleFormats] {
        &self.formats
    }

    fn update(&mut self, step: &Step<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.tensors, step.tensors)?;
        self.switched.fill(false);
        Ok(Decision::default())
    }

    fn end_of_epoch(&mut self, epoch: &EpochEnd<'_>) -> Result<Decision, PrecisionError> {
        check_views(&self.tensors, epoch.tensors)?;
        let switches = self.begin(epoch.epoch.saturating_add(1));
        self.switched.fill(false);
        for switch in &switches {
            self.switched[switch.tensor] = true;
        }
        Ok(Decision { switches, ..Decision::default() })
    }

    fn report(&self, tensor: usize) -> ControllerReport {
        let switched = self.switched.get(tensor).copied().unwrap_or_default();
        ControllerReport { switched, ..ControllerReport::default() }
    }

    fn state(&self) -> ControllerState {
        let scalars = Scalars { epoch: self.epoch, switched: self.switched.clone() };
        ControllerState { scalars: to_json(&scalars), ..ControllerState::empty(self.name) }
    }

    fn restore(&mut self, state: &ControllerState) -> Result<(), PrecisionError> {
        check_name(self.name, state)?;
        let refuse = |reason| PrecisionError::State { controller: self.name, reason };
        let scalars: Scalars = from_json(&state.scalars).map_err(refuse)?;
        if scalars.switched.len() != self.tensors.len() {
            return Err(refuse(format!("it is not of {} tensors", self.tensors.len())));
        }
        self.begin(scalars.epoch);
        self.switched = scalars.switched;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::TensorView;
    use hwmodel::Format;

    fn fixed(wl: u32, fl: i32) -> RoleFormats {
        RoleFormats::fixed(Format::new(wl, fl).unwrap())
    }

    fn controller() -> Scheduled {
        let tensors = [TensorInfo::from_shape("w", &[2, 1]), TensorInfo::from_shape("v", &[1, 1])];
        let (a, b, c) = (fixed(8, 4), fixed(12, 6), fixed(16, 8));
        let later = vec![(2, vec![b, a]), (3, vec![c, c])];
        Scheduled::new("static", &tensors, vec![a, a], later).unwrap()
    }

    const VIEWS: [TensorView<'_>; 2] = [
        TensorView { master: &[1.0, 2.0], gradient: &[0.6, 0.8] },
        TensorView { master: &[1.0], gradient: &[1.0] },
    ];

    /// Word lengths after the end of epoch `epoch`, and which tensors were switched.
    fn end(controller: &mut Scheduled, epoch: u32) -> ([u32; 2], Vec<usize>) {
        controller.update(&Step { loss: 1.0, tensors: &VIEWS }).unwrap();
        assert!(!controller.report(0).switched && !controller.report(1).switched);
        let decision = controller.end_of_epoch(&EpochEnd { epoch, tensors: &VIEWS }).unwrap();
        let switched: Vec<usize> = decision.switches.iter().map(|switch| switch.tensor).collect();
        for tensor in 0..2 {
            assert_eq!(controller.report(tensor).switched, switched.contains(&tensor));
        }
        ([0, 1].map(|tensor| controller.formats()[tensor].weight.word_length()), switched)
    }

    #[test]
    fn formats_change_at_the_start_of_their_epochs() {
        let mut controller = controller();
        let ends: Vec<_> = (0..4).map(|epoch| end(&mut controller, epoch)).collect();
        let expected =
            [([8, 8], vec![]), ([12, 8], vec![0]), ([16, 16], vec![0, 1]), ([16, 16], vec![])];
        assert_eq!(ends, expected);
    }

    #[test]
    fn a_restored_controller_goes_on_alike() {
        let (mut whole, mut resumed) = (controller(), controller());
        end(&mut whole, 0);
        end(&mut whole, 1);
        resumed.restore(&whole.state()).unwrap();
        assert!(resumed.report(0).switched);
        assert_eq!(resumed.formats(), whole.formats());
        assert_eq!(end(&mut resumed, 2), end(&mut whole, 2));
        assert_eq!(resumed.state(), whole.state());
        assert!(resumed.restore(&ControllerState::empty("static")).is_err());
        assert!(resumed.restore(&ControllerState::empty("adapt")).is_err());
    }

    #[test]
    fn epochs_ascend_from_1() {
        let tensors = [TensorInfo::from_shape("w", &[1, 1])];
        let one = vec![fixed(8, 4)];
        for epochs in [vec![0], vec![2, 2], vec![3, 1]] {
            let later = epochs.iter().map(|&epoch| (epoch, one.clone())).collect();
            assert!(Scheduled::new("static", &tensors, one.clone(), later).is_err(), "{epochs:?}");
        }
    }
}
