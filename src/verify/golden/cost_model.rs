//! Checks cost_model.csv: the performance model on synthetic traces and word-length schedules.

use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use crate::train::paper_cost::schedule::{Phase, ScheduleCost};
use crate::train::paper_cost::{
    CostAccumulator, CostError, CostOptions, LayerCost, LayerStep, Quantity, SwitchState,
};
use hwmodel::cast::index;
use std::path::Path;

/// Recomputes every result of a file in the layout of cost_model.csv.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_cost_model(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?)
}

pub(super) fn check(file: &BlockFile) -> Result<Report, GoldenError> {
    let mut checker = Checker::new(file.name());
    for case in file.cases()? {
        checker.case();
        let quantities = match case.text("kind")? {
            "trace" => trace(&case)?,
            "schedule" => schedule(&case)?,
            other => return Err(case.line.error(format!("unknown kind `{other}`"))),
        };
        for line in case.lines.iter().filter(|line| line.tag() == "result") {
            line.expect_fields(3)?;
            checker.row(line);
            let name = line.text(1, "quantity")?;
            let Some(found) = quantities.iter().find(|quantity| quantity.name == name) else {
                return Err(line.error(format!("unknown quantity `{name}`")));
            };
            let expected: f64 = line.value(2, "value")?;
            checker.close(line, name, (expected, found.value), 1e-9, 0.0);
        }
    }
    checker.finish(file, &[])
}

fn trace(case: &Case<'_>) -> Result<Vec<Quantity>, GoldenError> {
    let options = CostOptions {
        accumulation: case.value("accs")?,
        batch: case.value("batch")?,
        epochs: case.value("epochs")?,
        interval: case.value("interval")?,
        largest_resolution: case.value("r_upr")?,
        baseline_batch: case.value("baseline_batch")?,
        target_accuracy: case.value("target")?,
    };
    let at = |line: &Line<'_>, error: CostError| line.error(error.to_string());
    let mut layers = Vec::new();
    for (index, line) in tagged(case, "layer").enumerate() {
        line.expect_fields(4)?;
        in_order(line, index)?;
        let (operations, elements) = (line.value(2, "operations")?, line.value(3, "elements")?);
        layers.push(LayerCost { operations, elements });
    }
    announced(case, "layers", layers.len())?;
    let mut run = CostAccumulator::new(options, &layers).map_err(|error| at(&case.line, error))?;
    for (index, line) in tagged(case, "step").enumerate() {
        in_order(line, index)?;
        let step = line.rest(2, layer_step)?;
        run.step(&step).map_err(|error| at(line, error))?;
    }
    announced(case, "steps", index(run.steps()))?;
    for line in tagged(case, "val") {
        for accuracy in line.rest(1, |line, i| line.value::<f64>(i, "accuracy"))? {
            run.validation(accuracy);
        }
    }
    let known = ["layer", "step", "val", "result"];
    if let Some(line) = case.lines.iter().find(|line| !known.contains(&line.tag())) {
        return Err(line.error(format!("unexpected line `{}`", line.tag())));
    }
    Ok(run.summary().map_err(|error| at(&case.line, error))?.quantities())
}

fn tagged<'c, 'a>(case: &'c Case<'a>, tag: &'c str) -> impl Iterator<Item = &'c Line<'a>> {
    case.lines.iter().filter(move |line| line.tag() == tag)
}

fn in_order(line: &Line<'_>, index: usize) -> Result<(), GoldenError> {
    let given: usize = line.value(1, "number")?;
    if given == index {
        Ok(())
    } else {
        Err(line.error(format!("{given} comes where {index} does")))
    }
}

fn announced(case: &Case<'_>, key: &str, found: usize) -> Result<(), GoldenError> {
    let expected: usize = case.value(key)?;
    if expected == found {
        return Ok(());
    }
    Err(case.line.error(format!("{expected} {key} announced, {found} found")))
}

/// wl|nonzero|lb|r
fn layer_step(line: &Line<'_>, index: usize) -> Result<LayerStep, GoldenError> {
    let text = line.text(index, "layer")?;
    let numbers: Result<Vec<u64>, _> = text.split('|').map(str::parse).collect();
    let wrong = || line.error(format!("`{text}` is no wl|nonzero|lb|r"));
    let small = |value: u64| u32::try_from(value).map_err(|_| wrong());
    match numbers.map_err(|_| wrong())?[..] {
        [word_length, nonzero, lookback, resolution] => Ok(LayerStep {
            word_length: small(word_length)?,
            nonzero,
            switch: Some(SwitchState {
                lookback: small(lookback)?,
                resolution: small(resolution)?,
            }),
        }),
        _ => Err(wrong()),
    }
}

fn schedule(case: &Case<'_>) -> Result<Vec<Quantity>, GoldenError> {
    let text = case.text("phases")?;
    let phases: Option<Vec<Phase>> = text
        .split('|')
        .map(|phase| {
            let (word_length, epochs) = phase.split_once(':')?;
            Some(Phase { word_length: word_length.parse().ok()?, epochs: epochs.parse().ok()? })
        })
        .collect();
    let wrong = || case.line.error(format!("`{text}` is no list of bits:epochs"));
    let cost = ScheduleCost::new(&phases.ok_or_else(wrong)?);
    Ok(cost.map_err(|error| case.line.error(error.to_string()))?.quantities())
}
