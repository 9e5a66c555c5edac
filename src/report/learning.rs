//! Loss, accuracy and learning rate.

use super::block::{Block, Section};
use super::overlay::{Overlay, by_run};
use super::run::Run;
use crate::chart::{Line, ScaleKind};
use crate::files::trace::EvaluationRow;

/// Lines over evaluations, in epochs if every run has ended one, else in steps; and the name of the axis.
fn evaluations(runs: &[Run], value: fn(&EvaluationRow) -> f64) -> (Vec<Line>, &'static str) {
    let in_epochs = runs.iter().all(|run| run.steps_per_epoch().is_some());
    let line = |(style, run): (usize, &Run)| {
        let unit = run.steps_per_epoch().filter(|_| in_epochs).unwrap_or(1.0);
        let points = run.evaluations.iter().map(|row| (row.step as f64 / unit, value(row)));
        let finite = points.filter(|point| point.1.is_finite());
        Line { name: run.name.clone(), style, points: finite.collect() }
    };
    let name = if in_epochs { "epoch" } else { "optimiser step" };
    (runs.iter().enumerate().map(line).collect(), name)
}

pub(super) fn section(runs: &[Run]) -> Section {
    let base = Overlay {
        title: "",
        caption: "",
        x_name: "optimiser step",
        y_name: "",
        low: None,
        high: None,
        kind: ScaleKind::Linear,
        steps: false,
        marks: false,
        wide: false,
    };
    let (top1, x_name) = evaluations(runs, |row| 100.0 * row.top1);
    let accuracy = Overlay {
        title: "Test accuracy",
        caption: "Top-1 on the test set.",
        x_name,
        y_name: "top-1, %",
        marks: true,
        ..base
    };
    let (losses, x_name) = evaluations(runs, |row| row.test_loss);
    let test = Overlay {
        title: "Test loss",
        caption: "Mean cross entropy on the test set.",
        x_name,
        y_name: "nats",
        marks: true,
        ..base
    };
    let training = Overlay {
        title: "Training loss",
        caption: "Cross entropy of each traced step's images.",
        y_name: "nats",
        ..base
    };
    let rate = Overlay {
        title: "Learning rate",
        caption: "In force at each traced step.",
        y_name: "learning rate",
        kind: ScaleKind::Logarithmic,
        steps: true,
        ..base
    };
    let figures = [
        accuracy.figure(top1),
        test.figure(losses),
        training.figure(by_run(runs, |run| &run.cross_entropy, 1.0)),
        rate.figure(by_run(runs, |run| &run.learning_rate, 1.0)),
    ];
    let blocks = figures.into_iter().flatten().map(Block::Figure).collect();
    Section { id: "learning", short: "Learning", title: "Loss and accuracy", blocks }
}
