//! Values made of attributes, sizes and single numbers: Constant, ConstantOfShape, EyeLike, Range, Shape, Size.

use crate::graph::axes::{elements, shape_of};
use crate::graph::operators::Problem;
use crate::graph::{Alike, Call, Definition, Integers, Operator, Reals, Value};
use crate::onnx::model::{Attribute, ElementType, Tensor};
use hwmodel::cast::{exact, toward_zero};

enum Rule {
    /// A value that is known.
    Constant(Value),
    /// Its only element for every element.
    OfShape(Value),
    /// Ones on a diagonal.
    Eye {
        element: Option<ElementType>,
        offset: i64,
    },
    Range,
    Shape {
        start: i64,
        end: Option<i64>,
    },
    Size,
}

struct Make(Rule);

/// The operators of this file.
pub(super) const NAMES: &[&str] =
    &["Constant", "ConstantOfShape", "EyeLike", "Range", "Shape", "Size"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let (count, rule) = match definition.node.operator.as_str() {
        "Constant" => (0, Rule::Constant(constant(definition)?)),
        "ConstantOfShape" => (1, Rule::OfShape(of_shape(definition)?)),
        "EyeLike" => {
            let element = match definition.node.attribute("dtype") {
                Some(_) => Some(element_type(definition, "dtype")?),
                None => None,
            };
            (1, Rule::Eye { element, offset: definition.integer("k", 0)? })
        }
        "Range" => (3, Rule::Range),
        "Shape" => {
            let end = match definition.node.attribute("end") {
                Some(_) => Some(definition.integer("end", 0)?),
                None => None,
            };
            (1, Rule::Shape { start: definition.integer("start", 0)?, end })
        }
        "Size" => (1, Rule::Size),
        _ => return Err(Problem::NoOperator),
    };
    definition.expect_inputs(count, count)?;
    Ok(Box::new(Make(rule)))
}

/// The element type that attribute `name` has the number of.
///
/// # Errors
/// If there is none such.
pub(super) fn element_type(
    definition: &Definition<'_>,
    name: &'static str,
) -> Result<ElementType, Problem> {
    let number = definition.integer(name, 0)?;
    let found = i32::try_from(number).ok().and_then(ElementType::from_number);
    found.ok_or_else(|| Problem::Attribute {
        name,
        value: number.to_string(),
        allowed: "only integers, truth values and floats of 16, 32 and 64 bits are supported",
    })
}

fn constant(definition: &Definition<'_>) -> Result<Value, Problem> {
    let arithmetic = &definition.arithmetic;
    let real =
        |shape: Vec<usize>, values: &[f32]| Value::of_floats(arithmetic, shape, values.to_vec());
    let found = definition.node.attributes.iter().find_map(|(name, value)| {
        Some(match (name.as_str(), value) {
            ("value", Attribute::Tensor(tensor)) => Value::of_tensor(tensor, arithmetic),
            ("value_float", Attribute::Real(value)) => real(vec![], &[*value]),
            ("value_floats", Attribute::Reals(values)) => real(vec![values.len()], values),
            ("value_int", Attribute::Integer(value)) => {
                Value::Integer(Integers::new(vec![], ElementType::Int64, vec![*value]))
            }
            ("value_ints", Attribute::Integers(values)) => {
                Value::Integer(Integers::list(values.clone()))
            }
            _ => return None,
        })
    });
    found.ok_or_else(|| {
        let names: Vec<&str> =
            definition.node.attributes.iter().map(|(name, _)| name.as_str()).collect();
        Problem::Unsupported(format!(
            "its attributes are {names:?}: a tensor, numbers or a number are supported (value, value_float, value_floats, value_int, value_ints)"
        ))
    })
}

fn of_shape(definition: &Definition<'_>) -> Result<Value, Problem> {
    let given: Option<&Tensor> = match definition.node.attribute("value") {
        Some(Attribute::Tensor(tensor)) => Some(tensor),
        None => None,
        Some(other) => {
            let (value, allowed) = (format!("{other:?}"), "a tensor with one element is needed");
            return Err(Problem::Attribute { name: "value", value, allowed });
        }
    };
    let value = match given {
        Some(tensor) => Value::of_tensor(tensor, &definition.arithmetic),
        None => Value::of_floats(&definition.arithmetic, vec![1], vec![0.0]),
    };
    match value.len() {
        1 => Ok(value),
        count => {
            let (value, allowed) = (format!("a tensor of {count} elements"), "one is needed");
            Err(Problem::Attribute { name: "value", value, allowed })
        }
    }
}

/// Bounds on the axes as Python cuts lists.
fn cut(bound: i64, rank: usize) -> usize {
    let rank: i64 = exact(rank);
    let bound = if bound < 0 { bound.saturating_add(rank) } else { bound };
    exact(bound.clamp(0, rank))
}

fn range(call: &mut Call<'_>) -> Result<Value, Problem> {
    let step_of_zero = || Problem::Unsupported("a step of 0".to_owned());
    let too_long = || Problem::TooLarge(vec![usize::MAX]);
    if let Alike::Integers(values) = call.alike(0, 3)? {
        let number = |index: usize| values[index].single("bound").map(i128::from);
        let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
        if step == 0 {
            return Err(step_of_zero());
        }
        let count = ((limit - start + step - step.signum()) / step).max(0);
        let count = usize::try_from(count).map_err(|_| too_long())?;
        elements(&[count])?;
        let steps = (0..count).map(|index| start + exact::<i128>(index) * step);
        return Ok(Value::Integer(Integers::wrapped(vec![count], values[0].element, steps)?));
    }
    let number = |index| call.number(index, "bound")?.ok_or(Problem::NoInput(index));
    let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
    if step == 0.0 {
        return Err(step_of_zero());
    }
    let count = ((limit - start) / step).ceil().max(0.0);
    if !(start.is_finite() && count < 2f64.powi(62)) {
        return Err(too_long());
    }
    let count: usize = toward_zero::<u64>(count).try_into().map_err(|_| too_long())?;
    elements(&[count])?;
    let steps = (0..count).map(|index| start + index as f64 * step).collect();
    call.reals(0, vec![count], steps)
}

impl Operator for Make {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let result = match &self.0 {
            Rule::Constant(value) => value.clone(),
            Rule::OfShape(value) => {
                let shape = shape_of(&call.list(0, "shape")?.ok_or(Problem::NoInput(0))?)?;
                let places = vec![0; elements(&shape)?];
                value.picked(shape, &places, None)
            }
            Rule::Eye { element, offset } => {
                let x = call.input(0)?;
                let &[rows, columns] = x.shape() else {
                    let why = format!("its input has shape {:?}: two axes are needed", x.shape());
                    return Err(Problem::Shape(why));
                };
                let element = element.unwrap_or(x.element());
                let ones = (0..x.len()).map(|place| {
                    let (row, column): (i64, i64) =
                        (exact(place / columns), exact(place % columns));
                    i128::from(column) == i128::from(row) + i128::from(*offset)
                });
                let shape = vec![rows, columns];
                if element.is_real() {
                    let ones = ones.map(f64::from).collect();
                    Value::Real(Reals::new(call.arithmetic, shape, element, ones))
                } else {
                    Value::Integer(Integers::new(shape, element, ones.map(i64::from).collect()))
                }
            }
            Rule::Range => range(call)?,
            Rule::Shape { start, end } => {
                let shape = call.input(0)?.shape();
                let (start, end) = (
                    cut(*start, shape.len()),
                    end.map_or(shape.len(), |end| cut(end, shape.len())),
                );
                let sizes = shape.get(start..end).unwrap_or(&[]);
                Value::Integer(Integers::list(sizes.iter().map(|&size| exact(size)).collect()))
            }
            Rule::Size => {
                let count = exact(call.input(0)?.len());
                Value::Integer(Integers::new(vec![], ElementType::Int64, vec![count]))
            }
        };
        Ok(vec![result])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::{Attribute, ElementType};

    #[test]
    fn every_form_of_a_constant() {
        let of = |name: &str, value| Case::new("Constant").with(name, value).run();
        let y = of("value_ints", Attribute::Integers(vec![3, -1])).unwrap();
        assert_eq!((y[0].shape(), y[0].wide().to_vec()), (&[2][..], vec![3.0, -1.0]));
        let y = of("value_float", Attribute::Real(0.5)).unwrap();
        assert_eq!((y[0].shape().len(), y[0].element()), (0, ElementType::Float32));
        assert!(of("value_string", Attribute::Text("x".to_owned())).is_err());
        assert!(Case::new("Constant").run().is_err());
    }

    #[test]
    fn shapes_are_values() {
        let y = |start| Case::new("Shape").int("start", start).ramp(&[2, 3, 4]).numbers();
        assert_eq!(y(0), [2.0, 3.0, 4.0]);
        assert_eq!(y(-2), [3.0, 4.0]);
        assert_eq!(Case::new("Shape").int("end", -1).ramp(&[2, 3, 4]).numbers(), [2.0, 3.0]);
        assert!(
            Case::new("Shape").int("start", 2).int("end", 1).ramp(&[2, 3]).numbers().is_empty()
        );
        assert_eq!(Case::new("Size").ramp(&[2, 3]).numbers(), [6.0]);
        let zeros = |sizes: &[i64]| Case::new("ConstantOfShape").list(sizes);
        assert_eq!(zeros(&[2]).numbers(), [0.0, 0.0]);
        assert!(zeros(&[1 << 40]).run().is_err());
        assert!(zeros(&[-1]).run().is_err());
    }

    #[test]
    fn ranges_are_bounded() {
        let int = |case: Case, x| case.integers(&[], ElementType::Int64, &[x]);
        let y = |start, limit, step| int(int(int(Case::new("Range"), start), limit), step).run();
        assert_eq!(y(1, 6, 2).unwrap()[0].wide().to_vec(), [1.0, 3.0, 5.0]);
        assert_eq!(y(3, 0, -2).unwrap()[0].wide().to_vec(), [3.0, 1.0]);
        assert!(y(0, -1, 1).unwrap()[0].is_empty());
        assert!(y(0, 1, 0).is_err());
        assert!(y(0, i64::MAX, 1).is_err());
        let real = Case::new("Range").reals(&[], &[0.0]).reals(&[], &[1.0]).reals(&[], &[0.25]);
        assert_eq!(real.numbers(), [0.0, 0.25, 0.5, 0.75]);
        let endless = Case::new("Range").reals(&[], &[0.0]).reals(&[], &[f64::INFINITY]);
        assert!(endless.reals(&[], &[1.0]).run().is_err());
    }
}
