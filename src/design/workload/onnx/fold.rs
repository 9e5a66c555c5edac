//! Constant folding: arithmetic on the small integer constants with which exporters compute shapes.

use super::tensor::{MAX_ELEMENTS, Value};
use hwmodel::cast::toward_zero;

/// The result of the element-wise operator on `left` and `right`, the shorter of which has one element;
/// `None` if it has no value here.
pub(super) fn binary(operator: &str, left: &Value, right: &Value) -> Option<Value> {
    let length = match (left.len(), right.len()) {
        (a, b) if a == b => a,
        (1, b) => b,
        (a, 1) => a,
        _ => return None,
    };
    let at = |index: usize, of: usize| if of == 1 { 0 } else { index };
    if let (Value::Integers(a), Value::Integers(b)) = (left, right) {
        let each = |index: usize| integers(operator, a[at(index, a.len())], b[at(index, b.len())]);
        return (0..length).map(each).collect::<Option<_>>().map(Value::Integers);
    }
    let (a, b) = (left.reals(), right.reals());
    let pairs = (0..length).map(|index| (a[at(index, a.len())], b[at(index, b.len())]));
    if let Some(compare) = comparison(operator) {
        return Some(Value::Integers(pairs.map(|(a, b)| i64::from(compare(a, b))).collect()));
    }
    pairs.map(|(a, b)| reals(operator, a, b)).collect::<Option<_>>().map(Value::Reals)
}

fn integers(operator: &str, a: i64, b: i64) -> Option<i64> {
    match operator {
        "Add" => a.checked_add(b),
        "Sub" => a.checked_sub(b),
        "Mul" => a.checked_mul(b),
        // Towards zero, as in C.
        "Div" => a.checked_div(b),
        "Mod" => a.checked_rem_euclid(b),
        "Pow" => a.checked_pow(u32::try_from(b).ok()?),
        "Min" => Some(a.min(b)),
        "Max" => Some(a.max(b)),
        "And" => Some(i64::from(a != 0 && b != 0)),
        "Or" => Some(i64::from(a != 0 || b != 0)),
        "Xor" => Some(i64::from((a != 0) != (b != 0))),
        "Equal" => Some(i64::from(a == b)),
        "Less" => Some(i64::from(a < b)),
        "LessOrEqual" => Some(i64::from(a <= b)),
        "Greater" => Some(i64::from(a > b)),
        "GreaterOrEqual" => Some(i64::from(a >= b)),
        _ => None,
    }
}

fn comparison(operator: &str) -> Option<fn(f64, f64) -> bool> {
    match operator {
        #[expect(clippy::float_cmp, reason = "what the operator says")]
        "Equal" => Some(|a, b| a == b),
        "Less" => Some(|a, b| a < b),
        "LessOrEqual" => Some(|a, b| a <= b),
        "Greater" => Some(|a, b| a > b),
        "GreaterOrEqual" => Some(|a, b| a >= b),
        _ => None,
    }
}

fn reals(operator: &str, a: f64, b: f64) -> Option<f64> {
    match operator {
        "Add" => Some(a + b),
        "Sub" => Some(a - b),
        "Mul" => Some(a * b),
        "Div" => Some(a / b),
        "Pow" => Some(libm::pow(a, b)),
        "Min" => Some(a.min(b)),
        "Max" => Some(a.max(b)),
        _ => None,
    }
}

/// The result of the element-wise operator on `value`; `None` if it has no value here.
pub(super) fn unary(operator: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Integers(values) => {
            let each = |&value: &i64| match operator {
                "Neg" => value.checked_neg(),
                "Abs" => value.checked_abs(),
                "Sign" => Some(value.signum()),
                "Not" => Some(i64::from(value == 0)),
                _ => None,
            };
            values.iter().map(each).collect::<Option<_>>().map(Value::Integers)
        }
        Value::Reals(values) => {
            let each = |&value: &f64| match operator {
                "Neg" => Some(-value),
                "Abs" => Some(value.abs()),
                "Floor" => Some(value.floor()),
                "Ceil" => Some(value.ceil()),
                "Round" => Some(value.round_ties_even()),
                "Sqrt" => Some(value.sqrt()),
                "Reciprocal" => Some(1.0 / value),
                "Exp" => Some(libm::exp(value)),
                "Log" => Some(libm::log(value)),
                _ => None,
            };
            values.iter().map(each).collect::<Option<_>>().map(Value::Reals)
        }
    }
}

/// `value` as integers if `integer`, else as real numbers; `None` if a number does not fit.
pub(super) fn cast(value: &Value, integer: bool) -> Option<Value> {
    match (value, integer) {
        (Value::Integers(_), true) | (Value::Reals(_), false) => Some(value.clone()),
        (Value::Integers(_), false) => Some(Value::Reals(value.reals())),
        (Value::Reals(values), true) => {
            let limit = -(i64::MIN as f64);
            let fits = |value: &f64| value.abs() < limit;
            let each = |value: &f64| fits(value).then(|| toward_zero::<i64>(value.trunc()));
            values.iter().map(each).collect::<Option<_>>().map(Value::Integers)
        }
    }
}

/// start, start + delta, ... before limit; `None` without end or with too many elements.
pub(super) fn range(start: &Value, limit: &Value, delta: &Value) -> Option<Value> {
    if let (Value::Integers(start), Value::Integers(limit), Value::Integers(delta)) =
        (start, limit, delta)
    {
        let (&start, &limit, &delta) = (start.first()?, limit.first()?, delta.first()?);
        let span = i128::from(limit) - i128::from(start);
        let delta = i128::from(delta);
        if delta == 0 {
            return None;
        }
        let count = (span / delta + i128::from(span % delta != 0)).max(0);
        if span.signum() * delta.signum() < 0 {
            return Some(Value::Integers(Vec::new()));
        }
        let count = usize::try_from(count).ok().filter(|&count| count <= MAX_ELEMENTS)?;
        let each = |index| i64::try_from(i128::from(start) + index as i128 * delta).ok();
        return (0..count).map(each).collect::<Option<_>>().map(Value::Integers);
    }
    let first = |value: &Value| value.reals().first().copied();
    let (start, limit, delta) = (first(start)?, first(limit)?, first(delta)?);
    let steps = ((limit - start) / delta).ceil();
    if !(f64::NEG_INFINITY..=MAX_ELEMENTS as f64).contains(&steps) {
        return None;
    }
    Some(Value::Reals(
        (0..toward_zero::<usize>(steps.max(0.0)))
            .map(|index| start + index as f64 * delta)
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(values: &[i64]) -> Value {
        Value::Integers(values.to_vec())
    }

    #[test]
    fn integer_arithmetic_is_exact_or_absent() {
        assert_eq!(binary("Mul", &int(&[3, 4]), &int(&[5])), Some(int(&[15, 20])));
        assert_eq!(binary("Div", &int(&[-7]), &int(&[2])), Some(int(&[-3])));
        assert_eq!(binary("Div", &int(&[1]), &int(&[0])), None);
        assert_eq!(binary("Add", &int(&[i64::MAX]), &int(&[1])), None);
        assert_eq!(binary("Add", &int(&[1, 2]), &int(&[1, 2, 3])), None);
        assert_eq!(binary("Div", &int(&[i64::MIN]), &int(&[-1])), None);
        assert_eq!(unary("Neg", &int(&[i64::MIN])), None);
    }

    #[test]
    fn reals_compare_and_round() {
        let half = Value::Reals(vec![2.5, -0.5]);
        assert_eq!(binary("Greater", &half, &int(&[0])), Some(int(&[1, 0])));
        assert_eq!(unary("Floor", &half), Some(Value::Reals(vec![2.0, -1.0])));
        assert_eq!(cast(&half, true), Some(int(&[2, 0])));
        assert_eq!(cast(&Value::Reals(vec![f64::NAN]), true), None);
        assert_eq!(cast(&Value::Reals(vec![1e300]), true), None);
        assert_eq!(unary("Erf", &half), None);
    }

    #[test]
    fn ranges_end_before_their_limit() {
        assert_eq!(range(&int(&[1]), &int(&[8]), &int(&[3])), Some(int(&[1, 4, 7])));
        assert_eq!(range(&int(&[3]), &int(&[0]), &int(&[-2])), Some(int(&[3, 1])));
        assert_eq!(range(&int(&[3]), &int(&[0]), &int(&[1])), Some(int(&[])));
        assert_eq!(range(&int(&[0]), &int(&[9]), &int(&[0])), None);
        assert_eq!(range(&int(&[i64::MIN]), &int(&[i64::MAX]), &int(&[1])), None);
        let reals = range(&Value::Reals(vec![0.0]), &int(&[1]), &Value::Reals(vec![0.4]));
        assert_eq!(reals.unwrap().len(), 3);
        assert_eq!(range(&Value::Reals(vec![f64::NAN]), &int(&[1]), &int(&[1])), None);
        assert_eq!(range(&Value::Reals(vec![0.0]), &int(&[1]), &int(&[0])), None);
    }
}
