//! The equations of one step, and the functions of the gates.

use super::super::activation;
use super::weights::Weights;
use crate::graph::{Definition, Problem};
use std::cell::RefCell;

/// A function of a gate.
pub(super) type Function = Box<dyn Fn(f64) -> f64 + Send + Sync>;

/// The functions f, g and h of a direction.
pub(super) type Functions = Vec<Function>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Cell {
    /// Gates i, o, f, c. If they are coupled, the forget gate is 1 - i.
    Lstm {
        coupled: bool,
    },
    /// Gates z, r, h. The product is made before the reset gate if it is linear first.
    Gru {
        linear_first: bool,
    },
    Plain,
}

impl Cell {
    pub(super) fn gates(self) -> usize {
        match self {
            Self::Lstm { .. } => 4,
            Self::Gru { .. } => 3,
            Self::Plain => 1,
        }
    }

    fn defaults(self) -> &'static [&'static str] {
        match self {
            Self::Lstm { .. } => &["Sigmoid", "Tanh", "Tanh"],
            Self::Gru { .. } => &["Sigmoid", "Tanh"],
            Self::Plain => &["Tanh"],
        }
    }
}

/// Names, and whether there are a parameter alpha and a parameter beta.
const KNOWN: &[(&str, bool, bool)] = &[
    ("Relu", false, false),
    ("Tanh", false, false),
    ("Sigmoid", false, false),
    ("Affine", true, true),
    ("LeakyRelu", true, false),
    ("ThresholdedRelu", true, false),
    ("ScaledTanh", true, true),
    ("HardSigmoid", true, true),
    ("Elu", true, false),
    ("Softsign", false, false),
    ("Softplus", false, false),
];

/// The functions of each direction.
pub(super) fn functions(
    definition: &Definition<'_>,
    cell: Cell,
    directions: usize,
) -> Result<Vec<Functions>, Problem> {
    let defaults = cell.defaults();
    let names: Vec<&str> = match definition.texts("activations")? {
        Some(names) if !names.is_empty() => names.iter().map(String::as_str).collect(),
        _ => defaults.iter().copied().cycle().take(defaults.len() * directions).collect(),
    };
    let needed =
        |value: String, allowed| Problem::Attribute { name: "activations", value, allowed };
    if names.len() != defaults.len() * directions {
        let allowed = "one function for each kind of gate and each direction is needed";
        return Err(needed(format!("{names:?}"), allowed));
    }
    // Parameters are listed for those functions that have them.
    let list = |name| {
        let values = definition.reals(name)?.unwrap_or(&[]);
        Ok::<_, Problem>(RefCell::new(values.iter().copied()))
    };
    let (alphas, betas) = (list("activation_alpha")?, list("activation_beta")?);
    let function = |name: &&str| {
        let known = KNOWN.iter().find(|known| known.0.eq_ignore_ascii_case(name));
        let &(known, has_alpha, has_beta) = known.ok_or_else(|| {
            let allowed = "Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, Softsign and Softplus are known";
            needed(format!("`{name}`"), allowed)
        })?;
        let alpha = if has_alpha { alphas.borrow_mut().next() } else { None };
        let beta = if has_beta { betas.borrow_mut().next() } else { None };
        let parameter = |name: &'static str, default: f32| {
            Ok(if name == "alpha" { alpha } else { beta }.unwrap_or(default))
        };
        activation::function(known, &parameter, &|| Ok(false))
    };
    let all = names.iter().map(function).collect::<Result<Vec<_>, _>>()?;
    let mut all = all.into_iter();
    Ok((0..directions).map(|_| all.by_ref().take(defaults.len()).collect()).collect())
}

/// One sequence at one step.
pub(super) struct Gates<'a> {
    /// W x, of all gates.
    pub(super) input: &'a [f64],
    /// R h, of all gates.
    pub(super) recurrent: &'a [f64],
    pub(super) input_bias: &'a [f64],
    pub(super) recurrent_bias: &'a [f64],
    /// Of the gates i, o, f.
    pub(super) peepholes: &'a [f64],
    pub(super) before: &'a [f64],
    pub(super) h: &'a mut [f64],
    pub(super) c: &'a mut [f64],
    pub(super) functions: &'a Functions,
    pub(super) clip: Option<f64>,
}

impl Gates<'_> {
    fn clipped(&self, x: f64) -> f64 {
        self.clip.map_or(x, |bound| x.clamp(-bound, bound))
    }

    /// Sum of gate `gate` for output `k`.
    fn sum(&self, gate: usize, k: usize) -> f64 {
        let at = gate * self.h.len() + k;
        self.input[at] + self.recurrent[at] + self.input_bias[at] + self.recurrent_bias[at]
    }

    /// The function `which` of a sum.
    fn apply(&self, which: usize, sum: f64) -> f64 {
        (self.functions[which])(self.clipped(sum))
    }
}

impl Cell {
    /// Replaces outputs and states by those after the step.
    pub(super) fn step(
        self,
        gates: &mut Gates<'_>,
        weights: &mut dyn Weights,
    ) -> Result<(), Problem> {
        let hidden = gates.h.len();
        match self {
            Self::Plain => {
                for k in 0..hidden {
                    gates.h[k] = gates.apply(0, gates.sum(0, k));
                }
            }
            Self::Lstm { coupled } => {
                let (pi, rest) = gates.peepholes.split_at(hidden);
                let (po, pf) = rest.split_at(hidden);
                for k in 0..hidden {
                    let c = gates.c[k];
                    let input = gates.apply(0, gates.sum(0, k) + pi[k] * c);
                    let forget = match coupled {
                        true => 1.0 - input,
                        false => gates.apply(0, gates.sum(2, k) + pf[k] * c),
                    };
                    let new = forget * c + input * gates.apply(1, gates.sum(3, k));
                    let output = gates.apply(0, gates.sum(1, k) + po[k] * new);
                    gates.c[k] = new;
                    gates.h[k] = output * (gates.functions[2])(new);
                }
            }
            Self::Gru { linear_first } => {
                let update: Vec<f64> =
                    (0..hidden).map(|k| gates.apply(0, gates.sum(0, k))).collect();
                let reset: Vec<f64> =
                    (0..hidden).map(|k| gates.apply(0, gates.sum(1, k))).collect();
                let last = 2 * hidden;
                let recurrent: Vec<f64> = if linear_first {
                    let linear =
                        |k: usize| gates.recurrent[last + k] + gates.recurrent_bias[last + k];
                    (0..hidden).map(|k| reset[k] * linear(k)).collect()
                } else {
                    let kept: Vec<f64> =
                        reset.iter().zip(gates.before).map(|(r, h)| r * h).collect();
                    let sums = weights.recurrent(&kept, 1)?;
                    (0..hidden).map(|k| sums[last + k] + gates.recurrent_bias[last + k]).collect()
                };
                for k in 0..hidden {
                    let sum = gates.input[last + k] + gates.input_bias[last + k] + recurrent[k];
                    let new = gates.apply(1, sum);
                    gates.h[k] = (1.0 - update[k]) * new + update[k] * gates.before[k];
                }
            }
        }
        Ok(())
    }
}
