//! Tensors with some elements of another one and a fill value for the rest: Pad.

use crate::graph::axes::{distinct, elements};
use crate::graph::operator::type_of;
use crate::graph::operators::Problem;
use crate::graph::{Arithmetic, Call, Definition, Integers, Operator, Reals, Scaled, Value};
use crate::onnx::model::ElementType;
use hwmodel::cast::{exact, toward_zero};
use std::sync::Arc;

/// The elements of `x` at `places`, and the number `fill`, or 0, where there is none.
///
/// # Errors
/// If `fill` does not have one element, or its type is not that of `x`.
pub(super) fn filled(
    x: &Value,
    arithmetic: &Arithmetic,
    shape: Vec<usize>,
    places: &[Option<usize>],
    fill: Option<&Value>,
) -> Result<Value, Problem> {
    let number = match fill.map(Value::wide) {
        None => 0.0,
        Some(fill) => match *fill {
            [number] => number,
            _ => {
                let why = format!("{} fill values: one is needed", fill.len());
                return Err(Problem::Shape(why));
            }
        },
    };
    match x.uniform(arithmetic) {
        Value::Integer(x) => {
            let other = match fill {
                None => 0,
                Some(Value::Integer(fill)) if fill.element == x.element => {
                    fill.single("fill value")?
                }
                Some(fill) => return Err(type_of("fill value", fill, "of the type of the input")),
            };
            let pick = |place: &Option<usize>| place.map_or(other, |place| x.values[place]);
            let values = places.iter().map(pick).collect();
            Ok(Value::Integer(Integers::new(shape, x.element, values)))
        }
        Value::Scaled(x) => {
            let (scale, zero) = (x.scale.scales[0], x.scale.zero_points[0]);
            let steps = number / scale;
            if !(steps.fract() == 0.0 && steps.abs() < 2f64.powi(53)) {
                return real(&Value::Scaled(x), arithmetic, shape, places, number);
            }
            let other = toward_zero::<i64>(steps).saturating_add(zero);
            let pick = |place: &Option<usize>| place.map_or(other, |place| x.integers[place]);
            let integers = Arc::new(places.iter().map(pick).collect());
            let range = (x.range.0.min(other), x.range.1.max(other));
            Ok(Value::Scaled(Scaled { shape, integers, range, scale: x.scale }))
        }
        x @ Value::Real(_) => real(&x, arithmetic, shape, places, number),
    }
}

fn real(
    x: &Value,
    arithmetic: &Arithmetic,
    shape: Vec<usize>,
    places: &[Option<usize>],
    fill: f64,
) -> Result<Value, Problem> {
    let values = x.wide();
    let values = places.iter().map(|place| place.map_or(fill, |place| values[place])).collect();
    Ok(Value::Real(Reals::new(arithmetic, shape, x.element(), values)))
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

/// Padding on both sides of axes; negative padding crops.
struct Pad {
    mode: Mode,
    /// Padding and fill value that are attributes, in opsets before 11.
    old: Option<(Vec<i64>, f32)>,
}

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let choices = [
        ("constant", Mode::Constant),
        ("edge", Mode::Edge),
        ("reflect", Mode::Reflect),
        ("wrap", Mode::Wrap),
    ];
    let mode = definition.choice("mode", &choices, "constant, edge, reflect or wrap")?;
    let old = if definition.version < 11 {
        definition.expect_inputs(1, 1)?;
        let name = if definition.version < 2 { "paddings" } else { "pads" };
        let pads = definition.integers(name)?.ok_or_else(|| Problem::Attribute {
            name,
            value: "missing".to_owned(),
            allowed: "two sizes for each axis are needed",
        })?;
        Some((pads.to_vec(), definition.real("value", 0.0)?))
    } else {
        definition.expect_inputs(2, 4)?;
        None
    };
    Ok(Box::new(Pad { mode, old }))
}

/// The index for each place from `before` in front of an axis of `size` to `after` behind it.
fn padded(size: usize, before: i64, after: i64, mode: Mode) -> Result<Vec<Option<usize>>, Problem> {
    let own: i64 = exact(size);
    let total = own.checked_add(before).and_then(|total| total.checked_add(after));
    let total = total.and_then(|total| usize::try_from(total).ok());
    let wrong =
        || Problem::Shape(format!("an axis of {size} cannot be padded by {before} and {after}"));
    let total = total.ok_or_else(wrong)?;
    elements(&[total])?;
    if size == 0 && total > 0 && mode != Mode::Constant {
        return Err(wrong());
    }
    let place = |at: usize| {
        let at = exact::<i64>(at) - before;
        if (0..own).contains(&at) {
            return Some(exact(at));
        }
        match mode {
            Mode::Constant => None,
            Mode::Edge => Some(exact(at.clamp(0, own - 1))),
            Mode::Wrap => Some(exact(at.rem_euclid(own))),
            Mode::Reflect if own == 1 => Some(0),
            Mode::Reflect => {
                let period = 2 * (own - 1);
                let at = at.rem_euclid(period);
                Some(exact(at.min(period - at)))
            }
        }
    };
    Ok((0..total).map(place).collect())
}

impl Operator for Pad {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape();
        let pads = call.list_or(self.old.as_ref().map(|old| &old.0), 1, "pads")?;
        let pads = pads.ok_or(Problem::NoInput(1))?;
        let axes = match call.list(3, "axes")? {
            Some(axes) => distinct(&axes, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        if pads.len() != 2 * axes.len() {
            let why =
                format!("{} pads for {} axes: two for each are needed", pads.len(), axes.len());
            return Err(Problem::Shape(why));
        }
        let mut lists: Vec<Vec<Option<usize>>> =
            shape.iter().map(|&size| (0..size).map(Some).collect()).collect();
        for (place, &axis) in axes.iter().enumerate() {
            lists[axis] = padded(shape[axis], pads[place], pads[axes.len() + place], self.mode)?;
        }
        let to: Vec<usize> = lists.iter().map(Vec::len).collect();
        elements(&to)?;
        let mut places = vec![Some(0)];
        for (size, list) in shape.iter().zip(&lists) {
            let next =
                |place: Option<usize>| list.iter().map(move |&index| Some(place? * size + index?));
            places = places.into_iter().flat_map(next).collect();
        }
        let old = match (&self.old, x) {
            (Some((_, value)), Value::Integer(x)) => {
                let (low, high) = x.range();
                let value = toward_zero::<i64>(f64::from(*value)).clamp(low, high);
                Some(Value::Integer(Integers::new(vec![], x.element, vec![value])))
            }
            (Some((_, value)), _) => {
                let fill = Reals::single(vec![], ElementType::Float32, vec![*value]);
                Some(Value::Real(fill))
            }
            (None, _) => None,
        };
        let fill = old.as_ref().or_else(|| call.optional(2));
        Ok(vec![filled(x, call.arithmetic, to, &places, fill)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};

    fn pad(mode: &str, pads: &[i64]) -> Case {
        Case::new("Pad").text("mode", mode).reals(&[3], &[1.0, 2.0, 3.0]).list(pads)
    }

    #[test]
    fn every_mode() {
        let y = |mode| pad(mode, &[2, 3]).numbers();
        assert_eq!(y("constant"), [0.0, 0.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0]);
        assert_eq!(y("edge"), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0]);
        assert_eq!(y("reflect"), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0]);
        assert_eq!(y("wrap"), [2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(pad("edge", &[-1, 1]).numbers(), [2.0, 3.0, 3.0]);
        assert!(pad("edge", &[-4, 0]).run().is_err());
        assert!(pad("edge", &[1]).run().is_err());
        assert!(pad("mirror", &[1, 1]).run().is_err());
        assert!(pad("constant", &[i64::MAX, 1]).run().is_err());
    }

    #[test]
    fn attributes_of_old_opsets_and_axes_of_new_ones() {
        let old = Case::new("Pad").opset(2).reals(&[1], &[1.0]).ints("pads", &[0, 1]);
        assert_eq!(old.float("value", 5.0).numbers(), [1.0, 5.0]);
        let new = Case::new("Pad").ramp(&[1, 2]).list(&[1, 0]).skip().list(&[-1]);
        assert_eq!(new.numbers(), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_quantised_zero_is_the_zero_point() {
        let x = Case::new("Pad").scaled(&[1], &[7], (4, 7), Scale::per_tensor(0.5, 3));
        let y = x.list(&[1, 0]).run().unwrap();
        let Value::Scaled(y) = &y[0] else { panic!("quantised") };
        assert_eq!((y.integers.to_vec(), y.range), (vec![3, 7], (3, 7)));
    }
}
