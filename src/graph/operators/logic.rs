//! Comparisons, truth values, bits, and selection by truth values.

use super::grid::Grid;
use crate::graph::axes::{broadcast, spread, zip};
use crate::graph::operator::{type_of, wide_of};
use crate::graph::operators::Problem;
use crate::graph::{Alike, Call, Definition, Integers, Operator, Place, Value};
use crate::onnx::model::ElementType;
use std::cmp::Ordering;

/// The operators of this file.
pub(super) const NAMES: &[&str] = &[
    "And",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Not",
    "Or",
    "Where",
    "Xor",
];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let name = definition.node.operator.as_str();
    let count = match name {
        "Not" | "BitwiseNot" | "IsNaN" | "IsInf" => 1,
        "Where" => 3,
        _ => 2,
    };
    definition.expect_inputs(count, count)?;
    let bits = |rule| Ok(Box::new(Bits(rule)) as Box<dyn Operator>);
    let truths = |rule| Ok(Box::new(Truths(rule)) as Box<dyn Operator>);
    let compared = |holds| Ok(Box::new(Comparison(holds)) as Box<dyn Operator>);
    match name {
        "And" => truths(|a, b| a & b),
        "Or" => truths(|a, b| a | b),
        "Xor" => truths(|a, b| a ^ b),
        "BitwiseAnd" => bits(|a, b| (a & b).into()),
        "BitwiseOr" => bits(|a, b| (a | b).into()),
        "BitwiseXor" => bits(|a, b| (a ^ b).into()),
        "BitShift" => {
            let choices = [("LEFT", true), ("RIGHT", false)];
            if definition.choice("direction", &choices, "LEFT or RIGHT")? {
                bits(|a, b| if (0..64).contains(&b) { i128::from(a) << b } else { 0 })
            } else {
                bits(|a, b| (a >> if (0..64).contains(&b) { b } else { 63 }).into())
            }
        }
        "Equal" => compared(|order| order == Some(Ordering::Equal)),
        "Less" => compared(|order| order == Some(Ordering::Less)),
        "Greater" => compared(|order| order == Some(Ordering::Greater)),
        "LessOrEqual" => compared(|order| order.is_some_and(Ordering::is_le)),
        "GreaterOrEqual" => compared(|order| order.is_some_and(Ordering::is_ge)),
        "Not" | "BitwiseNot" => Ok(Box::new(Not { bits: name == "BitwiseNot" })),
        "IsNaN" => Ok(Box::new(Test { nan: true, negative: false, positive: false })),
        "IsInf" => Ok(Box::new(Test {
            nan: false,
            negative: definition.integer("detect_negative", 1)? != 0,
            positive: definition.integer("detect_positive", 1)? != 0,
        })),
        "Where" => Ok(Box::new(Where)),
        _ => Err(Problem::NoOperator),
    }
}

/// A rule of two truth values.
struct Truths(fn(i64, i64) -> i64);

/// A rule of two integers.
struct Bits(fn(i64, i64) -> i128);

fn truth<'a>(call: &'a Call<'_>, index: usize) -> Result<&'a Integers, Problem> {
    match call.input(index)? {
        Value::Integer(value) if value.element == ElementType::Bool => Ok(value),
        other => Err(type_of("input", other, "bool")),
    }
}

impl Operator for Truths {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (a, b) = (truth(call, 0)?, truth(call, 1)?);
        let to = broadcast(&[&a.shape, &b.shape])?;
        let values = zip((&a.values, &a.shape), (&b.values, &b.shape), &to, self.0);
        let result = Integers::new(to, ElementType::Bool, values);
        Ok(call.integer_result(result))
    }
}

impl Operator for Bits {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let Alike::Integers(values) = call.alike(0, 2)? else {
            return Err(type_of("input", call.input(0)?, "integers"));
        };
        let (a, b) = (&values[0], &values[1]);
        let to = broadcast(&[&a.shape, &b.shape])?;
        let values = zip((&a.values, &a.shape), (&b.values, &b.shape), &to, self.0);
        let result = Integers::wrapped(to, a.element, values)?;
        Ok(call.integer_result(result))
    }
}

/// Whether an order holds; numbers that are not ordered are NaN.
struct Comparison(fn(Option<Ordering>) -> bool);

impl Operator for Comparison {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (a, b) = (call.input(0)?, call.input(1)?);
        let to = broadcast(&[a.shape(), b.shape()])?;
        if let Alike::Integers(values) = call.alike(0, 2)? {
            let (a, b) = (&values[0], &values[1]);
            let holds = zip((&a.values, &a.shape), (&b.values, &b.shape), &to, |a, b| {
                (self.0)(Some(a.cmp(&b)))
            });
            return Ok(call.integer_result(Integers::truths(to, holds)));
        }
        let holds = zip((&a.wide(), a.shape()), (&b.wide(), b.shape()), &to, |a, b| {
            (self.0)(a.partial_cmp(&b))
        });
        call.place = Place::Float;
        Ok(vec![Value::Integer(Integers::truths(to, holds))])
    }
}

/// The opposite truth value, or every bit inverted.
struct Not {
    bits: bool,
}

impl Operator for Not {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let result = if self.bits {
            let x = call.integers(0, "input")?;
            let inverted = x.values.iter().map(|&x| !i128::from(x));
            Integers::wrapped(x.shape.clone(), x.element, inverted)?
        } else {
            let x = truth(call, 0)?;
            Integers::truths(x.shape.clone(), x.values.iter().map(|&x| x == 0))
        };
        Ok(call.integer_result(result))
    }
}

/// Whether a number is NaN, or infinite.
struct Test {
    nan: bool,
    negative: bool,
    positive: bool,
}

impl Operator for Test {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let (nan, negative, positive) = (self.nan, self.negative, self.positive);
        let numbers = wide_of("input", x)?;
        let holds = numbers.iter().map(|&x| {
            nan && x.is_nan()
                || negative && x == f64::NEG_INFINITY
                || positive && x == f64::INFINITY
        });
        let result = Integers::truths(x.shape().to_vec(), holds);
        call.place = Place::Float;
        Ok(vec![Value::Integer(result)])
    }
}

/// The second input where the first is true, the third elsewhere.
struct Where;

fn choose<T: Copy>(conditions: &[i64], yes: &[T], no: &[T]) -> Vec<T> {
    let pairs = yes.iter().zip(no);
    conditions.iter().zip(pairs).map(|(&holds, (&a, &b))| if holds != 0 { a } else { b }).collect()
}

impl Operator for Where {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let condition = truth(call, 0)?;
        let (a, b) = (call.input(1)?, call.input(2)?);
        let to = broadcast(&[&condition.shape, a.shape(), b.shape()])?;
        let holds = spread((&condition.values, &condition.shape), &to);
        match call.alike(1, 2)? {
            Alike::Integers(values) => {
                let parts: Vec<Vec<i64>> =
                    values.iter().map(|value| spread((&value.values, &value.shape), &to)).collect();
                let chosen = choose(&holds, &parts[0], &parts[1]);
                let result = Integers::new(to, values[0].element, chosen);
                return Ok(call.integer_result(result));
            }
            Alike::Scaled(values) => {
                let grid = Grid::of(&values)?.filter(|grid| grid.shape == to);
                if let Some(grid) = grid {
                    let chosen = choose(&holds, &grid.terms[0], &grid.terms[1]);
                    let (one, other) = (grid.ranges[0], grid.ranges[1]);
                    let range = (one.0.min(other.0).into(), one.1.max(other.1).into());
                    if let Some(result) = grid.tensor(chosen, range) {
                        call.place = Place::Integers;
                        return Ok(vec![Value::Scaled(result)]);
                    }
                }
            }
            Alike::Reals(_) => {}
        }
        let yes = spread((&a.wide(), a.shape()), &to);
        let no = spread((&b.wide(), b.shape()), &to);
        let chosen = choose(&holds, &yes, &no);
        Ok(vec![call.reals(1, to, chosen)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::ElementType;

    #[test]
    fn comparisons_of_reals_and_integers() {
        let y = |operator: &str| {
            Case::new(operator).reals(&[3], &[1.0, 2.0, f64::NAN]).reals(&[1], &[2.0]).numbers()
        };
        assert_eq!(y("Less"), [1.0, 0.0, 0.0]);
        assert_eq!(y("GreaterOrEqual"), [0.0, 1.0, 0.0]);
        assert_eq!(y("Equal"), [0.0, 1.0, 0.0]);
        let large = i64::MAX - 1;
        assert_eq!(Case::new("Equal").list(&[large]).list(&[large + 1]).numbers(), [0.0]);
        assert!(Case::new("Less").list(&[1]).reals(&[1], &[1.0]).run().is_err());
    }

    #[test]
    fn truths_and_bits() {
        let truths = |operator: &str| {
            Case::new(operator).truths(&[4], &[0, 0, 1, 1]).truths(&[4], &[0, 1, 0, 1]).numbers()
        };
        assert_eq!(truths("Xor"), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(truths("And"), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(Case::new("Not").truths(&[2], &[0, 1]).numbers(), [1.0, 0.0]);
        assert!(Case::new("Not").list(&[2]).run().is_err());
        let byte = |operator: &str| Case::new(operator).integers(&[1], ElementType::UInt8, &[0x96]);
        assert_eq!(byte("BitwiseNot").numbers(), [105.0]);
        let shifted = byte("BitShift").integers(&[1], ElementType::UInt8, &[1]);
        assert_eq!(shifted.text("direction", "LEFT").numbers(), [44.0]);
        let far = Case::new("BitShift").text("direction", "RIGHT").list(&[-8, 8]);
        assert_eq!(far.list(&[64, -1]).numbers(), [-1.0, 0.0]);
        let infinite = Case::new("IsInf").int("detect_negative", 0);
        let values = [f64::NEG_INFINITY, f64::INFINITY, f64::NAN];
        assert_eq!(infinite.reals(&[3], &values).numbers(), [0.0, 1.0, 0.0]);
    }

    #[test]
    fn where_broadcasts_all_three() {
        let y = Case::new("Where").truths(&[2, 1], &[1, 0]).reals(&[2], &[1.0, 2.0]);
        assert_eq!(y.reals(&[], &[9.0]).numbers(), [1.0, 2.0, 9.0, 9.0]);
    }
}
