//! Activation functions on the float unit.

use super::element_wise::Function;
use crate::graph::axes::{broadcast, zip};
use crate::graph::operator::wide_of;
use crate::graph::operators::Problem;
use crate::graph::{Alike, Call, Definition, Integers, Operator, Value};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

/// The operators of this file.
pub(super) const NAMES: &[&str] = &[
    "Celu",
    "Elu",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Mish",
    "PRelu",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Swish",
    "ThresholdedRelu",
];

/// Those of ONNX Runtime's own domain.
pub(super) const MICROSOFT: &[&str] = &["BiasGelu", "FastGelu", "Gelu", "QuickGelu"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let name = definition.node.operator.as_str();
    if name == "PRelu" {
        definition.expect_inputs(2, 2)?;
        return Ok(Box::new(Slopes));
    }
    if matches!(name, "BiasGelu" | "FastGelu") {
        definition.expect_inputs(if name == "BiasGelu" { 2 } else { 1 }, 2)?;
        return Ok(Box::new(Biased(if name == "BiasGelu" { gelu } else { gelu_by_tanh })));
    }
    definition.expect_inputs(1, 1)?;
    Ok(Box::new(Function(function(
        name,
        &|name, default| definition.real(name, default),
        &|| definition.choice("approximate", &[("none", false), ("tanh", true)], "none or tanh"),
    )?)))
}

/// The activation `name`, with the parameters that `parameter` gives for a name and a default.
///
/// # Errors
/// If there is none such.
pub(super) fn function(
    name: &str,
    parameter: &dyn Fn(&'static str, f32) -> Result<f32, Problem>,
    approximate: &dyn Fn() -> Result<bool, Problem>,
) -> Result<Box<dyn Fn(f64) -> f64 + Send + Sync>, Problem> {
    let of = |name, default| parameter(name, default).map(f64::from);
    Ok(match name {
        "Relu" => Box::new(|x: f64| if x < 0.0 { 0.0 } else { x }),
        "Tanh" => Box::new(libm::tanh),
        "Affine" => {
            let (alpha, beta) = (of("alpha", 1.0)?, of("beta", 0.0)?);
            Box::new(move |x| alpha * x + beta)
        }
        "ScaledTanh" => {
            let (alpha, beta) = (of("alpha", 1.0)?, of("beta", 1.0)?);
            Box::new(move |x| alpha * libm::tanh(beta * x))
        }
        "Celu" => {
            let alpha = of("alpha", 1.0)?;
            Box::new(move |x| if x < 0.0 { alpha * libm::expm1(x / alpha) } else { x })
        }
        "Elu" => {
            let alpha = of("alpha", 1.0)?;
            Box::new(move |x| if x < 0.0 { alpha * libm::expm1(x) } else { x })
        }
        "Gelu" if approximate()? => Box::new(gelu_by_tanh),
        "Gelu" => Box::new(gelu),
        "QuickGelu" => {
            let alpha = of("alpha", 1.702)?;
            Box::new(move |x| x * sigmoid(alpha * x))
        }
        "HardSigmoid" => {
            let (alpha, beta) = (of("alpha", 0.2)?, of("beta", 0.5)?);
            Box::new(move |x: f64| (alpha * x + beta).clamp(0.0, 1.0))
        }
        "HardSwish" => Box::new(|x: f64| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "LeakyRelu" => {
            let alpha = of("alpha", 0.01)?;
            Box::new(move |x| if x < 0.0 { alpha * x } else { x })
        }
        "Mish" => Box::new(|x| x * libm::tanh(softplus(x))),
        "Selu" => {
            let (alpha, gamma) = (of("alpha", 1.673_263_2)?, of("gamma", 1.050_701)?);
            Box::new(move |x| gamma * if x < 0.0 { alpha * libm::expm1(x) } else { x })
        }
        "Shrink" => {
            let (bias, limit) = (of("bias", 0.0)?, of("lambd", 0.5)?);
            Box::new(move |x| match x {
                x if x < -limit => x + bias,
                x if x > limit => x - bias,
                x if x.is_nan() => x,
                _ => 0.0,
            })
        }
        "Sigmoid" => Box::new(sigmoid),
        "Softplus" => Box::new(softplus),
        "Softsign" => Box::new(|x: f64| x / (1.0 + x.abs())),
        "Swish" => {
            let alpha = of("alpha", 1.0)?;
            Box::new(move |x| x * sigmoid(alpha * x))
        }
        "ThresholdedRelu" => {
            let alpha = of("alpha", 1.0)?;
            Box::new(move |x| if x > alpha || x.is_nan() { x } else { 0.0 })
        }
        _ => return Err(Problem::NoOperator),
    })
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x * FRAC_1_SQRT_2))
}

fn gelu_by_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::tanh(FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x)))
}

/// x where it is not negative, x times the slope of its channel elsewhere.
struct Slopes;

impl Operator for Slopes {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (x, slope) = (call.input(0)?, call.input(1)?);
        let to = x.shape().to_vec();
        if broadcast(&[&to, slope.shape()])? != to {
            let why = format!("slopes of shape {:?} for an input of shape {to:?}", slope.shape());
            return Err(Problem::Shape(why));
        }
        if let Alike::Integers(values) = call.alike(0, 2)? {
            let (x, slope) = (&values[0], &values[1]);
            let values = zip((&x.values, &to), (&slope.values, &slope.shape), &to, |x, slope| {
                i128::from(x) * if x < 0 { slope.into() } else { 1 }
            });
            let result = Integers::wrapped(to.clone(), x.element, values)?;
            return Ok(call.integer_result(result));
        }
        let values = zip((&x.wide(), &to), (&slope.wide(), slope.shape()), &to, |x, slope| {
            if x < 0.0 { x * slope } else { x }
        });
        Ok(vec![call.reals(0, to, values)?])
    }
}

/// A function of the sum of an input and a bias.
struct Biased(fn(f64) -> f64);

impl Operator for Biased {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let to = x.shape().to_vec();
        let x = wide_of("input", x)?;
        let values = match call.optional(1) {
            None => x.iter().map(|&x| (self.0)(x)).collect(),
            Some(bias) if to.last() == bias.shape().last() && bias.shape().len() == 1 => {
                zip((&x, &to), (&bias.wide(), bias.shape()), &to, |x, bias| (self.0)(x + bias))
            }
            Some(bias) => {
                let why =
                    format!("a bias of shape {:?} for an input of shape {to:?}", bias.shape());
                return Err(Problem::Shape(why));
            }
        };
        Ok(vec![call.reals(0, to, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::ElementType;

    fn y(case: Case, x: f64) -> f64 {
        case.reals(&[1], &[x]).numbers()[0]
    }

    #[test]
    fn functions_at_known_points() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
        near(y(Case::new("LeakyRelu").float("alpha", 0.1), -2.0), -0.2);
        near(y(Case::new("Elu").float("alpha", 2.0), -1.0), 2.0 * (-0.632_120_56));
        near(y(Case::new("Selu"), -1.0), -1.111_330_7);
        near(y(Case::new("Celu").float("alpha", 2.0), -1.0), -0.786_938_7);
        near(y(Case::new("HardSigmoid"), 1.0), 0.7);
        near(y(Case::new("HardSwish"), 1.0), 2.0 / 3.0);
        near(y(Case::new("Softplus"), 1000.0), 1000.0);
        near(y(Case::new("Mish"), 1.0), 0.865_098_4);
        near(y(Case::new("Gelu"), 1.0), 0.841_344_7);
        near(y(Case::new("Gelu").text("approximate", "tanh"), 1.0), 0.841_192);
        near(y(Case::new("Swish"), 1.0), 0.731_058_6);
        near(y(Case::new("ThresholdedRelu"), 1.0), 0.0);
        near(y(Case::new("Shrink").float("lambd", 1.5).float("bias", 1.5), -2.0), -0.5);
        near(y(Case::new("QuickGelu").domain("com.microsoft", 1), 1.0), 0.845_795_8);
        assert!(Case::new("Gelu").text("approximate", "sin").reals(&[1], &[1.0]).run().is_err());
    }

    #[test]
    fn slopes_are_broadcast_to_the_input() {
        let x = || Case::new("PRelu").reals(&[1, 2, 1], &[-1.0, -1.0]);
        assert_eq!(x().reals(&[2, 1], &[0.5, 3.0]).numbers(), [-0.5, -3.0]);
        assert!(x().reals(&[1, 2, 2], &[0.0; 4]).run().is_err());
        let bytes = |x: &[i64]| Case::new("PRelu").integers(&[2], ElementType::Int8, x);
        assert_eq!(bytes(&[-2, 2]).integers(&[1], ElementType::Int8, &[3]).numbers(), [-6.0, 2.0]);
        let biased = Case::new("BiasGelu").domain("com.microsoft", 1);
        let y = biased.reals(&[1, 2], &[0.0, 1.0]).reals(&[2], &[1.0, 0.0]).numbers();
        assert_eq!(y[0], y[1]);
    }
}
