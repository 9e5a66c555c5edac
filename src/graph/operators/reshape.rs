//! Other shapes of the same elements.

use crate::graph::axes::{axis, distinct, elements};
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Form, Operator, Value};

/// A rule that makes a shape.
enum Rule {
    Reshape { zero_is_size: bool },
    Flatten { axis: i64 },
    Squeeze,
    Unsqueeze,
}

struct Reshape {
    rule: Rule,
    /// The shape or the axes, if they are an attribute.
    list: Option<Vec<i64>>,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Flatten", "Reshape", "Squeeze", "Unsqueeze"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let name = definition.node.operator.as_str();
    definition.expect_inputs(1, if name == "Flatten" { 1 } else { 2 })?;
    let rule = match name {
        "Reshape" => Rule::Reshape { zero_is_size: definition.flag("allowzero")? },
        "Flatten" => Rule::Flatten { axis: definition.integer("axis", 1)? },
        "Squeeze" => Rule::Squeeze,
        "Unsqueeze" => Rule::Unsqueeze,
        _ => return Err(Problem::NoOperator),
    };
    let attribute = if name == "Reshape" { "shape" } else { "axes" };
    let list = definition.integers(attribute)?.map(<[i64]>::to_vec);
    let needed = matches!(rule, Rule::Reshape { .. } | Rule::Unsqueeze);
    if needed && list.is_none() && !definition.has_input(1) {
        return Err(Problem::NoInput(1));
    }
    Ok(Box::new(Reshape { rule, list }))
}

/// `from` under the sizes `to`: -1 stands for what is left, and 0 for the size that the axis has.
fn reshaped(from: &[usize], to: &[i64], zero_is_size: bool) -> Result<Vec<usize>, Problem> {
    let wrong = || Problem::Shape(format!("a tensor of shape {from:?} cannot have shape {to:?}"));
    let mut open = None;
    let mut shape = Vec::with_capacity(to.len());
    for (place, &size) in to.iter().enumerate() {
        shape.push(match size {
            -1 if open.is_none() => {
                open = Some(place);
                1
            }
            0 if !zero_is_size => *from.get(place).ok_or_else(wrong)?,
            _ => usize::try_from(size).map_err(|_| wrong())?,
        });
    }
    let (count, known) = (elements(from)?, elements(&shape)?);
    match open {
        Some(place) if known > 0 && count.is_multiple_of(known) => shape[place] = count / known,
        None if known == count => {}
        _ => return Err(wrong()),
    }
    Ok(shape)
}

impl Operator for Reshape {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let from = x.shape();
        let list = |what| call.list_or(self.list.as_ref(), 1, what);
        let shape = match self.rule {
            Rule::Reshape { zero_is_size } => {
                let to = list("shape")?.ok_or(Problem::NoInput(1))?;
                reshaped(from, &to, zero_is_size)?
            }
            Rule::Flatten { axis: first } => {
                // One axis more than there are: all of them come first.
                let first = match usize::try_from(first) {
                    Ok(first) if first == from.len() => first,
                    _ => axis(first, from.len())?,
                };
                vec![from[..first].iter().product(), from[first..].iter().product()]
            }
            Rule::Squeeze => match list("axes")? {
                Some(axes) => {
                    let axes = distinct(&axes, from.len())?;
                    if let Some(&axis) = axes.iter().find(|&&axis| from[axis] != 1) {
                        let why = format!(
                            "axis {axis} of shape {from:?} is not 1 and cannot be left out"
                        );
                        return Err(Problem::Shape(why));
                    }
                    let kept =
                        |(axis, &size): (usize, &usize)| (!axes.contains(&axis)).then_some(size);
                    from.iter().enumerate().filter_map(kept).collect()
                }
                None => from.iter().copied().filter(|&size| size != 1).collect(),
            },
            Rule::Unsqueeze => {
                let axes = list("axes")?.ok_or(Problem::NoInput(1))?;
                let rank = from.len() + axes.len();
                let axes = distinct(&axes, rank)?;
                let mut sizes = from.iter();
                let size = |axis| match axes.contains(&axis) {
                    true => 1,
                    false => sizes.next().copied().unwrap_or(1),
                };
                (0..rank).map(size).collect()
            }
        };
        Ok(vec![x.reshaped(call.arithmetic, shape)])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Reshaped
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};

    fn shape(case: &Case) -> Vec<usize> {
        let shape = case.run().unwrap()[0].shape().to_vec();
        assert_eq!(case.run_late().unwrap()[0].shape(), shape, "the shape may be computed");
        shape
    }

    fn x(operator: &str) -> Case {
        Case::new(operator).reals(&[2, 1, 3], &[0.0; 6])
    }

    #[test]
    fn sizes_may_be_open() {
        assert_eq!(shape(&x("Reshape").list(&[0, -1])), [2, 3]);
        assert_eq!(shape(&x("Reshape").opset(1).ints("shape", &[3, 2])), [3, 2]);
        assert!(x("Reshape").list(&[-1, -1]).run().is_err());
        assert!(x("Reshape").list(&[4, -1]).run().is_err());
        assert!(x("Reshape").list(&[1 << 62, 1 << 62]).run().is_err());
        assert!(x("Reshape").run().is_err());
        let empty = Case::new("Reshape").reals(&[0, 3], &[]).int("allowzero", 1);
        assert_eq!(shape(&empty.list(&[3, 0])), [3, 0]);
    }

    #[test]
    fn axes_are_added_merged_and_left_out() {
        assert_eq!(shape(&x("Flatten")), [2, 3]);
        assert_eq!(shape(&x("Flatten").int("axis", 3)), [6, 1]);
        assert_eq!(shape(&x("Flatten").int("axis", -1)), [2, 3]);
        assert_eq!(shape(&x("Squeeze")), [2, 3]);
        assert_eq!(shape(&x("Squeeze").list(&[-2])), [2, 3]);
        assert!(x("Squeeze").list(&[0]).run().is_err());
        assert_eq!(shape(&x("Unsqueeze").list(&[-1, 0])), [1, 2, 1, 3, 1]);
        assert_eq!(shape(&x("Unsqueeze").opset(11).ints("axes", &[1])), [2, 1, 1, 3]);
        assert!(x("Unsqueeze").list(&[0, 0]).run().is_err());
    }

    #[test]
    fn scales_of_an_axis_follow_it() {
        let scale = Scale { axis: Some(1), scales: vec![1.0, 2.0], zero_points: vec![0, 0] };
        let x = || Case::new("Reshape").scaled(&[1, 2, 3], &[1; 6], (0, 1), scale.clone());
        let y = x().list(&[2, 3]).run().unwrap();
        let Value::Scaled(y) = &y[0] else { panic!("quantised") };
        assert_eq!(y.scale.axis, Some(0));
        assert_eq!(x().list(&[6]).numbers(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    }
}
