//! Gemm.

use super::matmul::transposed;
use super::matrices::{self, MatrixShape};
use super::operands::{Operands, widened};
use super::sums::{self, Bias, Meaning};
use crate::graph::{Call, Definition, Integers, Operator, Problem, Value};

/// alpha·A·B + beta·C.
struct Gemm {
    swapped: [bool; 2],
    alpha: f32,
    beta: f32,
    has_constant_bias: bool,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(2, 3)?;
    Ok(Box::new(Gemm {
        swapped: [definition.flag("transA")?, definition.flag("transB")?],
        alpha: definition.real("alpha", 1.0)?,
        beta: definition.real("beta", 1.0)?,
        has_constant_bias: definition.constant(2).is_some(),
    }))
}

impl Operator for Gemm {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let operand = |index: usize| {
            let value = call.input(index)?;
            if value.shape().len() != 2 {
                let shape = value.shape();
                return Err(Problem::Shape(format!(
                    "input {index} has shape {shape:?}: a matrix is needed"
                )));
            }
            Ok(transposed(value, if self.swapped[index] { &[1, 0] } else { &[0, 1] }))
        };
        let (x, w, bias) = (operand(0)?, operand(1)?, call.optional(2).cloned());
        let shape = MatrixShape::new(x.shape(), w.shape())?;
        let places = bias.as_ref().map(|bias| sums::broadcast(bias, &shape.output)).transpose()?;
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        let is_plain = (alpha - 1.0).abs() == 0.0 && (beta - 1.0).abs() == 0.0;
        let quantised = alpha > 0.0 && (bias.is_none() || is_plain);
        let operands = match (&x, &w) {
            (Value::Integer(_), Value::Integer(_)) => {
                return typed(call, &x, &w, bias.as_ref(), (alpha, beta));
            }
            _ if quantised => Operands::new(call.arithmetic, &x, &w, 1, shape.k),
            _ => Operands::floats(call.arithmetic, &x, &w),
        };
        let simd = call.arithmetic.simd();
        let mut values = match operands {
            Operands::Integers { x, w, scales } => {
                let sums = matrices::integers(call, &shape, &x, &w)?;
                let scales = scales.iter().map(|scale| scale * alpha).collect();
                let meaning = Meaning { shape: shape.output, axis: 1, scales };
                let bias = bias.as_ref().map(|value| {
                    let by_column =
                        value.len() == shape.n && value.shape().last() == Some(&shape.n);
                    let places = if by_column { None } else { places };
                    Bias { value, is_constant: self.has_constant_bias, places }
                });
                return Ok(vec![sums::scaled(call, sums, meaning, bias.as_ref())?]);
            }
            Operands::Narrow(x, w) => widened(&matrices::narrow(simd, &shape, &x, &w)?),
            Operands::Wide(x, w) => matrices::wide(simd, &shape, &x, &w),
        };
        if let (Some(bias), Some(places)) = (&bias, &places) {
            let bias = bias.wide();
            let each = values.iter_mut().zip(places);
            each.for_each(|(value, &place)| *value = *value * alpha + bias[place] * beta);
        } else {
            values.iter_mut().for_each(|value| *value *= alpha);
        }
        Ok(vec![call.reals(0, shape.output, values)?])
    }
}

/// The product of integers of one type.
fn typed(
    call: &mut Call<'_>,
    x: &Value,
    w: &Value,
    bias: Option<&Value>,
    (alpha, beta): (f64, f64),
) -> Result<Vec<Value>, Problem> {
    if (alpha - 1.0).abs() != 0.0 || (beta - 1.0).abs() != 0.0 {
        let why = "it multiplies integers by alpha or beta other than 1".to_owned();
        return Err(Problem::Unsupported(why));
    }
    let product = super::matmul::multiplied(call, x, w, 1.0)?;
    let (Value::Integer(product), Some(bias)) = (&product, bias) else { return Ok(vec![product]) };
    let Value::Integer(added) = bias else {
        return Err(crate::graph::operator::type_of("C", bias, "integers"));
    };
    let places = sums::broadcast(bias, &product.shape)?;
    let element = product.element;
    let sum = |(&product, &place): (&i64, &usize)| {
        element.wrapped(product.wrapping_add(added.values[place]))
    };
    let values = product.values.iter().zip(&places).map(sum).collect();
    Ok(vec![Value::Integer(Integers::new(product.shape.clone(), element, values))])
}
