//! Einsum.

use crate::graph::axes::{elements, strides, walk};
use crate::graph::operators::Problem;
use crate::graph::{Alike, Call, Definition, Integers, Operator, Value};
use std::collections::BTreeMap;

/// Sums of products over the labels that the output lacks.
struct Einsum {
    /// Labels of the axes of each operand; `None` where an ellipsis stands.
    operands: Vec<Vec<Label>>,
    output: Vec<Label>,
}

/// An axis, or all that an ellipsis stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// The axis so far from the last one that an ellipsis stands for.
    Ellipsis(usize),
    Letter(char),
}

fn labels(term: &str) -> Option<Vec<Label>> {
    let mut found = Vec::new();
    let mut rest = term;
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("...") {
            found.push(Label::Ellipsis(0));
            rest = after;
        } else if letter.is_ascii_alphabetic() {
            found.push(Label::Letter(letter));
            rest = &rest[1..];
        } else {
            return None;
        }
    }
    let ellipses = found.iter().filter(|label| **label == Label::Ellipsis(0)).count();
    (ellipses <= 1).then_some(found)
}

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, usize::MAX)?;
    let equation: String = definition.text("equation", "")?.split_whitespace().collect();
    let wrong = || Problem::Attribute {
        name: "equation",
        value: format!("`{equation}`"),
        allowed: "labels of the axes of each input are needed, as in `bij,bjk->bik`",
    };
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (equation.as_str(), None),
    };
    let operands: Vec<Vec<Label>> =
        inputs.split(',').map(labels).collect::<Option<_>>().ok_or_else(wrong)?;
    if operands.len() != definition.node.inputs.len() {
        return Err(wrong());
    }
    let known = |label: &Label| operands.iter().flatten().any(|other| other == label);
    let output = match output {
        Some(output) => labels(output).filter(|output| {
            output.iter().all(|label| {
                let once = output.iter().filter(|other| *other == label).count() == 1;
                once && (known(label) || *label == Label::Ellipsis(0))
            })
        }),
        // The labels that occur once, in alphabetical order, behind the axes of an ellipsis.
        None => {
            let mut counts = BTreeMap::new();
            operands.iter().flatten().for_each(|label| *counts.entry(*label).or_insert(0) += 1);
            let once = |(label, count): (&Label, &usize)| {
                (*count == 1 || *label == Label::Ellipsis(0)).then_some(*label)
            };
            Some(counts.iter().filter_map(once).collect())
        }
    };
    Ok(Box::new(Einsum { output: output.ok_or_else(wrong)?, operands }))
}

/// `labels` with an ellipsis as so many axes.
fn expanded(labels: &[Label], axes: usize) -> Vec<Label> {
    let each = |label: &Label| match label {
        Label::Ellipsis(_) => (0..axes).rev().map(Label::Ellipsis).collect(),
        letter => vec![*letter],
    };
    labels.iter().flat_map(each).collect()
}

/// Places in the operands.
struct Plan {
    shape: Vec<usize>,
    /// For each operand its places for each output and what each term of the sum adds.
    places: Vec<(Vec<usize>, Vec<usize>)>,
}

impl Einsum {
    fn plan(&self, call: &Call<'_>) -> Result<Plan, Problem> {
        let mut sizes: BTreeMap<Label, usize> = BTreeMap::new();
        let (mut all, mut most) = (Vec::new(), 0);
        for (index, labels) in self.operands.iter().enumerate() {
            let shape = call.input(index)?.shape();
            let letters = labels.iter().filter(|label| **label != Label::Ellipsis(0)).count();
            let rest = shape.len().checked_sub(letters);
            let open = letters < labels.len();
            let rest = rest.filter(|&rest| open || rest == 0).ok_or_else(|| {
                Problem::Shape(format!("input {index} has shape {shape:?}, and {letters} labels"))
            })?;
            most = most.max(rest);
            let own = expanded(labels, rest);
            for (&label, &size) in own.iter().zip(shape) {
                let known = sizes.entry(label).or_insert(size);
                if *known == 1 {
                    *known = size;
                } else if size != *known && size != 1 {
                    let why = format!("an axis has {known} and {size} elements");
                    return Err(Problem::Shape(why));
                }
            }
            all.push(own);
        }
        let output = expanded(&self.output, most);
        let summed: Vec<Label> =
            sizes.keys().copied().filter(|label| !output.contains(label)).collect();
        let size = |label: &Label| sizes.get(label).copied().unwrap_or(1);
        let shape: Vec<usize> = output.iter().map(size).collect();
        let terms: Vec<usize> = summed.iter().map(size).collect();
        elements(&[elements(&shape)?, elements(&terms)?])?;
        let mut places = Vec::new();
        for (index, own) in all.iter().enumerate() {
            let from = call.input(index)?.shape();
            let strides = strides(from);
            let step = |label: &Label| {
                let axes = (0..own.len()).filter(|&axis| own[axis] == *label && from[axis] != 1);
                axes.map(|axis| strides[axis]).sum()
            };
            let steps = |labels: &[Label]| labels.iter().map(step).collect::<Vec<usize>>();
            places.push((walk(&shape, &steps(&output), 0), walk(&terms, &steps(&summed), 0)));
        }
        Ok(Plan { shape, places })
    }
}

impl Plan {
    fn sums<T: Copy>(
        &self,
        operands: &[&[T]],
        (zero, one): (T, T),
        multiply: impl Fn(T, T) -> T,
        add: impl Fn(T, T) -> T,
    ) -> Vec<T> {
        let (outputs, terms) = (self.places[0].0.len(), self.places[0].1.len());
        let product = |output: usize, term: usize| {
            let each = self.places.iter().zip(operands);
            each.fold(one, |product, ((outer, inner), values)| {
                multiply(product, values[outer[output] + inner[term]])
            })
        };
        let sum = |output| (0..terms).fold(zero, |sum, term| add(sum, product(output, term)));
        (0..outputs).map(sum).collect()
    }
}

impl Operator for Einsum {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let plan = self.plan(call)?;
        if let Alike::Integers(values) = call.alike(0, self.operands.len())? {
            let operands: Vec<&[i64]> =
                values.iter().map(|value| value.values.as_slice()).collect();
            let sums = plan.sums(&operands, (0, 1), i64::wrapping_mul, i64::wrapping_add);
            let sums = sums.into_iter().map(i128::from);
            let result = Integers::wrapped(plan.shape.clone(), values[0].element, sums)?;
            return Ok(call.integer_result(result));
        }
        let wide: Vec<_> = call.inputs.iter().flatten().map(Value::wide).collect();
        let operands: Vec<&[f64]> = wide.iter().map(|values| &values[..]).collect();
        let sums = plan.sums(&operands, (0.0, 1.0), |a, b| a * b, |a, b| a + b);
        drop(operands);
        drop(wide);
        Ok(vec![call.reals(0, plan.shape.clone(), sums)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;

    fn case(equation: &str) -> Case {
        Case::new("Einsum").text("equation", equation)
    }

    #[test]
    fn labels_are_summed_or_kept() {
        let two = |equation| case(equation).ramp(&[2, 2]).ramp(&[2, 2]);
        assert_eq!(two("ij,jk->ik").numbers(), [2.0, 3.0, 6.0, 11.0]);
        assert_eq!(two("ij, jk").numbers(), [2.0, 3.0, 6.0, 11.0]);
        assert_eq!(two("ij,ij->").numbers(), [14.0]);
        assert_eq!(case("ii->i").ramp(&[2, 2]).numbers(), [0.0, 3.0]);
        assert_eq!(case("ij->ji").ramp(&[2, 2]).numbers(), [0.0, 2.0, 1.0, 3.0]);
        let batch = case("...ij,jk->...ik").ramp(&[2, 1, 2]).ramp(&[2, 1]);
        assert_eq!(batch.numbers(), [1.0, 3.0]);
        assert!(two("ij,jk->il").run().is_err());
        assert!(two("ij->ik").run().is_err());
        assert!(two("i?,jk->ik").run().is_err());
        assert!(two("ijl,jk->ik").run().is_err());
        assert!(case("ij,jk->ik").ramp(&[2, 2]).ramp(&[3, 2]).run().is_err());
    }
}
