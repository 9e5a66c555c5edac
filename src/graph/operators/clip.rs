//! Clip.
#![expect(clippy::float_cmp, reason = "a bound that is not exactly on the grid is not on it")]

use crate::graph::operator::rescaled;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Form, Integers, Operator, Place, Scaled, Value};

/// min(max(x, low), high).
struct Clip {
    /// Bounds that are attributes, in opsets before 11.
    attributes: Option<(f64, f64)>,
}

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let bound = |name, other| match definition.node.attribute(name) {
        Some(_) => definition.real(name, 0.0).map(f64::from),
        None => Ok(other),
    };
    let attributes = (bound("min", f64::NEG_INFINITY)?, bound("max", f64::INFINITY)?);
    let attributes = (definition.version < 11).then_some(attributes);
    definition.expect_inputs(1, if attributes.is_some() { 1 } else { 3 })?;
    Ok(Box::new(Clip { attributes }))
}

fn clipped<T: PartialOrd>(x: T, low: T, high: T) -> T {
    // NaN stays NaN.
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// What `bound` means for the integers of each channel: an integer, or no limit. `None` if it lies between two of them.
fn on_grid(x: &Scaled, bound: f64, upper: bool) -> Option<Vec<i64>> {
    let scale = &x.scale;
    let each = scale.scales.iter().zip(&scale.zero_points).map(|(&scale, &zero)| {
        let (low, high) = x.range;
        let outside = if upper {
            bound >= (high - zero) as f64 * scale
        } else {
            bound <= (low - zero) as f64 * scale
        };
        if outside {
            return Some(if upper { high } else { low });
        }
        let steps = (bound / scale).round();
        let exact = steps.abs() < 2f64.powi(53) && steps * scale == bound;
        exact.then(|| hwmodel::cast::toward_zero::<i64>(steps).checked_add(zero)).flatten()
    });
    each.collect()
}

fn clip_scaled(x: &Scaled, low: f64, high: f64) -> Option<Value> {
    let (low, high) = (on_grid(x, low, false)?, on_grid(x, high, true)?);
    let clip = |(index, &integer): (usize, &i64)| {
        let place = x.scale.place(&x.shape, index);
        clipped(integer, low[place], high[place])
    };
    let integers = x.integers.iter().enumerate().map(clip).collect();
    let reach = |bound: i64| {
        let each = low.iter().zip(&high).map(move |(&low, &high)| clipped(bound, low, high));
        each.collect::<Vec<_>>()
    };
    let range = (reach(x.range.0).into_iter().min()?, reach(x.range.1).into_iter().max()?);
    let mut output = rescaled(x, x.shape.clone(), integers);
    if let Value::Scaled(output) = &mut output {
        output.range = range;
    }
    Some(output)
}

impl Operator for Clip {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        if let Value::Integer(x) = call.input(0)? {
            let bound = |index: usize, what, other| match call.optional(index) {
                Some(_) => call.integers(index, what)?.single(what),
                None => Ok(other),
            };
            let range = x.range();
            let (low, high) = match self.attributes {
                // Saturated to the range of the type.
                Some((low, high)) => {
                    (hwmodel::cast::toward_zero(low), hwmodel::cast::toward_zero(high))
                }
                None => (bound(1, "lower bound", range.0)?, bound(2, "upper bound", range.1)?),
            };
            let (low, high) = (low.max(range.0), high.min(range.1));
            let values = x.values.iter().map(|&x| clipped(x, low, high)).collect();
            let result = Integers::new(x.shape.clone(), x.element, values);
            return Ok(call.integer_result(result));
        }
        let (low, high) = match self.attributes {
            Some(bounds) => bounds,
            None => (
                call.number(1, "lower bound")?.unwrap_or(f64::NEG_INFINITY),
                call.number(2, "upper bound")?.unwrap_or(f64::INFINITY),
            ),
        };
        let x = call.input(0)?;
        if let Value::Scaled(x) = x
            && let Some(output) = clip_scaled(x, low, high)
        {
            call.place = Place::Integers;
            return Ok(vec![output]);
        }
        let shape = x.shape().to_vec();
        let values = x.wide().iter().map(|&x| clipped(x, low, high)).collect();
        Ok(vec![call.reals(0, shape, values)?])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Rising
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};
    use crate::onnx::model::ElementType;

    #[test]
    fn bounds_are_attributes_or_inputs() {
        let old = Case::new("Clip").opset(6).reals(&[3], &[-1.0, 0.5, 7.0]);
        assert_eq!(old.float("min", 0.0).float("max", 6.0).numbers(), [0.0, 0.5, 6.0]);
        let new = Case::new("Clip").reals(&[2], &[-1.0, 7.0]).skip();
        assert_eq!(new.reals(&[], &[6.0]).numbers(), [-1.0, 6.0]);
        let bytes = |x: &[i64]| Case::new("Clip").integers(&[2], ElementType::Int8, x);
        let narrow = bytes(&[-128, 3]).integers(&[], ElementType::Int8, &[-127]);
        assert_eq!(narrow.numbers(), [-127.0, 3.0]);
    }

    #[test]
    fn quantised_tensors_stay_integers_where_a_bound_is_on_the_grid() {
        let x = || Case::new("Clip").scaled(&[3], &[0, 5, 15], (0, 15), Scale::per_tensor(0.5, 4));
        let bounded =
            |low: f64, high: f64| x().reals(&[], &[low]).reals(&[], &[high]).run().unwrap();
        let Value::Scaled(y) = &bounded(0.0, 6.0)[0] else { panic!("quantised") };
        assert_eq!((y.integers.to_vec(), y.range), (vec![4, 5, 15], (4, 15)));
        let Value::Scaled(y) = &bounded(-9.0, 2.5)[0] else { panic!("quantised") };
        assert_eq!((y.integers.to_vec(), y.range), (vec![0, 5, 9], (0, 9)));
        let Value::Real(y) = &bounded(0.0, 2.3)[0] else { panic!("real") };
        assert_eq!(y.wide().to_vec(), [0.0, 0.5, 2.3]);
    }
}
