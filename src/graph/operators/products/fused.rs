//! FusedConv and FusedGemm: what ONNX Runtime's optimiser makes of a product, a sum and an activation.

use super::{conv, gemm};
use crate::graph::axes::{broadcast, zip};
use crate::graph::operators::activation;
use crate::graph::{Call, Definition, Operator, Problem, Value};

/// The operators of this file.
pub(in crate::graph::operators) const NAMES: &[&str] = &["FusedConv", "FusedGemm"];

/// Inputs of a convolution; the one behind them is added to it.
const INPUTS: usize = 3;

struct Fused {
    product: Box<dyn Operator>,
    activation: Box<dyn Fn(f64) -> f64 + Send + Sync>,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    let is_convolution = definition.node.operator == "FusedConv";
    definition.expect_inputs(2, if is_convolution { INPUTS + 1 } else { INPUTS })?;
    let mut node = definition.node.clone();
    node.inputs.truncate(INPUTS);
    let constants = definition.constants.iter().take(INPUTS).cloned().collect();
    let inner = Definition { node: &node, constants, ..*definition };
    let product = if is_convolution { conv::make(&inner)? } else { gemm::make(&inner)? };
    Ok(Box::new(Fused { product, activation: of_attributes(definition, is_convolution)? }))
}

/// The activation: its parameters are a list, or attributes of their own.
fn of_attributes(
    definition: &Definition<'_>,
    listed: bool,
) -> Result<Box<dyn Fn(f64) -> f64 + Send + Sync>, Problem> {
    let name = definition.text("activation", "")?;
    let list = definition.reals("activation_params")?.unwrap_or(&[]);
    let parameter = |name: &'static str, default: f32| match (name, listed) {
        ("alpha", true) => Ok(list.first().copied().unwrap_or(default)),
        ("beta", true) => Ok(list.get(1).copied().unwrap_or(default)),
        ("alpha", false) => definition.real("activation_alpha", default),
        ("beta", false) => definition.real("activation_beta", default),
        _ => Ok(default),
    };
    match name {
        "" => Ok(Box::new(|x| x)),
        "Clip" => {
            let lowest = f64::from(parameter("alpha", f32::MIN)?);
            let highest = f64::from(parameter("beta", f32::MAX)?);
            if lowest.is_nan() || highest.is_nan() || lowest > highest {
                return Err(Problem::Unsupported(format!(
                    "its Clip is from {lowest} to {highest}, but the first must not be above the second"
                )));
            }
            Ok(Box::new(move |x: f64| x.clamp(lowest, highest)))
        }
        _ => {
            activation::function(name, &parameter, &|| Ok(false)).map_err(|problem| match problem {
                Problem::NoOperator => {
                    Problem::Unsupported(format!("its activation `{name}` is not supported"))
                }
                other => other,
            })
        }
    }
}

impl Operator for Fused {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let mut part = call.part(call.inputs.iter().take(INPUTS).cloned().collect());
        let product = self.product.run(&mut part)?.pop().ok_or(Problem::NoInput(0))?;
        let counts = part.counts();
        let to = product.shape().to_vec();
        let sums = match call.optional(INPUTS) {
            None => product.wide().into_owned(),
            Some(other) if broadcast(&[&to, other.shape()])? == to => {
                zip((&product.wide(), &to), (&other.wide(), other.shape()), &to, |a, b| a + b)
            }
            Some(other) => {
                let why =
                    format!("a sum of shape {:?} with a product of shape {to:?}", other.shape());
                return Err(Problem::Shape(why));
            }
        };
        call.add(counts);
        let values = sums.into_iter().map(&self.activation).collect();
        Ok(vec![call.reals(0, to, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::Attribute;

    #[test]
    fn products_are_followed_by_a_sum_and_a_function() {
        let conv = |activation: &str, parameters: &[f32]| {
            let parameters = Attribute::Reals(parameters.to_vec());
            let case = Case::new("FusedConv").domain("com.microsoft", 1);
            let case = case.text("activation", activation).with("activation_params", parameters);
            let case = case.reals(&[1, 1, 1, 2], &[1.0, -2.0]).reals(&[1, 1, 1, 1], &[3.0]);
            case.reals(&[1], &[0.5])
        };
        assert_eq!(conv("Relu", &[]).numbers(), [3.5, 0.0]);
        assert_eq!(conv("LeakyRelu", &[0.5]).numbers(), [3.5, -2.75]);
        assert_eq!(conv("Clip", &[-1.0, 2.0]).numbers(), [2.0, -1.0]);
        let added = conv("Relu", &[]).reals(&[1, 1, 1, 2], &[-1.0, 6.0]);
        assert_eq!(added.numbers(), [2.5, 0.5]);
        assert!(conv("Clip", &[2.0, 1.0]).run().is_err());
        assert!(conv("Sine", &[]).run().is_err());
        let gemm =
            Case::new("FusedGemm").domain("com.microsoft", 1).text("activation", "LeakyRelu");
        let gemm = gemm.float("activation_alpha", 0.25).int("transB", 1);
        let gemm = gemm.reals(&[1, 2], &[1.0, 2.0]).reals(&[2, 2], &[1.0, 1.0, -1.0, -1.0]);
        assert_eq!(gemm.reals(&[2], &[0.0, -1.0]).numbers(), [3.0, -1.0]);
    }
}
