//! Operators on quantised tensors of ONNX and ONNX Runtime: the operator on real numbers between DequantizeLinear and QuantizeLinear.

use super::channels_last::{to_first, to_last};
use super::linear::dequantised;
use super::parameters::{Parameters, quantised};
use crate::graph::operator::type_of;
use crate::graph::operators::{self, Problem};
use crate::graph::{
    Arithmetic, Between, Call, Definition, Form, Integers, Operator, Place, Reals, Scale, Scaled,
    Value,
};
use crate::onnx::model::{Attribute, ElementType, Node};
use std::sync::Arc;

/// The place of a tensor, its scale and its zero point among the inputs.
#[derive(Debug, Clone, Copy)]
struct Operand {
    tensor: usize,
    scale: usize,
    zero: usize,
    /// The axis of its scales, if it has several.
    axis: i64,
}

/// An operator on real numbers, with quantised operands and a quantised result.
struct QLinear {
    inner: Box<dyn Operator>,
    /// Inputs that are handed on as they are, before the operands.
    plain: usize,
    operands: Vec<Operand>,
    /// Which operands are constants.
    constants: Vec<bool>,
    /// Bias with the scale of the products of the first two operands.
    bias: Option<usize>,
    /// Scale and zero point of the result.
    output: [usize; 2],
    channels_last: bool,
    /// Factor of the result: `alpha` of QGemm.
    alpha: f64,
}

/// The operators of com.microsoft.
pub(in crate::graph::operators) const MICROSOFT: &[&str] = &[
    "QLinearConv",
    "QGemm",
    "QLinearAdd",
    "QLinearMul",
    "QLinearLeakyRelu",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QLinearGlobalAveragePool",
    "QLinearAveragePool",
    "QLinearReduceMean",
    "QLinearConcat",
    "QLinearWhere",
];

/// The operators of ONNX.
pub(in crate::graph::operators) const ONNX: &[&str] = &["QLinearConv", "QLinearMatMul"];

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    let given = definition.node.inputs.len();
    let operand =
        |tensor: usize, axis: i64| Operand { tensor, scale: tensor + 1, zero: tensor + 2, axis };
    let pair = vec![operand(0, 0), operand(3, 0)];
    let name = definition.node.operator.as_str();
    let is_transposed = definition.integer("transB", 0)? == 1;
    let (inner, least, plain, operands, bias, output) = match name {
        "QLinearConv" => ("Conv", 8, 0, pair, Some(8), [6, 7]),
        "QLinearMatMul" => ("MatMul", 8, 0, vec![operand(0, -2), operand(3, -1)], None, [6, 7]),
        "QGemm" => {
            let weights = operand(3, if is_transposed { 0 } else { 1 });
            ("Gemm", 6, 0, vec![operand(0, 0), weights], Some(6), [7, 8])
        }
        "QLinearAdd" => ("Add", 7, 0, pair, None, [6, 7]),
        "QLinearMul" => ("Mul", 7, 0, pair, None, [6, 7]),
        "QLinearLeakyRelu" => ("LeakyRelu", 4, 0, vec![operand(0, 0)], None, [3, 4]),
        "QLinearSigmoid" => ("Sigmoid", 4, 0, vec![operand(0, 0)], None, [3, 4]),
        "QLinearSoftmax" => ("Softmax", 4, 0, vec![operand(0, 0)], None, [3, 4]),
        "QLinearGlobalAveragePool" => {
            ("GlobalAveragePool", 4, 0, vec![operand(0, 0)], None, [3, 4])
        }
        "QLinearAveragePool" => ("AveragePool", 4, 0, vec![operand(0, 0)], None, [3, 4]),
        "QLinearReduceMean" => ("ReduceMean", 4, 0, vec![operand(0, 0)], None, [3, 4]),
        "QLinearWhere" => ("Where", 9, 1, vec![operand(1, 0), operand(4, 0)], None, [7, 8]),
        "QLinearConcat" => {
            let parts = (2..given).step_by(3).map(|tensor| operand(tensor, 0)).collect();
            ("Concat", 5, 0, parts, None, [0, 1])
        }
        _ => return Err(Problem::NoOperator),
    };
    // Zero points and the bias may be left out.
    if let Some(index) = (0..least).find(|&index| {
        let is_zero = operands.iter().any(|operand: &Operand| operand.zero == index);
        !definition.has_input(index) && !is_zero && index != output[1]
    }) {
        return Err(Problem::NoInput(index));
    }
    let scales = operands.iter().map(|operand| operand.scale).chain([output[0]]);
    for scale in scales.filter_map(|scale| definition.constant(scale)) {
        super::parameters::check_scales(&scale.wide())?;
    }
    let node = inner_node(definition, inner, plain, operands.len(), bias)?;
    let version = match definition.integer("opset", 13)? {
        opset if name == "QLinearSoftmax" => opset,
        _ => 13,
    };
    let arithmetic = wide(&definition.arithmetic);
    let constants = vec![None; node.inputs.len()];
    let inner = Definition { node: &node, version, constants, arithmetic };
    Ok(Box::new(QLinear {
        inner: operators::make(&inner)?,
        plain,
        constants: operands
            .iter()
            .map(|operand| definition.constant(operand.tensor).is_some())
            .collect(),
        operands,
        bias,
        output,
        channels_last: definition.integer("channels_last", 0)? != 0,
        alpha: if name == "QGemm" { definition.real("alpha", 1.0)?.into() } else { 1.0 },
    }))
}

/// The node of the operator on real numbers.
fn inner_node(
    definition: &Definition<'_>,
    operator: &str,
    plain: usize,
    operands: usize,
    bias: Option<usize>,
) -> Result<Node, Problem> {
    let has_bias = bias.is_some_and(|bias| definition.has_input(bias));
    let count = plain + operands + usize::from(has_bias);
    let mut attributes = definition.node.attributes.clone();
    // Of QGemm: the bias is already that of the scaled product.
    let is_product = operator == "Gemm";
    attributes.retain(|(name, _)| !(is_product && name == "alpha"));
    if operator == "Softmax" && definition.node.attribute("axis").is_none() {
        attributes.push(("axis".to_owned(), Attribute::Integer(-1)));
    }
    Ok(Node {
        name: definition.node.name.clone(),
        domain: String::new(),
        operator: operator.to_owned(),
        inputs: (0..count).map(|index| format!("input {index}")).collect(),
        outputs: definition.node.outputs.clone(),
        attributes,
    })
}

/// Exact arithmetic between the quantisers.
fn wide(arithmetic: &Arithmetic) -> Arithmetic {
    Arithmetic { wide_reals: true, ..*arithmetic }
}

impl QLinear {
    /// An operand as a quantised tensor.
    fn operand(
        &self,
        call: &Call<'_>,
        operand: Operand,
        is_constant: bool,
    ) -> Result<Value, Problem> {
        let Value::Integer(tensor) = call.input(operand.tensor)? else {
            return Err(type_of("operand", call.input(operand.tensor)?, "int8 or uint8"));
        };
        let (scale, zero) = (call.input(operand.scale)?, call.optional(operand.zero));
        // One zero point may stand for the zero points of all scales.
        let spread = match zero {
            Some(Value::Integer(zero)) if zero.values.len() == 1 && scale.len() > 1 => {
                let values = vec![zero.values[0]; scale.len()];
                Some(Value::Integer(Integers::new(vec![scale.len()], zero.element, values)))
            }
            zero => zero.cloned(),
        };
        let flat = flat(scale);
        let spread = spread.as_ref().map(self::flat);
        let parameters = Parameters::new(&tensor.shape, operand.axis, 0, &flat, spread.as_ref())?;
        dequantised(tensor, &parameters, ElementType::Float32, is_constant)
    }

    /// The bias with the scale of the products.
    fn bias(bias: &Value, operands: &[Value]) -> Result<Value, Problem> {
        let (Value::Integer(bias), [Value::Scaled(x), Value::Scaled(w), ..]) = (bias, operands)
        else {
            return Err(type_of("bias", bias, "int32"));
        };
        let shape = bias.shape.clone();
        let [x] = x.scale.scales[..] else {
            let why = "its input has several scales and a bias".to_owned();
            return Err(Problem::Unsupported(why));
        };
        let scales: Vec<f64> = w.scale.scales.iter().map(|w| x * w).collect();
        let axis = (scales.len() > 1).then(|| shape.len().saturating_sub(1));
        let scale = Scale { axis, zero_points: vec![0; scales.len()], scales };
        scale.check(&shape)?;
        // The range of a bias is that of its values: it is a constant, or as good as one.
        let range = super::linear::own_range(&bias.values);
        let integers = Arc::clone(&bias.values);
        Ok(Value::Scaled(Scaled { shape, integers, range, scale }))
    }
}

impl QLinear {
    /// The result times alpha.
    fn times_alpha(&self, call: &Call<'_>, output: Value) -> Value {
        match output {
            Value::Scaled(mut output) if self.alpha > 0.0 => {
                output.scale.scales.iter_mut().for_each(|scale| *scale *= self.alpha);
                Value::Scaled(output)
            }
            output => {
                let values = output.wide().iter().map(|value| value * self.alpha).collect();
                let (shape, arithmetic) = (output.shape().to_vec(), wide(call.arithmetic));
                Value::Real(Reals::new(&arithmetic, shape, ElementType::Float32, values))
            }
        }
    }
}

/// A tensor of one element without axes.
fn flat(value: &Value) -> Value {
    let axes = if value.len() == 1 { vec![] } else { vec![value.len()] };
    let places: Vec<usize> = (0..value.len()).collect();
    value.picked(axes, &places, None)
}

impl Between for QLinear {
    fn inner(&self) -> &dyn Operator {
        &*self.inner
    }

    fn inputs(&self, call: &Call<'_>) -> Result<Vec<Option<Value>>, Problem> {
        let mut operands = Vec::with_capacity(self.operands.len());
        for (&operand, &is_constant) in self.operands.iter().zip(&self.constants) {
            operands.push(self.operand(call, operand, is_constant)?);
        }
        if self.channels_last {
            operands = operands.iter().map(to_first).collect();
        }
        let mut inputs: Vec<Option<Value>> = call.inputs.iter().take(self.plain).cloned().collect();
        let bias = self.bias.and_then(|index| call.optional(index));
        let bias = bias.map(|bias| Self::bias(bias, &operands)).transpose()?;
        inputs.extend(operands.into_iter().map(Some));
        inputs.extend(bias.map(Some));
        Ok(inputs)
    }

    fn finish(&self, call: &Call<'_>, mut output: Value) -> Result<Value, Problem> {
        if self.channels_last {
            output = to_last(&output);
        }
        if (self.alpha - 1.0).abs() > 0.0 {
            output = self.times_alpha(call, output);
        }
        let [scale, zero] = self.output;
        let Some(scale) = call.optional(scale) else { return Ok(output) };
        let zero = call.optional(zero);
        let element = zero.map_or(ElementType::UInt8, Value::element);
        let (scale, zero) = (flat(scale), zero.map(flat));
        let parameters = Parameters::new(output.shape(), -2, 0, &scale, zero.as_ref())?;
        quantised(call.arithmetic, &output, &parameters, element).map(Value::Integer)
    }
}

impl Operator for QLinear {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let inputs = self.inputs(call)?;
        let arithmetic = wide(call.arithmetic);
        let mut part = Call { arithmetic: &arithmetic, ..call.part(inputs) };
        let mut outputs = self.inner.run(&mut part)?;
        call.add(part.counts());
        let Some(output) = outputs.drain(..).next() else {
            return Err(Problem::NoOperator);
        };
        let output = self.finish(call, output)?;
        if matches!(output, Value::Integer(_)) && call.place != Place::Array {
            call.place = Place::Integers;
        }
        Ok(vec![output])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        if self.channels_last {
            return Form::Other;
        }
        match self.inner.form(&[]) {
            Form::Rising | Form::ElementWise => Form::ElementWise,
            Form::Convolution(_) | Form::Mean(_) => Form::Between(self),
            _ => Form::Other,
        }
    }

    fn result_quantiser(&self) -> Option<[usize; 2]> {
        Some(self.output)
    }
}
