//! Smooth activation functions, alone and as the patterns that exporters write.

use crate::network::imported::lowering::{Lowering, Refusal, Tensor, real, text, unsupported};
use crate::network::vector::function::Function;
use crate::onnx::model::Node;
use std::f64::consts::FRAC_1_SQRT_2;

/// How far a constant of a pattern may be from the exact one: float32's rounding, and that of the exporter.
const NEAR: f64 = 1e-6;

pub(super) fn function(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let function = of_node(node)?;
    let weighs = match function {
        Function::Sigmoid => Some(Function::Silu),
        Function::HardSigmoid => Some(Function::HardSwish),
        _ => None,
    };
    let product = weighs.and_then(|whole| Some((whole, weighed(lowering, node)?)));
    match product {
        Some((whole, product)) => {
            lowering.set_inner(node);
            add(lowering, node, product, whole)
        }
        None => add(lowering, node, node, function),
    }
}

fn of_node(node: &Node) -> Result<Function, Refusal> {
    let refuse = |name: &str, value: f64, only: &str| {
        Err(unsupported(format!("its {name} is {value}: only {only} is a layer")))
    };
    let near = |value: f64, exact: f64| (value - exact).abs() < NEAR;
    Ok(match node.operator.as_str() {
        "Sigmoid" => Function::Sigmoid,
        "Tanh" => Function::Tanh,
        "HardSwish" => Function::HardSwish,
        "Softplus" => Function::Softplus,
        "Mish" => Function::Mish,
        "Gelu" if text(node, "approximate", "none") == "tanh" => Function::GeluTanh,
        "Gelu" => Function::Gelu,
        "Swish" => match real(node, "alpha", 1.0) {
            1.0 => Function::Silu,
            alpha => return refuse("alpha", alpha, "1"),
        },
        "Elu" => match real(node, "alpha", 1.0) {
            1.0 => Function::Elu,
            alpha => return refuse("alpha", alpha, "1"),
        },
        "HardSigmoid" => match (real(node, "alpha", 0.2), real(node, "beta", 0.5)) {
            (alpha, beta) if near(alpha, 1.0 / 6.0) && near(beta, 0.5) => Function::HardSigmoid,
            (alpha, _) => return refuse("alpha", alpha, "1/6 with a beta of 1/2"),
        },
        _ => return Err(unsupported("it is not a function of a layer".to_owned())),
    })
}

/// The product of a function of x, which nothing else reads, and x.
fn weighed<'a>(lowering: &Lowering<'a>, node: &Node) -> Option<&'a Node> {
    let product = lowering.only_reader(node.outputs.first()?)?;
    (product.operator == "Mul" && product.inputs.contains(node.inputs.first()?)).then_some(product)
}

/// `function` of the input of `first`, as the value that `last` makes.
fn add(
    lowering: &mut Lowering<'_>,
    first: &Node,
    last: &Node,
    function: Function,
) -> Result<(), Refusal> {
    let input = lowering.unshifted(first, 0)?;
    if !input.gain.is_one() {
        return Err(unsupported("its input is multiplied by a constant before it".to_owned()));
    }
    let id = lowering.net.function(input.id, function)?;
    lowering.set(last, Tensor { id, ..input });
    Ok(())
}

/// The error function in x·(1 + erf(x / √2)) / 2, in either order of its products.
pub(super) fn erf(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let inner = lowering.unshifted(node, 0)?;
    let Some(Gelu { inner: parts, last, x }) = gelu_around(lowering, node) else {
        return Err(unsupported("it is not a part of x·(1 + erf(x / √2)) / 2".to_owned()));
    };
    let whole = lowering.values.get(&x).cloned();
    match whole.filter(|x| x.id == inner.id && x.gain.is_one()) {
        Some(x) if inner.gain.only_scale().is_some_and(|by| (by - FRAC_1_SQRT_2).abs() < NEAR) => {
            let id = lowering.net.function(x.id, Function::Gelu)?;
            parts.into_iter().for_each(|part| lowering.set_inner(part));
            lowering.set(last, Tensor { id, ..x });
            Ok(())
        }
        _ => Err(unsupported("it is not the error function of x / √2".to_owned())),
    }
}

/// The nodes of a GELU behind its error function.
struct Gelu<'a> {
    inner: [&'a Node; 2],
    last: &'a Node,
    /// Name of its input.
    x: String,
}

/// The GELU whose error function is `node`.
fn gelu_around<'a>(lowering: &Lowering<'a>, node: &Node) -> Option<Gelu<'a>> {
    let sum = lowering.only_reader(node.outputs.first()?)?;
    if sum.operator != "Add" || constant_of(lowering, sum) != Some(1.0) {
        return None;
    }
    let product = |node: &Node| {
        let value = node.outputs.first()?;
        let product = lowering.only_reader(value).filter(|node| node.operator == "Mul")?;
        let other = product.inputs.iter().find(|name| *name != value).cloned();
        Some((product, constant_of(lowering, product), other))
    };
    let (middle, first_constant, first) = product(sum)?;
    let (last, second_constant, second) = product(middle)?;
    let x = match (first_constant, second_constant) {
        (Some(0.5), None) => second,
        (None, Some(0.5)) => first,
        _ => None,
    };
    x.map(|x| Gelu { inner: [sum, middle], last, x })
}

/// The one element of the constant that `node` reads.
fn constant_of(lowering: &Lowering<'_>, node: &Node) -> Option<f64> {
    let constants = (0..node.inputs.len()).filter_map(|index| lowering.constant(node, index));
    let mut single = constants.filter(|(_, values)| values.len() == 1);
    single.next().map(|(_, values)| values[0])
}
