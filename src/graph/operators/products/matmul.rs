//! MatMul, MatMulInteger, com.microsoft.FusedMatMul and MatMulIntegerToFloat, DynamicQuantizeMatMul.

use super::conv::{check_sums, zero_points};
use super::matrices::{self, MatrixShape};
use super::operands::{Operands, widened};
use super::sums::{self, Meaning};
use super::words::Words;
use crate::graph::axes;
use crate::graph::operator::type_of;
use crate::graph::operators::quantised::dynamic;
use crate::graph::{Call, Definition, Integers, Operator, Place, Problem, Value};
use crate::onnx::model::ElementType;

/// The operators of com.microsoft.
pub(in crate::graph::operators) const MICROSOFT: &[&str] =
    &["FusedMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"];

/// The matrix product.
struct MatMul;

/// MatMul of transposed operands, times a factor.
struct FusedMatMul {
    /// Of the left and of the right operand: whether their last two axes are swapped.
    swapped: [bool; 2],
    /// Whether their first axis becomes the last but one.
    batch: [bool; 2],
    alpha: f32,
}

/// The matrix product of integers to int32.
struct MatMulInteger;

/// The matrix product of integers, times both scales.
struct MatMulIntegerToFloat {
    /// Whether the left operand is a float that is quantised by its range.
    is_dynamic: bool,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    Ok(match definition.node.operator.as_str() {
        "MatMul" => {
            definition.expect_inputs(2, 2)?;
            Box::new(MatMul)
        }
        "MatMulInteger" => {
            definition.expect_inputs(2, 4)?;
            Box::new(MatMulInteger)
        }
        "FusedMatMul" => {
            definition.expect_inputs(2, 2)?;
            Box::new(FusedMatMul {
                swapped: [definition.flag("transA")?, definition.flag("transB")?],
                batch: [definition.flag("transBatchA")?, definition.flag("transBatchB")?],
                alpha: definition.real("alpha", 1.0)?,
            })
        }
        "MatMulIntegerToFloat" => {
            definition.expect_inputs(4, 7)?;
            Box::new(MatMulIntegerToFloat { is_dynamic: false })
        }
        "DynamicQuantizeMatMul" => {
            definition.expect_inputs(3, 5)?;
            Box::new(MatMulIntegerToFloat { is_dynamic: true })
        }
        _ => return Err(Problem::NoOperator),
    })
}

impl Operator for MatMul {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (x, w) = (call.input(0)?.clone(), call.input(1)?.clone());
        multiplied(call, &x, &w, 1.0).map(|output| vec![output])
    }
}

/// alpha · x · w; quantised if both are and alpha is 1.
///
/// # Errors
/// If the shapes do not fit.
pub(super) fn multiplied(
    call: &mut Call<'_>,
    x: &Value,
    w: &Value,
    alpha: f32,
) -> Result<Value, Problem> {
    let shape = MatrixShape::new(x.shape(), w.shape())?;
    if let (Value::Integer(left), Value::Integer(right)) = (x, w) {
        return typed(&shape, left, right, call);
    }
    let simd = call.arithmetic.simd();
    let axis = w.shape().len() - 1;
    let mut values = match Operands::new(call.arithmetic, x, w, axis, shape.k) {
        // The scales of a batch of vectors have no axis in the result.
        Operands::Integers { scales, .. } if scales.len() > 1 && w.shape().len() == 1 => {
            matrices::wide(simd, &shape, &x.wide(), &w.wide())
        }
        Operands::Integers { x, w: words, scales } => {
            let sums = matrices::integers(call, &shape, &x, &words)?;
            let axis = shape.column_axis(w.shape());
            let scales: Vec<f64> = scales.iter().map(|s| s * f64::from(alpha)).collect();
            let meaning = Meaning { shape: shape.output, axis, scales };
            return sums::scaled(call, sums, meaning, None);
        }
        Operands::Narrow(x, w) => widened(&matrices::narrow(simd, &shape, &x, &w)?),
        Operands::Wide(x, w) => matrices::wide(simd, &shape, &x, &w),
    };
    if alpha.to_bits() != 1f32.to_bits() {
        values.iter_mut().for_each(|value| *value *= f64::from(alpha));
    }
    call.reals(0, shape.output, values)
}

/// The product of integers of one type, modulo its width.
fn typed(
    shape: &MatrixShape,
    left: &Integers,
    right: &Integers,
    call: &mut Call<'_>,
) -> Result<Value, Problem> {
    if left.element != right.element {
        return Err(Problem::Type {
            what: "right operand",
            given: format!("of type {}", right.element),
            allowed: "of the type of the left one",
        });
    }
    let (x, w) = (Words::of_integers(left, None, None)?, Words::of_integers(right, None, None)?);
    check_sums(shape.k, &x, &w)?;
    let sums = matrices::integers(call, shape, &x, &w)?;
    let wrapped = sums.values.iter().map(|&sum| left.element.wrapped(sum)).collect();
    Ok(Value::Integer(Integers::new(shape.output.clone(), left.element, wrapped)))
}

impl Operator for FusedMatMul {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let operand = |index: usize| {
            let value = call.input(index)?;
            let rank = value.shape().len();
            let mut order: Vec<usize> = (0..rank).collect();
            if rank >= 2 && self.batch[index] {
                order[..rank - 1].rotate_left(1);
            }
            if rank >= 2 && self.swapped[index] {
                order.swap(rank - 2, rank - 1);
            }
            Ok::<Value, Problem>(transposed(value, &order))
        };
        let (x, w) = (operand(0)?, operand(1)?);
        let alpha = self.alpha;
        // A quantised result has scales above 0.
        let (x, w) = match alpha > 0.0 {
            true => (x, w),
            false => (call.reals(0, x.shape().to_vec(), x.wide().into_owned())?, w),
        };
        multiplied(call, &x, &w, alpha).map(|output| vec![output])
    }
}

/// The value with its axes in this order.
pub(in crate::graph::operators) fn transposed(value: &Value, order: &[usize]) -> Value {
    if order.iter().enumerate().all(|(axis, &from)| axis == from) {
        return value.clone();
    }
    let (shape, strides) = (value.shape(), axes::strides(value.shape()));
    let sizes: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let axis = match value {
        Value::Scaled(value) => value.scale.axis,
        _ => None,
    };
    let axis = axis.and_then(|axis| order.iter().position(|&from| from == axis));
    value.picked(sizes.clone(), &axes::walk(&sizes, &steps, 0), axis)
}

impl Operator for MatMulInteger {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let [x, w] = [call.integers(0, "left operand")?, call.integers(1, "right operand")?];
        let (x, w) = (x.clone(), w.clone());
        let [zx, zw] = zero_points(call)?;
        let shape = MatrixShape::new(&x.shape, &w.shape)?;
        // One zero point for each row of the left operand, and for each column of the right one.
        let (rows, columns) = (x.shape.len().checked_sub(2), w.shape.len().checked_sub(1));
        let x = Words::of_integers(&x, zx.as_ref(), rows)?;
        let w = Words::of_integers(&w, zw.as_ref(), columns.filter(|&axis| axis > 0))?;
        check_sums(shape.k, &x, &w)?;
        let sums = matrices::integers(call, &shape, &x, &w)?;
        call.place = Place::Array;
        Ok(vec![sums::int32(call, sums, shape.output)])
    }
}

impl Operator for MatMulIntegerToFloat {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let take = |index: usize| call.optional(index).cloned();
        let (x, w) = (call.input(0)?.clone(), call.input(1)?.clone());
        let (inputs, scales, bias) = if self.is_dynamic {
            let [q, scale, zero] = dynamic::quantised(call.arithmetic, &x)?;
            (vec![Some(q), Some(w), Some(zero), take(3)], [scale, call.input(2)?.clone()], take(4))
        } else {
            let scales = [call.input(2)?.clone(), call.input(3)?.clone()];
            (vec![Some(x), Some(w), take(4), take(5)], scales, take(6))
        };
        let mut part = call.part(inputs);
        let output = MatMulInteger.run(&mut part)?;
        call.add(part.counts());
        let Some(sums) = call.sums.clone() else { return Ok(output) };
        let (a, b) = (scales[0].wide(), scales[1].wide());
        let columns = sums.shape.last().copied().unwrap_or(1).max(1);
        if a.len() != 1 || (b.len() != 1 && b.len() != columns) {
            return Err(Problem::Shape(format!(
                "its scales have {} and {} elements: 1, and 1 or {columns} are needed",
                a.len(),
                b.len()
            )));
        }
        let bias = match &bias {
            None => None,
            Some(Value::Real(bias)) if bias.len() == columns => Some(bias.wide()),
            Some(other) => return Err(type_of("bias", other, "a float for each column")),
        };
        let value = |(index, &sum): (usize, &i64)| {
            let column = index % columns;
            let scaled = sum as f64 * (a[0] * b[column % b.len()]);
            bias.as_ref().map_or(scaled, |bias| scaled + bias[column])
        };
        let values = sums.values.iter().enumerate().map(value).collect();
        let reals = crate::graph::Reals::new(
            call.arithmetic,
            sums.shape.clone(),
            ElementType::Float32,
            values,
        );
        Ok(vec![Value::Real(reals)])
    }
}
