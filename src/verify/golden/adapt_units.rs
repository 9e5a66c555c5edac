//! Checks adapt_units.csv: every building block of AdaPT, `released` and `paper`.

use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use crate::precision::edf::WeightDistribution;
use crate::precision::lookback::{next_lookback, next_resolution};
use crate::precision::push_down::{self, PaperSearch};
use crate::precision::push_up::push_up;
use crate::precision::strategy::StrategyControl;
use crate::precision::window::GradientWindow;
use crate::precision::{Bounds, PushDownRange, Strategy, Variant};
use hwmodel::Format;
use std::path::Path;

/// Recomputes every row of a file in the layout of adapt_units.csv.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_adapt_units(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?)
}

pub(super) fn check(file: &BlockFile) -> Result<Report, GoldenError> {
    let mut checker = Checker::new(file.name());
    for case in file.cases()? {
        checker.case();
        match case.text("kind")? {
            "loss" => losses(&case, &mut checker)?,
            "diversity" => diversity(&case, &mut checker)?,
            "push_up" => each(&case, &mut checker, "push_up", check_push_up)?,
            "lookback" => each(&case, &mut checker, "lookback", check_lookback)?,
            "resolution" => each(&case, &mut checker, "resolution", check_resolution)?,
            "strategy" => strategies(&case, &mut checker)?,
            other => return Err(case.line.error(format!("unknown kind `{other}`"))),
        }
    }
    checker.finish(file, &["loss", "push_down", "push_up", "lookback"])
}

/// Calls `check` for every line, which must all be called `tag`.
fn each(
    case: &Case<'_>,
    checker: &mut Checker,
    tag: &str,
    check: impl Fn(&Line<'_>, &mut Checker) -> Result<(), GoldenError>,
) -> Result<(), GoldenError> {
    for line in &case.lines {
        if line.tag() != tag {
            return Err(unexpected(line));
        }
        checker.row(line);
        check(line, checker)?;
    }
    Ok(())
}

fn unexpected(line: &Line<'_>) -> GoldenError {
    line.error(format!("unexpected line `{}`", line.tag()))
}

fn format(line: &Line<'_>, index: usize) -> Result<Format, GoldenError> {
    let (wl, fl) = (line.value(index, "word length")?, line.value(index + 1, "fraction length")?);
    Format::new(wl, fl).map_err(|error| line.error(error.to_string()))
}

pub(super) fn variant(line: &Line<'_>, index: usize) -> Result<Variant, GoldenError> {
    match line.text(index, "variant")? {
        "released" => Ok(Variant::Released),
        "paper" => Ok(Variant::Paper),
        other => Err(line.error(format!("unknown variant `{other}`"))),
    }
}

fn strategy(line: &Line<'_>, index: usize) -> Result<Strategy, GoldenError> {
    let text = line.text(index, "strategy")?;
    [Strategy::Min, Strategy::Mean, Strategy::Max]
        .into_iter()
        .find(|strategy| strategy.name() == text)
        .ok_or_else(|| line.error(format!("unknown strategy `{text}`")))
}

fn bounds(line: &Line<'_>, index: usize) -> Result<Bounds, GoldenError> {
    let (lower, upper) = (line.value(index, "lower bound")?, line.value(index + 1, "upper bound")?);
    if lower > upper {
        return Err(line.error(format!("lower bound {lower} exceeds upper bound {upper}")));
    }
    Ok(Bounds { lower, upper })
}

fn losses(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let (slices, slice_len): (usize, usize) = (case.value("slices")?, case.value("n")?);
    let mut weights = Vec::new();
    for line in &case.lines {
        if line.tag() == "w" {
            weights = line.rest(1, |line, i| line.float32(i, "weight"))?;
            if Some(weights.len()) != slices.checked_mul(slice_len) || slices == 0 {
                return Err(line.error(format!("{} weights, not slices·n", weights.len())));
            }
            continue;
        }
        if weights.is_empty() {
            return Err(line.error("the case has no weights before this line"));
        }
        checker.row(line);
        match line.tag() {
            "loss" => check_loss(line, checker, &weights, slice_len)?,
            "push_down" => check_push_down(line, checker, &weights, slice_len)?,
            _ => return Err(unexpected(line)),
        }
    }
    Ok(())
}

/// `released` examines the first slice, `paper` the whole tensor (papers/adapt.md section 3).
fn check_loss(
    line: &Line<'_>,
    checker: &mut Checker,
    weights: &[f32],
    slice_len: usize,
) -> Result<(), GoldenError> {
    line.expect_fields(7)?;
    let (format, resolution) = (format(line, 1)?, line.value(3, "resolution")?);
    let loss = |variant, weights: &[f32]| {
        WeightDistribution::new(variant, weights, resolution)
            .map(|distribution| distribution.loss(format))
            .map_err(|error| line.error(error.to_string()))
    };
    let released = loss(Variant::Released, &weights[..slice_len])?;
    let paper = loss(Variant::Paper, weights)?;
    let expected = f64::from(line.float32(4, "loss")?);
    checker.close(line, "released loss", (expected, released), 1e-5, 2e-8);
    let lossy: u8 = line.value(5, "0 or 1")?;
    checker.equal(line, "released is lossy", lossy, u8::from(released > 0.0));
    let expected = line.float64(6, "divergence")?;
    checker.close(line, "paper KL divergence", (expected, paper), 1e-9, 1e-12);
    Ok(())
}

fn check_push_down(
    line: &Line<'_>,
    checker: &mut Checker,
    weights: &[f32],
    slice_len: usize,
) -> Result<(), GoldenError> {
    line.expect_fields(9)?;
    let (current, resolution) = (format(line, 4)?, line.value(6, "resolution")?);
    let range = match line.text(1, "variant")? {
        "released" => None,
        "paper" => Some(PushDownRange::Full),
        "paper_current" => Some(PushDownRange::Current),
        other => return Err(line.error(format!("unknown variant `{other}`"))),
    };
    let pushed = match range {
        None => push_down::released(&weights[..slice_len], current, resolution),
        Some(range) => {
            let (epsilon_kl, buffer_bits) = (line.value(2, "ε_KL")?, line.value(3, "buffer")?);
            let search = PaperSearch { epsilon_kl, buffer_bits, range };
            push_down::paper(weights, current, resolution, search)
        }
    };
    let found = pushed.map_err(|error| line.error(error.to_string()))?.format;
    checker.equal(line, "WL_min", line.value(7, "word length")?, found.wl());
    checker.equal(line, "FL_min", line.value(8, "fraction length")?, found.fl());
    Ok(())
}

fn diversity(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    let (count, elements): (u32, usize) = (case.value("n")?, case.value("dim")?);
    let mut windows: Option<[GradientWindow; 2]> = None;
    for line in &case.lines {
        match line.tag() {
            "g" => {
                let gradient = line.rest(1, |line, i| line.float32(i, "gradient"))?;
                if gradient.len() != elements {
                    return Err(line.error(format!("{} values, not dim", gradient.len())));
                }
                let windows = windows.get_or_insert_with(|| {
                    [Variant::Released, Variant::Paper]
                        .map(|variant| GradientWindow::new(variant, elements))
                });
                for window in windows {
                    window.add(&gradient).map_err(|error| line.error(error.to_string()))?;
                }
            }
            "diversity" => {
                line.expect_fields(3)?;
                let Some([released, paper]) = &windows else {
                    return Err(line.error("no gradients before the diversity"));
                };
                checker.row(line);
                checker.equal(line, "gradients in the window", count, released.count());
                let expected = f64::from(line.float32(1, "diversity")?);
                checker.close(line, "released", (expected, released.diversity()), 1e-6, 0.0);
                let expected = line.float64(2, "diversity")?;
                checker.close(line, "paper", (expected, paper.diversity()), 1e-9, 0.0);
            }
            _ => return Err(unexpected(line)),
        }
    }
    Ok(())
}

/// The diversity of a row: float32 bits in `released`, float64 bits in `paper`.
fn given_diversity(line: &Line<'_>, variant: Variant) -> Result<f64, GoldenError> {
    match variant {
        Variant::Released => line.float32(2, "diversity").map(f64::from),
        Variant::Paper => line.float64(2, "diversity"),
    }
}

fn check_push_up(line: &Line<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    line.expect_fields(9)?;
    let variant = variant(line, 1)?;
    let (diversity, lowest) = (given_diversity(line, variant)?, format(line, 3)?);
    let (strategy, buffer) = (strategy(line, 5)?, line.value(6, "buffer")?);
    let found = push_up(variant, diversity, lowest, strategy, buffer)
        .map_err(|error| line.error(error.to_string()))?;
    checker.equal(line, "WL", line.value(7, "word length")?, found.wl());
    checker.equal(line, "FL", line.value(8, "fraction length")?, found.fl());
    Ok(())
}

fn check_lookback(line: &Line<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    line.expect_fields(8)?;
    let variant = variant(line, 1)?;
    let (diversity, lookback) = (given_diversity(line, variant)?, line.value(3, "lookback")?);
    let (bounds, momentum) = (bounds(line, 4)?, line.value(6, "γ")?);
    let found = next_lookback(variant, diversity, lookback, bounds, momentum);
    checker.equal(line, "lookback", line.value(7, "lookback")?, found);
    Ok(())
}

fn check_resolution(line: &Line<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    line.expect_fields(8)?;
    let (lookback, resolution) = (line.value(1, "lookback")?, line.value(2, "resolution")?);
    let found = next_resolution(lookback, resolution, bounds(line, 3)?, bounds(line, 5)?);
    checker.equal(line, "resolution", line.value(7, "resolution")?, found);
    Ok(())
}

fn strategies(case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
    if case.text("start")? != Strategy::Min.name() {
        return Err(case.line.error("only `start=min` is known"));
    }
    let mut steps = Vec::new();
    for line in &case.lines {
        if line.tag() != "strategy" {
            return Err(unexpected(line));
        }
        line.expect_fields(6)?;
        let loss: f64 = line.value(2, "loss")?;
        let lookbacks: Result<Vec<u32>, _> =
            line.text(5, "lookbacks")?.split('|').map(str::parse).collect();
        let lookbacks = lookbacks.map_err(|_| line.error("a lookback is no number"))?;
        let sum: u64 = lookbacks.iter().map(|&lookback| u64::from(lookback)).sum();
        let mean = u32::try_from(sum / lookbacks.len() as u64)
            .map_err(|_| line.error("a lookback is too long"))?;
        steps.push((line, loss, mean));
    }
    checker.equal(&case.line, "steps", case.value("steps")?, steps.len());
    let longest = steps.iter().map(|step| step.2).max().unwrap_or(1);
    let mut released = StrategyControl::new(Variant::Released, longest);
    let mut paper = StrategyControl::new(Variant::Paper, longest);
    for (line, loss, mean) in steps {
        checker.row(line);
        let found = released.observe(loss, mean);
        checker.equal(line, "released strategy", strategy(line, 3)?, found);
        let found = paper.observe(loss, mean);
        checker.equal(line, "paper strategy", strategy(line, 4)?, found);
    }
    Ok(())
}
