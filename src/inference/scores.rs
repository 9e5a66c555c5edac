//! How good outputs are.
#![expect(clippy::float_cmp, reason = "labels are 0 and 1 exactly, and equal scores are ties")]

use super::error::InferenceError;
use crate::tensor::{Elements, Tensor};
use hwmodel::cast::{exact, index};
use serde::Serialize;

/// From so many classes on, top-5 says something.
const CLASSES_OF_TOP5: usize = 6;

/// What a network is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One class of each input, or of each place of a sequence.
    Classes,
    /// Any number of labels of each input.
    Labels,
    /// Real numbers.
    Regression,
}

/// The comparison of outputs with what is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// What was compared.
    pub task: Task,
    /// The output that was compared.
    pub output: String,
    /// Compared rows: inputs, or places of sequences.
    pub rows: usize,
    /// Share of rows whose class is right; of labels the share of rows in which all are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top1: Option<f64>,
    /// Share of rows whose class is among the five most likely ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// Share of single labels that are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels_right: Option<f64>,
    /// Mean square error of an element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_square_error: Option<f64>,
    /// Share of the rows of each class that are right; `None` for classes without rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Option<f64>>,
    /// Rows by true class (first) and by the class that the network gives.
    #[serde(skip)]
    pub confusion: Vec<Vec<u64>>,
    /// The class of each row: what is right, and what the network gives.
    #[serde(skip)]
    pub predictions: Vec<(usize, usize)>,
}

/// Scores of classes, row by row.
struct Rows<'a> {
    /// Scores of the classes of row `i`, one after another `stride` apart.
    values: &'a [f64],
    classes: usize,
    /// Places behind the axis of classes; 1 if that is the last.
    inner: usize,
}

impl Rows<'_> {
    fn score(&self, row: usize, class: usize) -> f64 {
        let (outer, place) = (row / self.inner, row % self.inner);
        self.values[(outer * self.classes + class) * self.inner + place]
    }
}

impl Scores {
    /// Compares one of `outputs` with `labels`: the first whose shape fits them. Without `task` what is asked follows from the
    /// labels: integers of fewer axes, or one-hot rows, are classes; zeros and ones in the shape of an output are labels;
    /// other numbers in that shape are a regression.
    ///
    /// # Errors
    /// If the labels fit no output, or a class is outside the network's.
    pub fn new(
        outputs: &[(String, Tensor)],
        labels: &Tensor,
        task: Option<Task>,
    ) -> Result<Self, InferenceError> {
        let mut order: Vec<_> = outputs.iter().collect();
        // Scores say more than a class that the network itself has chosen.
        order.sort_by_key(|(_, tensor)| !tensor.element().is_real());
        for (name, output) in order {
            if let Some(scores) = compare(name, output, labels, task)? {
                return Ok(scores);
            }
        }
        let shapes: Vec<String> = outputs
            .iter()
            .map(|(name, tensor)| format!("`{name}` of shape {:?}", tensor.shape()))
            .collect();
        let as_what = match task {
            None => "",
            Some(Task::Classes) => " as classes",
            Some(Task::Labels) => " as labels, which are 0 or 1,",
            Some(Task::Regression) => " as numbers",
        };
        Err(InferenceError::Labels(format!(
            "labels of type {} and shape {:?}{as_what} fit no output: the network gives {}. Classes are one integer for each input, or one-hot \
             rows; other targets have the shape of an output",
            labels.element(),
            labels.shape(),
            shapes.join(", ")
        )))
    }
}

fn compare(
    name: &str,
    output: &Tensor,
    labels: &Tensor,
    task: Option<Task>,
) -> Result<Option<Scores>, InferenceError> {
    let (shape, given) = (output.shape(), labels.shape());
    let wide = labels.wide();
    let truth = wide.iter().all(|&value| value == 0.0 || value == 1.0);
    let whole = wide.iter().all(|value| value.fract() == 0.0 && (0.0..1e9).contains(value));
    let squeezed = |shape: &[usize]| -> Vec<usize> {
        let kept = shape.iter().enumerate().filter(|&(axis, &size)| axis == 0 || size != 1);
        kept.map(|(_, &size)| size).collect()
    };
    let same = squeezed(shape) == squeezed(given);
    let asked = |one: Task| task.is_none_or(|task| task == one);
    if same {
        let classes = given.last().copied().unwrap_or(1);
        let one_hot = classes > 1
            && truth
            && !wide.is_empty()
            && wide.chunks(classes).all(|row| row.iter().sum::<f64>() == 1.0);
        let integers = matches!(output.elements(), Elements::Integers(_));
        if integers && whole && squeezed(shape).len() == 1 && asked(Task::Classes) {
            // The network chooses the class itself.
            let given = output.wide();
            let pairs = wide.iter().zip(given.iter());
            let class = |&value: &f64| index(exact::<u64>(value.max(0.0)));
            let predictions = pairs.map(|(right, found)| (class(right), class(found))).collect();
            return Ok(Some(of_classes(name, predictions, None)));
        }
        if one_hot && asked(Task::Classes) {
            let class = |row: &[f64]| row.iter().position(|&value| value == 1.0).unwrap_or(0);
            let right: Vec<usize> = wide.chunks(classes).map(class).collect();
            let values = output.wide();
            let rows = Rows { values: &values, classes, inner: 1 };
            return of_scores(name, &rows, &right).map(Some);
        }
        if truth && asked(Task::Labels) && (task.is_some() || labels_are_integers(labels)) {
            return Ok(Some(of_labels(name, output, &wide)));
        }
        if asked(Task::Regression) {
            return Ok(Some(of_numbers(name, output, &wide)));
        }
        return Ok(None);
    }
    if !whole || !asked(Task::Classes) {
        return Ok(None);
    }
    // One axis more than the labels: that of the classes, last or second.
    let lone: Vec<usize> = match given {
        [rows, 1] => vec![*rows],
        other => other.to_vec(),
    };
    let flat = squeezed(shape);
    let inner = if flat.len() == lone.len() + 1 && flat[..lone.len()] == lone {
        1
    } else if flat.len() == lone.len() + 1
        && lone.len() > 1
        && flat[0] == lone[0]
        && flat[2..] == lone[1..]
    {
        lone[1..].iter().product()
    } else {
        return Ok(None);
    };
    let classes = if inner == 1 { flat[lone.len()] } else { flat[1] };
    let right: Vec<usize> = wide.iter().map(|&value| index(exact::<u64>(value))).collect();
    let values = output.wide();
    of_scores(name, &Rows { values: &values, classes, inner }, &right).map(Some)
}

fn labels_are_integers(labels: &Tensor) -> bool {
    matches!(labels.elements(), Elements::Integers(_))
}

fn empty(name: &str, task: Task, rows: usize) -> Scores {
    Scores {
        task,
        output: name.to_owned(),
        rows,
        top1: None,
        top5: None,
        labels_right: None,
        mean_square_error: None,
        classes: Vec::new(),
        confusion: Vec::new(),
        predictions: Vec::new(),
    }
}

fn share(right: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { right as f64 / of as f64 }
}

fn of_scores(name: &str, rows: &Rows<'_>, right: &[usize]) -> Result<Scores, InferenceError> {
    let classes = rows.classes;
    if let Some(label) = right.iter().find(|&&label| label >= classes) {
        return Err(InferenceError::Labels(format!(
            "a label is {label}, but output `{name}` has {classes} classes, 0 to {}",
            classes.saturating_sub(1)
        )));
    }
    let mut predictions = Vec::with_capacity(right.len());
    let mut among_five = 0;
    for (row, &label) in right.iter().enumerate() {
        let score = |class| rows.score(row, class);
        // The first of equal scores is the prediction, as for saved models. NaN is never one.
        let better = |best: usize, class: usize| {
            if score(class) > score(best) || (score(best).is_nan() && !score(class).is_nan()) {
                class
            } else {
                best
            }
        };
        predictions.push((label, (1..classes).fold(0, better)));
        let own = score(label);
        let before = (0..classes)
            .filter(|&class| score(class) > own || (score(class) == own && class < label))
            .count();
        among_five += usize::from(before < 5 && !own.is_nan());
    }
    let top5 = (classes >= CLASSES_OF_TOP5).then(|| share(among_five, right.len()));
    Ok(Scores { top5, ..of_classes(name, predictions, Some(classes)) })
}

/// The most classes of a table of confusions.
const MOST_CLASSES: usize = 4096;

fn of_classes(name: &str, predictions: Vec<(usize, usize)>, classes: Option<usize>) -> Scores {
    let most = predictions.iter().map(|&(right, found)| right.max(found) + 1).max().unwrap_or(0);
    let classes = classes.unwrap_or(most);
    let right = predictions.iter().filter(|(right, found)| right == found).count();
    let mut scores = empty(name, Task::Classes, predictions.len());
    scores.top1 = Some(share(right, predictions.len()));
    if classes <= MOST_CLASSES {
        let mut confusion = vec![vec![0; classes]; classes];
        for &(right, found) in &predictions {
            confusion[right][found] += 1;
        }
        let of_class = |(class, row): (usize, &Vec<u64>)| {
            let all: u64 = row.iter().sum();
            (all > 0).then(|| row[class] as f64 / all as f64)
        };
        scores.classes = confusion.iter().enumerate().map(of_class).collect();
        scores.confusion = confusion;
    }
    scores.predictions = predictions;
    scores
}

/// A label is given where the output is above ½ if all outputs are from 0 to 1, otherwise (logits) above 0.
fn of_labels(name: &str, output: &Tensor, labels: &[f64]) -> Scores {
    let values = output.wide();
    let shares = values.iter().all(|value| (0.0..=1.0).contains(value));
    let limit = if shares { 0.5 } else { 0.0 };
    let each = (values.len() / output.rows().unwrap_or(1).max(1)).max(1);
    let (mut rows, mut single) = (0, 0);
    for (found, right) in values.chunks(each).zip(labels.chunks(each)) {
        let hits =
            found.iter().zip(right).filter(|(found, right)| (**found > limit) == (**right == 1.0));
        let hits = hits.count();
        single += hits;
        rows += usize::from(hits == each);
    }
    let mut scores = empty(name, Task::Labels, values.len() / each);
    scores.top1 = Some(share(rows, values.len() / each));
    scores.labels_right = Some(share(single, values.len()));
    scores
}

fn of_numbers(name: &str, output: &Tensor, targets: &[f64]) -> Scores {
    let values = output.wide();
    let squares: f64 = values.iter().zip(targets).map(|(a, b)| (a - b) * (a - b)).sum();
    let mut scores = empty(name, Task::Regression, output.rows().unwrap_or(1));
    scores.mean_square_error = Some(squares / (values.len().max(1)) as f64);
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType;

    fn reals(shape: &[usize], values: &[f32]) -> Tensor {
        let values = Elements::Float32(values.to_vec().into());
        Tensor::new(shape.to_vec(), ElementType::Float32, values).unwrap()
    }

    fn integers(shape: &[usize], values: &[i64]) -> Tensor {
        let values = Elements::Integers(values.to_vec().into());
        Tensor::new(shape.to_vec(), ElementType::Int64, values).unwrap()
    }

    fn scores(output: Tensor, labels: Tensor) -> Scores {
        Scores::new(&[("y".to_owned(), output)], &labels, None).unwrap()
    }

    #[test]
    fn classes_as_numbers_columns_and_one_hot_rows() {
        let output = || reals(&[3, 2], &[0.1, 0.9, 0.8, 0.2, 0.5, 0.5]);
        for labels in [
            integers(&[3], &[1, 1, 0]),
            integers(&[3, 1], &[1, 1, 0]),
            reals(&[3], &[1.0, 1.0, 0.0]),
            integers(&[3, 2], &[0, 1, 0, 1, 1, 0]),
        ] {
            let found = scores(output(), labels);
            assert_eq!((found.task, found.rows), (Task::Classes, 3));
            assert_eq!(found.top1, Some(2.0 / 3.0));
            assert_eq!(found.top5, None, "two classes");
            assert_eq!(found.confusion, [[1, 0], [1, 1]]);
            assert_eq!(found.classes, [Some(1.0), Some(0.5)]);
        }
        // The network chooses.
        let chosen = scores(integers(&[3, 1], &[1, 0, 0]), integers(&[3], &[1, 1, 0]));
        assert_eq!(chosen.top1, Some(2.0 / 3.0));
    }

    #[test]
    fn top5_counts_the_five_largest() {
        let row = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        let output = reals(&[2, 6], &[row, row].concat());
        let found = scores(output, integers(&[2], &[4, 5]));
        assert_eq!((found.top1, found.top5), (Some(0.0), Some(0.5)));
    }

    #[test]
    fn classes_of_places_stand_last_or_second() {
        // [n, places, classes] and [n, classes, places].
        let last = reals(&[1, 3, 2], &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(scores(last, integers(&[1, 3], &[1, 0, 0])).top1, Some(2.0 / 3.0));
        let second = reals(&[1, 2, 3], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(scores(second, integers(&[1, 3], &[1, 0, 0])).top1, Some(2.0 / 3.0));
    }

    #[test]
    fn labels_and_numbers() {
        let found =
            scores(reals(&[2, 2], &[3.0, -1.0, 2.0, 1.0]), integers(&[2, 2], &[1, 0, 0, 0]));
        assert_eq!(
            (found.task, found.labels_right, found.top1),
            (Task::Labels, Some(0.5), Some(0.5))
        );
        let found = scores(reals(&[2, 1], &[1.0, 2.0]), reals(&[2], &[1.5, 2.5]));
        assert_eq!((found.task, found.mean_square_error), (Task::Regression, Some(0.25)));
    }

    #[test]
    fn labels_that_fit_nothing_are_explained() {
        let outputs = [("y".to_owned(), reals(&[2, 3], &[0.0; 6]))];
        let explain =
            |labels: Tensor| Scores::new(&outputs, &labels, None).unwrap_err().to_string();
        insta::assert_snapshot!(explain(integers(&[2], &[0, 3])), @"a label is 3, but output `y` has 3 classes, 0 to 2");
        insta::assert_snapshot!(explain(integers(&[3], &[0, 1, 2])), @"labels of type int64 and shape [3] fit no output: the network gives `y` of shape [2, 3]. Classes are one integer for each input, or one-hot rows; other targets have the shape of an output");
    }
}
