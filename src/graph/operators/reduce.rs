//! Reductions over axes.

use crate::graph::axes::{broadcast_index, distinct};
use crate::graph::operator::type_of;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Integers, Operator, Place, Scale, Scaled, Value};
use crate::onnx::model::ElementType;
use hwmodel::cast::toward_zero;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Sum,
    Mean,
    Product,
    Maximum,
    Minimum,
    L1,
    L2,
    LogSum,
    LogSumExp,
    SumSquare,
}

struct Reduce {
    rule: Rule,
    axes: Option<Vec<i64>>,
    keep: bool,
    /// Whether no axis is reduced if none is named; otherwise all are.
    none_if_empty: bool,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &[
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 2)?;
    let rule = match definition.node.operator.as_str() {
        "ReduceSum" => Rule::Sum,
        "ReduceMean" => Rule::Mean,
        "ReduceProd" => Rule::Product,
        "ReduceMax" => Rule::Maximum,
        "ReduceMin" => Rule::Minimum,
        "ReduceL1" => Rule::L1,
        "ReduceL2" => Rule::L2,
        "ReduceLogSum" => Rule::LogSum,
        "ReduceLogSumExp" => Rule::LogSumExp,
        "ReduceSumSquare" => Rule::SumSquare,
        _ => return Err(Problem::NoOperator),
    };
    Ok(Box::new(Reduce {
        rule,
        axes: definition.integers("axes")?.map(<[i64]>::to_vec),
        keep: definition.integer("keepdims", 1)? != 0,
        none_if_empty: definition.flag("noop_with_empty_axes")?,
    }))
}

/// What is reduced to what.
struct Plan {
    /// The shape of the result, with axes of 1 where an axis was reduced.
    kept: Vec<usize>,
    reduced: Vec<bool>,
    /// For each element the place of its result.
    places: Vec<usize>,
    /// Elements for each result.
    count: usize,
}

impl Plan {
    fn fold<T: Copy>(&self, values: &[T], first: T, add: impl Fn(T, T) -> T) -> Vec<T> {
        let mut results = vec![first; self.kept.iter().product()];
        for (&value, &place) in values.iter().zip(&self.places) {
            results[place] = add(results[place], value);
        }
        results
    }
}

fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}

impl Reduce {
    fn plan(&self, call: &Call<'_>) -> Result<Plan, Problem> {
        let shape = call.input(0)?.shape();
        let axes = call.list_or(self.axes.as_ref(), 1, "axes")?.unwrap_or_default();
        let axes = match axes.is_empty() {
            true if self.none_if_empty => Vec::new(),
            true => (0..shape.len()).collect(),
            false => distinct(&axes, shape.len())?,
        };
        let reduced: Vec<bool> = (0..shape.len()).map(|axis| axes.contains(&axis)).collect();
        let size = |(&size, &reduced): (&usize, &bool)| if reduced { 1 } else { size };
        let kept: Vec<usize> = shape.iter().zip(&reduced).map(size).collect();
        let places = broadcast_index(&kept, shape);
        let count = axes.iter().map(|&axis| shape[axis]).product();
        Ok(Plan { kept, reduced, places, count })
    }

    fn reals(&self, x: &[f64], plan: &Plan) -> Vec<f64> {
        let sum = |f: fn(f64) -> f64| plan.fold(x, 0.0, move |a, b| a + f(b));
        let mapped = |values: Vec<f64>, f: fn(f64) -> f64| values.into_iter().map(f).collect();
        match self.rule {
            Rule::Sum => sum(|x| x),
            Rule::Mean => sum(|x| x).into_iter().map(|sum| sum / plan.count as f64).collect(),
            Rule::Product => plan.fold(x, 1.0, |a, b| a * b),
            Rule::Maximum => plan.fold(x, f64::NEG_INFINITY, larger),
            Rule::Minimum => plan.fold(x, f64::INFINITY, smaller),
            Rule::L1 => sum(f64::abs),
            Rule::L2 => mapped(sum(|x| x * x), f64::sqrt),
            Rule::SumSquare => sum(|x| x * x),
            Rule::LogSum => mapped(sum(|x| x), libm::log),
            Rule::LogSumExp => {
                let top = plan.fold(x, f64::NEG_INFINITY, larger);
                let shift = |top: f64| if top.is_finite() { top } else { 0.0 };
                let mut sums = vec![0.0; top.len()];
                for (&value, &place) in x.iter().zip(&plan.places) {
                    sums[place] += libm::exp(value - shift(top[place]));
                }
                let result = |(sum, top): (f64, f64)| libm::log(sum) + shift(top);
                sums.into_iter().zip(top).map(result).collect()
            }
        }
    }

    fn integers(&self, x: &Integers, plan: &Plan) -> Result<Integers, Problem> {
        let wide: Vec<i128> = x.values.iter().map(|&x| x.into()).collect();
        let (low, high) = x.range();
        let sum = |f: fn(i128) -> i128| plan.fold(&wide, 0, move |a: i128, b| a.wrapping_add(f(b)));
        let refused = || type_of("input", &Value::Integer(x.clone()), "real");
        let order = matches!(self.rule, Rule::Maximum | Rule::Minimum);
        if x.element == ElementType::Bool && !order {
            return Err(refused());
        }
        let results = match self.rule {
            Rule::Sum => sum(|x| x),
            Rule::Mean if plan.count == 0 => return Err(refused()),
            Rule::Mean => sum(|x| x).into_iter().map(|sum| sum / plan.count as i128).collect(),
            Rule::Product => {
                let product = |a: i64, b: i64| a.wrapping_mul(b);
                plan.fold(&x.values, 1, product).into_iter().map(i128::from).collect()
            }
            Rule::Maximum => plan.fold(&wide, low.into(), i128::max),
            Rule::Minimum => plan.fold(&wide, high.into(), i128::min),
            Rule::L1 => sum(i128::abs),
            Rule::SumSquare => sum(|x| x.wrapping_mul(x)),
            Rule::L2 => {
                let root = |sum: i128| toward_zero::<i64>((sum as f64).sqrt()).into();
                sum(|x| x.wrapping_mul(x)).into_iter().map(root).collect()
            }
            Rule::LogSum | Rule::LogSumExp => return Err(refused()),
        };
        Integers::wrapped(plan.kept.clone(), x.element, results)
    }

    /// Of a quantised tensor, as far as its integers say it.
    fn scaled(&self, x: &Scaled, plan: &Plan) -> Option<Scaled> {
        if x.scale.axis.is_some_and(|axis| plan.reduced[axis]) || plan.count == 0 {
            return None;
        }
        let shape = plan.kept.clone();
        if matches!(self.rule, Rule::Maximum | Rule::Minimum) {
            let integers = match self.rule {
                Rule::Maximum => plan.fold(&x.integers, i64::MIN, i64::max),
                _ => plan.fold(&x.integers, i64::MAX, i64::min),
            };
            return Some(Scaled { shape, integers: Arc::new(integers), ..x.clone() });
        }
        if !matches!(self.rule, Rule::Sum | Rule::Mean) {
            return None;
        }
        let count = i64::try_from(plan.count).ok()?;
        let zeros = &x.scale.zero_points;
        let (first, last) = (zeros.iter().min()?, zeros.iter().max()?);
        let bound = |bound: i64, zero: &i64| {
            let bound = bound.checked_sub(*zero)?.checked_mul(count)?;
            (bound.checked_abs()? <= 1 << 53).then_some(bound)
        };
        let range = (bound(x.range.0, last)?, bound(x.range.1, first)?);
        let mut scale: Scale = x.scale.clone();
        scale.zero_points.fill(0);
        if self.rule == Rule::Mean {
            scale.scales.iter_mut().for_each(|scale| *scale /= count as f64);
        }
        let integers: Vec<i64> = x
            .integers
            .iter()
            .enumerate()
            .map(|(index, &integer)| integer - zeros[x.scale.place(&x.shape, index)])
            .collect();
        let sums = plan.fold(&integers, 0, |a, b| a + b);
        Some(Scaled { shape, integers: Arc::new(sums), range, scale })
    }
}

impl Operator for Reduce {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let plan = self.plan(call)?;
        let result = match call.input(0)? {
            Value::Integer(x) => {
                let result = self.integers(x, &plan)?;
                call.integer_result(result).remove(0)
            }
            x => {
                let scaled = match x {
                    Value::Scaled(x) => self.scaled(x, &plan),
                    _ => None,
                };
                match scaled {
                    Some(result) => {
                        call.place = Place::Integers;
                        Value::Scaled(result)
                    }
                    None => {
                        let values = self.reals(&x.wide(), &plan);
                        call.reals(0, plan.kept.clone(), values)?
                    }
                }
            }
        };
        if self.keep {
            return Ok(vec![result]);
        }
        let sizes = plan.kept.iter().zip(&plan.reduced);
        let shape = sizes.filter(|(_, reduced)| !**reduced).map(|(&size, _)| size).collect();
        Ok(vec![result.reshaped(call.arithmetic, shape)])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};
    use crate::onnx::model::ElementType;

    fn x(operator: &str) -> Case {
        Case::new(operator).reals(&[2, 2], &[1.0, -2.0, 3.0, 4.0])
    }

    #[test]
    fn axes_are_attributes_or_inputs() {
        assert_eq!(x("ReduceSum").numbers(), [6.0]);
        assert_eq!(x("ReduceSum").list(&[-1]).numbers(), [-1.0, 7.0]);
        assert_eq!(x("ReduceMean").opset(11).ints("axes", &[0]).numbers(), [2.0, 1.0]);
        let y = x("ReduceMax").int("keepdims", 0).list(&[1]).run().unwrap();
        assert_eq!((y[0].shape(), y[0].wide().to_vec()), (&[2][..], vec![1.0, 4.0]));
        let same = x("ReduceSum").int("noop_with_empty_axes", 1).list(&[]);
        assert_eq!(same.numbers(), [1.0, -2.0, 3.0, 4.0]);
        assert!(x("ReduceSum").list(&[2]).run().is_err());
        assert!(x("ReduceSum").list(&[0, 0]).run().is_err());
    }

    #[test]
    fn every_rule() {
        let y = |operator: &str| x(operator).numbers()[0];
        assert_eq!([y("ReduceL1"), y("ReduceSumSquare"), y("ReduceProd")], [10.0, 30.0, -24.0]);
        assert_eq!([y("ReduceL2"), y("ReduceMin")], [30f64.sqrt(), -2.0]);
        assert!((y("ReduceLogSum") - 6f64.ln()).abs() < 1e-15);
        let large = Case::new("ReduceLogSumExp").reals(&[2], &[1000.0, 1000.0]).numbers()[0];
        assert!((large - 1000.0 - std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(Case::new("ReduceMax").reals(&[0], &[]).numbers(), [f64::NEG_INFINITY]);
        let ints = |operator: &str| Case::new(operator).list(&[3, -4]).numbers()[0];
        assert_eq!([ints("ReduceMean"), ints("ReduceL2"), ints("ReduceMax")], [0.0, 5.0, 3.0]);
        let bytes = Case::new("ReduceSum").integers(&[2], ElementType::UInt8, &[200, 100]);
        assert_eq!(bytes.numbers(), [44.0]);
    }

    #[test]
    fn quantised_means_are_sums_of_integers() {
        let x = |operator| {
            Case::new(operator).scaled(&[1, 4], &[1, 2, 3, 7], (0, 7), Scale::per_tensor(0.5, 1))
        };
        let y = x("ReduceMean").list(&[1]).run().unwrap();
        let Value::Scaled(y) = &y[0] else { panic!("quantised") };
        assert_eq!((y.integers.to_vec(), y.range, y.wide()), (vec![9], (-4, 24), vec![1.125]));
        let y = x("ReduceMax").run().unwrap();
        let Value::Scaled(y) = &y[0] else { panic!("quantised") };
        assert_eq!((y.integers.to_vec(), y.wide()), (vec![7], vec![3.0]));
        assert!(matches!(x("ReduceL2").run().unwrap()[0], Value::Real(_)));
    }
}
