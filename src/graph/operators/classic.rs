//! Operators of ai.onnx.ml on rows of features: Binarizer, LinearClassifier, LinearRegressor, Normalizer, Scaler.

use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Integers, Operator, Reals, Value};
use crate::onnx::model::ElementType;

#[derive(Clone, Copy)]
enum Norm {
    Maximum,
    L1,
    L2,
}

/// What becomes of scores.
#[derive(Clone, Copy)]
enum After {
    None,
    Softmax,
    Logistic,
    /// Softmax that leaves zeros.
    SoftmaxZero,
}

enum Rule {
    /// (x - offset) · scale, one for all or one for each feature.
    Scaler {
        offset: Vec<f64>,
        scale: Vec<f64>,
    },
    Normalizer(Norm),
    Binarizer(f64),
    Linear {
        coefficients: Vec<f64>,
        intercepts: Vec<f64>,
        after: After,
        labels: Option<Vec<i64>>,
    },
}

struct Rows(Rule);

/// The operators of this file.
pub(super) const NAMES: &[&str] =
    &["Binarizer", "LinearClassifier", "LinearRegressor", "Normalizer", "Scaler"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    let list = |name| -> Result<Vec<f64>, Problem> {
        let values = definition.reals(name)?.unwrap_or(&[]);
        Ok(values.iter().map(|&value| value.into()).collect())
    };
    let name = definition.node.operator.as_str();
    Ok(Box::new(Rows(match name {
        "Scaler" => Rule::Scaler { offset: list("offset")?, scale: list("scale")? },
        "Normalizer" => {
            let norms = [("MAX", Norm::Maximum), ("L1", Norm::L1), ("L2", Norm::L2)];
            Rule::Normalizer(definition.choice("norm", &norms, "MAX, L1 or L2")?)
        }
        "Binarizer" => Rule::Binarizer(definition.real("threshold", 0.0)?.into()),
        _ => {
            let after = [
                ("NONE", After::None),
                ("SOFTMAX", After::Softmax),
                ("LOGISTIC", After::Logistic),
                ("SOFTMAX_ZERO", After::SoftmaxZero),
            ];
            let allowed = "NONE, SOFTMAX, LOGISTIC or SOFTMAX_ZERO";
            let after = definition.choice("post_transform", &after, allowed)?;
            let coefficients = list("coefficients")?;
            let mut intercepts = list("intercepts")?;
            let mut labels = None;
            if name == "LinearClassifier" {
                let classes = definition.integers("classlabels_ints")?.unwrap_or(&[]).to_vec();
                if classes.is_empty() {
                    return Err(Problem::Unsupported(
                        "its labels are texts: export the classifier with integer labels"
                            .to_owned(),
                    ));
                }
                if intercepts.is_empty() {
                    intercepts = vec![0.0; classes.len()];
                }
                if intercepts.len() != classes.len() {
                    let value = format!("{} numbers", intercepts.len());
                    let allowed = "one for each class is needed";
                    return Err(Problem::Attribute { name: "intercepts", value, allowed });
                }
                labels = Some(classes);
            } else {
                let targets = definition.integer("targets", 1)?;
                let count = usize::try_from(targets).ok().filter(|&count| count > 0);
                let count = count.filter(|&count| count <= coefficients.len().max(1));
                let count = count.ok_or_else(|| Problem::Attribute {
                    name: "targets",
                    value: targets.to_string(),
                    allowed: "a number above 0 and not above that of the coefficients is needed",
                })?;
                intercepts.resize(count, 0.0);
            }
            Rule::Linear { coefficients, intercepts, after, labels }
        }
    })))
}

fn transformed(after: After, scores: &mut [f64]) {
    let logistic = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    match after {
        After::None => {}
        After::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
        After::Softmax | After::SoftmaxZero => {
            let keep = |score: f64| matches!(after, After::SoftmaxZero) && score == 0.0;
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers =
                scores.iter().map(|&score| if keep(score) { 0.0 } else { libm::exp(score - top) });
            let powers: Vec<f64> = powers.collect();
            let sum: f64 = powers.iter().sum();
            scores.iter_mut().zip(powers).for_each(|(score, power)| *score = power / sum);
        }
    }
}

impl Operator for Rows {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let features = shape.last().copied().unwrap_or(1).max(1);
        let mut values = x.wide().into_owned();
        let count = |what: &str, given: usize| {
            Problem::Shape(format!("{given} {what} for an input of shape {shape:?}"))
        };
        match &self.0 {
            Rule::Scaler { offset, scale } => {
                for list in [offset, scale] {
                    if ![0, 1, features].contains(&list.len()) {
                        return Err(count("offsets or scales", list.len()));
                    }
                }
                let of = |list: &[f64], place: usize, other: f64| match list.len() {
                    0 => other,
                    1 => list[0],
                    _ => list[place % features],
                };
                for (place, value) in values.iter_mut().enumerate() {
                    *value = (*value - of(offset, place, 0.0)) * of(scale, place, 1.0);
                }
            }
            Rule::Binarizer(threshold) => {
                values.iter_mut().for_each(|x| *x = f64::from(*x > *threshold));
            }
            Rule::Normalizer(norm) => {
                for row in values.chunks_mut(features) {
                    let norm = match norm {
                        Norm::Maximum => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                        Norm::L1 => row.iter().map(|x| x.abs()).sum(),
                        Norm::L2 => row.iter().map(|x| x * x).sum::<f64>().sqrt(),
                    };
                    if norm != 0.0 {
                        row.iter_mut().for_each(|x| *x /= norm);
                    }
                }
            }
            Rule::Linear { coefficients, intercepts, after, labels } => {
                let outputs = intercepts.len();
                if coefficients.len() != outputs * features {
                    return Err(count("coefficients", coefficients.len()));
                }
                let mut scores = Vec::new();
                for row in values.chunks(features) {
                    let weights = coefficients.chunks(features).zip(intercepts);
                    let sum = |(weights, first): (&[f64], &f64)| {
                        first + row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>()
                    };
                    let mut line: Vec<f64> = weights.map(sum).collect();
                    transformed(*after, &mut line);
                    scores.extend(line);
                }
                let rows = scores.len() / outputs;
                let result = Value::Real(Reals::new(
                    call.arithmetic,
                    vec![rows, outputs],
                    ElementType::Float32,
                    scores.clone(),
                ));
                call.place = crate::graph::Place::Float;
                let Some(labels) = labels else { return Ok(vec![result]) };
                let best = scores.chunks(outputs).map(|line| {
                    let better =
                        |best: usize, at: usize| if line[at] > line[best] { at } else { best };
                    labels[(0..outputs).fold(0, better)]
                });
                let best = Integers::new(vec![rows], ElementType::Int64, best.collect());
                return Ok(vec![Value::Integer(best), result]);
            }
        }
        Ok(vec![call.reals(0, shape, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::Attribute;

    fn case(operator: &str) -> Case {
        Case::new(operator).domain("ai.onnx.ml", 1)
    }

    #[test]
    fn features_are_scaled_and_normalised() {
        let list = |values: &[f32]| Attribute::Reals(values.to_vec());
        let y = case("Scaler").with("offset", list(&[1.0, 2.0])).with("scale", list(&[2.0]));
        assert_eq!(y.reals(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).numbers(), [0.0, 0.0, 4.0, 4.0]);
        let wrong = case("Scaler").with("scale", list(&[1.0; 3])).reals(&[1, 2], &[0.0; 2]);
        assert!(wrong.run().is_err());
        let y = case("Normalizer").text("norm", "L1").reals(&[2, 2], &[1.0, -3.0, 0.0, 0.0]);
        assert_eq!(y.numbers(), [0.25, -0.75, 0.0, 0.0]);
        let y = case("Binarizer").float("threshold", 1.0).reals(&[2], &[1.0, 1.5]);
        assert_eq!(y.numbers(), [0.0, 1.0]);
    }

    #[test]
    fn linear_models() {
        let list = |values: &[f32]| Attribute::Reals(values.to_vec());
        let y = case("LinearRegressor").with("coefficients", list(&[1.0, 2.0]));
        let y = y.with("intercepts", list(&[0.5])).reals(&[2, 2], &[1.0, 1.0, 0.0, 1.0]);
        assert_eq!(y.numbers(), [3.5, 2.5]);
        let y = case("LinearClassifier").with("coefficients", list(&[1.0, -1.0]));
        let y = y.ints("classlabels_ints", &[7, 9]).outputs(2).reals(&[2, 1], &[1.0, -1.0]);
        let y = y.run().unwrap();
        assert_eq!(y[0].wide().to_vec(), [7.0, 9.0]);
        assert_eq!(y[1].wide().to_vec(), [1.0, -1.0, -1.0, 1.0]);
        assert!(case("LinearClassifier").reals(&[1, 1], &[1.0]).run().is_err());
    }
}
