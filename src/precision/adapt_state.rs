//! AdaPT's part of a checkpoint.

use super::state::{from_json, to_json};
use super::{
    Adapt, ControllerState, PrecisionController, RoleFormats, StateTensor, Strategy, Variant,
};
use hwmodel::Format;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scalars {
    variant: Variant,
    strategy: Strategy,
    tensors: Vec<TensorScalars>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorScalars {
    name: String,
    format: Format,
    lookback: u32,
    resolution: u32,
    window_count: u32,
    switched: bool,
}

const LOSSES: &str = "losses";
const DIVERSITIES: &str = "diversities";
const LOSSES_OF_FORMATS: &str = "kl";
const NORMS: &str = "gradient_norms";

fn gradient_sum(index: usize) -> String {
    format!("gradient_sum.{index}")
}

impl Adapt {
    pub(super) fn save(&self) -> ControllerState {
        let mut arrays = BTreeMap::new();
        let (mut tensors, mut norms) = (Vec::new(), Vec::new());
        for (index, (info, tensor)) in self.infos.iter().zip(&self.tensors).enumerate() {
            let mut window_count = 0;
            if let Some(window) = &tensor.window {
                let (sum, squares, count) = window.save();
                arrays.insert(gradient_sum(index), sum);
                norms.extend(squares);
                window_count = count;
            }
            tensors.push(TensorScalars {
                name: info.name.clone(),
                format: self.format(index).unwrap_or(self.options.start),
                lookback: tensor.lookback,
                resolution: tensor.resolution,
                window_count,
                switched: tensor.switched,
            });
        }
        // "No value yet" is stored as NaN, which none of these values can be.
        let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let diversities = self.tensors.iter().map(|tensor| or_nan(tensor.diversity)).collect();
        let losses_of_formats = self.tensors.iter().map(|tensor| or_nan(tensor.kl)).collect();
        arrays.insert(NORMS.into(), StateTensor::F64(norms));
        arrays.insert(DIVERSITIES.into(), StateTensor::F64(diversities));
        arrays.insert(LOSSES_OF_FORMATS.into(), StateTensor::F64(losses_of_formats));
        arrays.insert(LOSSES.into(), StateTensor::F64(self.strategy.history().collect()));
        let scalars =
            Scalars { variant: self.options.variant, strategy: self.strategy.current(), tensors };
        let controller = self.name().to_owned();
        ControllerState { controller, scalars: to_json(&scalars), tensors: arrays }
    }

    /// Takes over a saved state; the error says what does not fit.
    pub(super) fn load(&mut self, state: &ControllerState) -> Result<(), String> {
        let scalars: Scalars = from_json(&state.scalars)?;
        if scalars.variant != self.options.variant {
            return Err(format!("its variant is {}", scalars.variant.name()));
        }
        let own: Vec<&str> = self.infos.iter().map(|info| info.name.as_str()).collect();
        let saved: Vec<&str> = scalars.tensors.iter().map(|t| t.name.as_str()).collect();
        if own != saved {
            return Err(format!("its tensors are {saved:?}, expected {own:?}"));
        }
        let windows = self.tensors.iter().filter(|tensor| tensor.window.is_some()).count();
        let norms = doubles(state, NORMS, Some(2 * windows))?;
        let diversities = doubles(state, DIVERSITIES, Some(own.len()))?;
        let losses_of_formats = doubles(state, LOSSES_OF_FORMATS, Some(own.len()))?;
        let losses = doubles(state, LOSSES, None)?;
        let mut norms = norms.chunks_exact(2);
        for (index, saved) in scalars.tensors.iter().enumerate() {
            let tensor = &mut self.tensors[index];
            if saved.lookback == 0 || saved.resolution == 0 {
                return Err(format!("lookback or resolution of `{}` is 0", saved.name));
            }
            if let Some(window) = &mut tensor.window {
                let key = gradient_sum(index);
                let sum = state.tensors.get(&key).ok_or(format!("`{key}` is missing"))?;
                let Some(&[squares, sum_norm]) = norms.next() else {
                    return Err(format!("`{NORMS}` is too short"));
                };
                if !window.load(sum, [squares, sum_norm], saved.window_count) {
                    return Err(format!("`{key}` has another length or precision"));
                }
            }
            let known = |value: f64| (!value.is_nan()).then_some(value);
            tensor.lookback = saved.lookback;
            tensor.resolution = saved.resolution;
            tensor.switched = saved.switched;
            tensor.diversity = known(diversities[index]);
            tensor.kl = known(losses_of_formats[index]);
            self.formats[index] = RoleFormats::fixed(saved.format);
        }
        self.strategy.load(scalars.strategy, losses);
        Ok(())
    }
}

fn doubles<'a>(
    state: &'a ControllerState,
    key: &str,
    length: Option<usize>,
) -> Result<&'a [f64], String> {
    match state.tensors.get(key) {
        Some(StateTensor::F64(values)) if length.is_none_or(|n| n == values.len()) => Ok(values),
        Some(_) => Err(format!("`{key}` has another length or precision")),
        None => Err(format!("`{key}` is missing")),
    }
}
