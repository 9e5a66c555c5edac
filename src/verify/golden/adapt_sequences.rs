//! Checks adapt_sequences.csv: whole runs of the AdaPT controller and optimiser on given tensors.

use super::adapt_units::variant;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use crate::precision::quantise::NearestEven;
use crate::precision::{
    Adapt, AdaptOptions, Bounds, Granularity, PrecisionController, PushDownRange, Step, TensorInfo,
    TensorView, Variant,
};
use crate::train::optimiser::sgd::SgdOptions;
use crate::train::optimiser::{Optimiser, OptimiserOptions, RuleOptions};
use hwmodel::cast::nearest_f32;
use hwmodel::float32::Values;
use hwmodel::{Format, SimdLevel};
use std::collections::HashMap;
use std::path::Path;

/// Recomputes every step of a file in the layout of adapt_sequences.csv.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_adapt_sequences(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?)
}

pub(super) fn check(file: &BlockFile) -> Result<Report, GoldenError> {
    let mut checker = Checker::new(file.name());
    let mut steps_with_switch = 0;
    for case in file.cases()? {
        checker.case();
        let sequence = Sequence::read(&case)?;
        for (name, lines) in &sequence.expected {
            let run = sequence.run(&case, lines)?;
            steps_with_switch += run.steps_with_switch();
            for line in lines {
                checker.row(line);
                run.check(line, &mut checker)?;
            }
            for (tag, expected) in [
                ("step", run.steps.len()),
                ("master", run.master.len()),
                ("quantised", run.quantised.len()),
            ] {
                let checked = lines.iter().filter(|line| line.tag() == tag).count();
                checker.equal(&case.line, format!("{tag} lines of {name}"), expected, checked);
            }
        }
    }
    checker.announced(file, "n_steps_with_switch", steps_with_switch);
    checker.finish(file, &[])
}

/// The inputs of a case, and its expected lines by variant.
struct Sequence<'c, 'a> {
    infos: Vec<TensorInfo>,
    initial: Vec<Vec<f32>>,
    losses: Vec<f64>,
    /// By step, then tensor.
    gradients: Vec<Vec<Vec<f32>>>,
    expected: Vec<(&'a str, Vec<&'c Line<'a>>)>,
}

impl<'c, 'a> Sequence<'c, 'a> {
    fn read(case: &'c Case<'a>) -> Result<Self, GoldenError> {
        let (tensors, steps): (usize, usize) = (case.value("tensors")?, case.value("steps")?);
        let mut initial = HashMap::new();
        let mut losses = HashMap::new();
        let mut gradients = HashMap::new();
        let mut expected: Vec<(&str, Vec<&Line<'_>>)> = Vec::new();
        for line in &case.lines {
            match line.tag() {
                "init" => {
                    initial.insert(line.value::<usize>(1, "tensor")?, tensor(line)?);
                }
                "loss" => {
                    line.expect_fields(3)?;
                    losses.insert(line.value::<usize>(1, "step")?, line.value(2, "loss")?);
                }
                "grad" => {
                    let place = (line.value::<usize>(1, "step")?, line.value(2, "tensor")?);
                    let values = line.rest(3, |line, i| {
                        line.value::<i32>(i, "integer").map(|n| nearest_f32(f64::from(n) / 1024.0))
                    })?;
                    gradients.insert(place, values);
                }
                "step" | "div" | "master" | "quantised" => {
                    let name = line.text(1, "variant")?;
                    match expected.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, lines)) => lines.push(line),
                        None => expected.push((name, vec![line])),
                    }
                }
                other => return Err(line.error(format!("unexpected line `{other}`"))),
            }
        }
        let missing = |what: &str| case.line.error(format!("{what} is missing"));
        let mut sequence = Self {
            infos: Vec::new(),
            initial: Vec::new(),
            losses: Vec::new(),
            gradients: Vec::new(),
            expected,
        };
        for i in 0..tensors {
            let tensor = initial.remove(&i);
            let (info, values) = tensor.ok_or_else(|| missing(&format!("init of tensor {i}")))?;
            sequence.infos.push(info);
            sequence.initial.push(values);
        }
        for t in 0..steps {
            let loss = losses.remove(&t).ok_or_else(|| missing(&format!("loss of step {t}")))?;
            sequence.losses.push(loss);
            let row: Result<Vec<_>, _> = (0..tensors)
                .map(|i| {
                    let gradient = gradients.remove(&(t, i));
                    gradient.ok_or_else(|| missing(&format!("gradient of step {t}, tensor {i}")))
                })
                .collect();
            sequence.gradients.push(row?);
        }
        Ok(sequence)
    }

    /// Trains with the variant that the expected `lines` name.
    fn run(&self, case: &Case<'_>, lines: &[&Line<'_>]) -> Result<Run, GoldenError> {
        let Some(first) = lines.first() else { return Err(case.line.error("no expected lines")) };
        let options = options(case, first)?;
        let asgd = OptimiserOptions {
            rule: RuleOptions::Sgd(SgdOptions { momentum: case.value("momentum")? }),
            weight_decay: case.value("wd")?,
            ..OptimiserOptions::default()
        };
        let learning_rate: f32 = case.value("lr")?;
        let variant = options.variant;
        let mut training =
            Training::new(options, asgd, self).map_err(|reason| case.line.error(reason))?;
        let mut steps = Vec::new();
        for (t, (loss, gradients)) in self.losses.iter().zip(&self.gradients).enumerate() {
            let step = training.step(*loss, gradients, learning_rate);
            steps.push(step.map_err(|reason| case.line.error(format!("step {t}: {reason}")))?);
        }
        Ok(Run { variant, steps, master: training.master, quantised: training.quantised })
    }
}

/// init,tensor,shape,float32 bits
fn tensor(line: &Line<'_>) -> Result<(TensorInfo, Vec<f32>), GoldenError> {
    let text = line.text(2, "shape")?;
    let shape: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    let shape = shape.map_err(|_| line.error(format!("`{text}` is no shape")))?;
    let info = TensorInfo::from_shape(line.text(1, "tensor")?, &shape);
    let values = line.rest(3, |line, i| line.float32(i, "weight"))?;
    if values.len() == info.elements {
        return Ok((info, values));
    }
    Err(line.error(format!("{} weights, the shape has {}", values.len(), info.elements)))
}

fn options(case: &Case<'_>, first: &Line<'_>) -> Result<AdaptOptions, GoldenError> {
    let current = first.text(1, "variant")? == "paper_current";
    let start = Format::new(case.value("wl")?, case.value("fl")?);
    Ok(AdaptOptions {
        variant: if current { Variant::Paper } else { variant(first, 1)? },
        granularity: Granularity::Batch,
        start: start.map_err(|error| case.line.error(error.to_string()))?,
        epsilon_kl: case.value("eps")?,
        push_down_range: if current { PushDownRange::Current } else { PushDownRange::Full },
        buffer_bits: case.value("buff")?,
        resolution: Bounds::new(case.value("r_lwr")?, case.value("r_upr")?),
        lookback: Bounds::new(case.value("lb_lwr")?, case.value("lb_upr")?),
        lookback_momentum: case.value("gamma")?,
    })
}

/// Controller and optimisers in the middle of a run.
struct Training {
    controller: Adapt,
    optimisers: Vec<Optimiser>,
    infos: Vec<TensorInfo>,
    master: Vec<Vec<f32>>,
    quantised: Vec<Vec<f32>>,
}

impl Training {
    fn new(options: AdaptOptions, asgd: OptimiserOptions, of: &Sequence) -> Result<Self, String> {
        let controller = Adapt::new(options, &of.infos).map_err(|error| error.to_string())?;
        let optimisers = of.infos.iter().map(|info| Optimiser::new(asgd, info.elements));
        Ok(Self {
            controller,
            optimisers: optimisers.collect::<Result<_, _>>().map_err(|error| error.to_string())?,
            infos: of.infos.clone(),
            master: of.initial.clone(),
            quantised: of.initial.clone(),
        })
    }

    /// One training step as papers/adapt.md section 6 orders it.
    fn step(
        &mut self,
        loss: f64,
        gradients: &[Vec<f32>],
        learning_rate: f32,
    ) -> Result<StepRecord, String> {
        for (i, optimiser) in self.optimisers.iter_mut().enumerate() {
            let quantiser = NearestEven::new(format_of(&self.controller, i)?);
            optimiser.accumulate(&gradients[i]).map_err(|error| error.to_string())?;
            let quantise = |gradient: &mut [f32]| {
                quantiser.apply(gradient);
                Ok(())
            };
            optimiser
                .prepare(SimdLevel::best(), Values::Float(&self.quantised[i]), quantise)
                .map_err(|error| error.to_string())?;
        }
        let pairs = self.master.iter().zip(&self.optimisers);
        let views: Vec<TensorView<'_>> =
            pairs.map(|(master, o)| TensorView { master, gradient: o.gradient() }).collect();
        self.controller
            .update(&Step { loss, tensors: &views })
            .map_err(|error| error.to_string())?;
        let mut record = StepRecord {
            strategy: self.controller.strategy().name(),
            tensors: Vec::new(),
            diversities: Vec::new(),
        };
        for (i, optimiser) in self.optimisers.iter_mut().enumerate() {
            let format = format_of(&self.controller, i)?;
            let master = &mut self.master[i];
            optimiser.update(master, learning_rate).map_err(|error| error.to_string())?;
            self.quantised[i].copy_from_slice(master);
            NearestEven::new(format).apply(&mut self.quantised[i]);
            let report = self.controller.report(i);
            let nonzero = self.quantised[i].iter().filter(|w| **w != 0.0).count();
            record.tensors.push([
                i64::from(format.wl()),
                i64::from(format.fl()),
                i64::from(report.lookback.unwrap_or(0)),
                i64::from(report.resolution.unwrap_or(0)),
                nonzero as i64,
            ]);
            if !self.infos[i].is_bias {
                record.diversities.push(report.diversity.unwrap_or(f64::NAN));
            }
        }
        Ok(record)
    }
}

fn format_of(controller: &Adapt, tensor: usize) -> Result<Format, String> {
    controller.format(tensor).ok_or_else(|| format!("tensor {tensor} has no format"))
}

/// What the file records after a step.
struct StepRecord {
    strategy: &'static str,
    /// WL, FL, lookback, resolution, non-zero elements.
    tensors: Vec<[i64; 5]>,
    diversities: Vec<f64>,
}

/// A finished run.
struct Run {
    variant: Variant,
    steps: Vec<StepRecord>,
    master: Vec<Vec<f32>>,
    quantised: Vec<Vec<f32>>,
}

impl Run {
    fn steps_with_switch(&self) -> u64 {
        let formats = |step: &StepRecord| -> Vec<(i64, i64)> {
            step.tensors.iter().map(|[wl, fl, ..]| (*wl, *fl)).collect()
        };
        let changed = |pair: &&[StepRecord]| formats(&pair[0]) != formats(&pair[1]);
        self.steps.windows(2).filter(changed).count() as u64
    }

    fn check(&self, line: &Line<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
        match line.tag() {
            "step" => self.check_step(line, checker),
            "div" => {
                let t: usize = line.value(2, "step")?;
                let found = &self.step(line, t)?.diversities;
                let expected = line.rest(3, |line, i| line.value::<f64>(i, "diversity"))?;
                // Printed with 7 digits.
                compare(line, checker, "diversity", &expected, found, 1e-5, 0.0)
            }
            tag => {
                let (tensors, tolerance) = match tag {
                    "master" => (&self.master, 2e-6),
                    _ => (&self.quantised, 4e-6),
                };
                let i: usize = line.value(2, "tensor")?;
                let Some(tensor) = tensors.get(i) else {
                    return Err(line.error(format!("there is no tensor {i}")));
                };
                let found: Vec<f64> = tensor.iter().copied().map(f64::from).collect();
                let read = |line: &Line<'_>, i| line.float32(i, "weight").map(f64::from);
                compare(line, checker, tag, &line.rest(3, read)?, &found, 0.0, tolerance)
            }
        }
    }

    fn check_step(&self, line: &Line<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
        let t: usize = line.value(2, "step")?;
        let step = self.step(line, t)?;
        let name = self.variant.name();
        let strategy = line.text(3, "strategy")?;
        checker.equal(line, format!("{name} step {t}: strategy"), strategy, step.strategy);
        let expected = line.rest(4, |line, i| line.value::<i64>(i, "integer"))?;
        let (groups, rest) = expected.as_chunks::<5>();
        if groups.len() != step.tensors.len() || !rest.is_empty() {
            return Err(line.error("not five numbers for each tensor"));
        }
        const WHAT: [&str; 5] = ["wl", "fl", "lb", "r", "nonzero"];
        for (i, (expected, found)) in groups.iter().zip(&step.tensors).enumerate() {
            for ((what, expected), found) in WHAT.iter().zip(expected).zip(found) {
                let what = format!("{name} step {t}, tensor {i}: {what}");
                checker.equal(line, what, *expected, *found);
            }
        }
        Ok(())
    }

    fn step(&self, line: &Line<'_>, t: usize) -> Result<&StepRecord, GoldenError> {
        self.steps.get(t).ok_or_else(|| line.error(format!("there is no step {t}")))
    }
}

fn compare(
    line: &Line<'_>,
    checker: &mut Checker,
    what: &str,
    expected: &[f64],
    found: &[f64],
    relative: f64,
    absolute: f64,
) -> Result<(), GoldenError> {
    if expected.len() != found.len() {
        let (given, wanted) = (expected.len(), found.len());
        return Err(line.error(format!("{given} values, expected {wanted}")));
    }
    for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
        checker.close(line, format!("{what} {i}"), (*expected, *found), relative, absolute);
    }
    Ok(())
}
