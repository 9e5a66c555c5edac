//! Checks muppet_policy.csv: MuPPET's policy on given gradients.

use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use crate::precision::TensorInfo;
use crate::precision::muppet_policy::{
    EpochReport, MuppetPolicy, MuppetPolicyOptions, MuppetReading, ZeroSum,
};
use hwmodel::cast::nearest_f32;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Recomputes every epoch of a file in the layout of muppet_policy.csv with [`MuppetPolicy`].
///
/// Violations, switches, word lengths, learning rates and the end must be equal, diversities, ratios
/// and thresholds within 1e-5. `code` and `code_alias` keep a tensor whose gradients add up to zero as the released
/// code does, all other modes skip it.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_muppet_policy(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?)
}

pub(super) fn check(file: &BlockFile) -> Result<Report, GoldenError> {
    let mut checker = Checker::new(file.name());
    for case in file.cases()? {
        checker.case();
        let run = Run::read(&case)?;
        for (mode, lines) in &run.expected {
            run.check(&case, mode, lines, &mut checker)?;
        }
    }
    checker.finish(file, &[])
}

/// Compared numbers have 9 digits, of which the released code's float32 leaves fewer.
const TOLERANCE: f64 = 1e-5;

/// Gradients by epoch and tensor.
type Gradients = HashMap<(u32, usize), Vec<f32>>;

/// The inputs of a case, and its expected lines by mode.
struct Run<'c, 'a> {
    epochs: u32,
    infos: Vec<TensorInfo>,
    /// Of the first and of the last minibatch.
    first: Gradients,
    last: Gradients,
    expected: BTreeMap<&'a str, Vec<&'c Line<'a>>>,
}

impl<'c, 'a> Run<'c, 'a> {
    fn read(case: &'c Case<'a>) -> Result<Self, GoldenError> {
        let tensors: usize = case.value("tensors")?;
        let mut run = Self {
            epochs: case.value("epochs")?,
            infos: Vec::new(),
            first: HashMap::new(),
            last: HashMap::new(),
            expected: BTreeMap::new(),
        };
        for line in &case.lines {
            match line.tag() {
                "shape" => run.infos.push(shape(line, run.infos.len())?),
                "first" => run.gradient(line, |run| &mut run.first)?,
                "grad" => run.gradient(line, |run| &mut run.last)?,
                "epoch" => {
                    line.expect_fields(11)?;
                    run.expected.entry(line.text(1, "mode")?).or_default().push(line);
                }
                other => return Err(line.error(format!("unexpected line `{other}`"))),
            }
        }
        if run.infos.len() != tensors {
            let found = run.infos.len();
            return Err(case.line.error(format!("{tensors} tensors announced, {found} found")));
        }
        Ok(run)
    }

    fn gradient(
        &mut self,
        line: &Line<'_>,
        which: impl Fn(&mut Self) -> &mut Gradients,
    ) -> Result<(), GoldenError> {
        let (epoch, tensor): (u32, usize) = (line.value(1, "epoch")?, line.value(2, "tensor")?);
        let Some(info) = self.infos.get(tensor) else {
            return Err(line.error(format!("tensor {tensor} has no shape before this line")));
        };
        let integers = line.list::<i32>(3, info.elements, "integer")?;
        let values = integers.into_iter().map(|n| nearest_f32(f64::from(n) / 1024.0)).collect();
        match which(self).insert((epoch, tensor), values) {
            None => Ok(()),
            Some(_) => Err(line.error(format!("tensor {tensor} has two at epoch {epoch}"))),
        }
    }

    /// The gradients of all tensors at `epoch`.
    fn all<'g>(
        &self,
        case: &Case<'_>,
        gradients: &'g Gradients,
        epoch: u32,
    ) -> Result<Vec<&'g [f32]>, GoldenError> {
        let of = |tensor| {
            let missing = || format!("a gradient of tensor {tensor} at epoch {epoch} is missing");
            let gradient = gradients.get(&(epoch, tensor));
            gradient.map(Vec::as_slice).ok_or_else(|| case.line.error(missing()))
        };
        (0..self.infos.len()).map(of).collect()
    }

    fn check(
        &self,
        case: &Case<'_>,
        mode: &str,
        lines: &[&Line<'_>],
        checker: &mut Checker,
    ) -> Result<(), GoldenError> {
        let (reading, zero_sum) = match mode {
            "code" => (MuppetReading::Code, ZeroSum::Keep),
            "code_alias" => (MuppetReading::CodeAliased, ZeroSum::Keep),
            "code_skip" => (MuppetReading::Code, ZeroSum::Skip),
            "paper" | "paper_skip" => (MuppetReading::Paper, ZeroSum::Skip),
            other => return Err(lines[0].error(format!("unknown mode `{other}`"))),
        };
        let options = MuppetPolicyOptions {
            reading,
            zero_sum,
            resolution: case.value("r")?,
            patience: case.value("gamma")?,
            learning_rate: case.value("lr")?,
            smallest_learning_rate: case.value("min_lr")?,
            ..MuppetPolicyOptions::default()
        };
        let mut policy = MuppetPolicy::new(options, &self.infos)
            .map_err(|error| case.line.error(error.to_string()))?;
        let mut lines = lines.iter();
        let mut epochs = 0;
        for epoch in 0..self.epochs {
            let failed = |error: crate::precision::PrecisionError| {
                case.line.error(format!("epoch {epoch}: {error}"))
            };
            if reading == MuppetReading::CodeAliased {
                let first = self.all(case, &self.first, epoch)?;
                policy.first_minibatch(&first).map_err(failed)?;
            }
            let last = self.all(case, &self.last, epoch)?;
            let report = policy.end_of_epoch(&last).map_err(failed)?;
            epochs += 1;
            if let Some(line) = lines.next() {
                compare(line, mode, &report, checker)?;
            }
            if report.stop {
                break;
            }
        }
        // Lines after the end, or missing ones.
        let given = self.expected[mode].len();
        let what = format!("epoch lines of {mode}");
        checker.equal(&case.line, what, given, epochs);
        Ok(())
    }
}

/// A tensor of sizes joined by `x`.
fn shape(line: &Line<'_>, expected: usize) -> Result<TensorInfo, GoldenError> {
    line.expect_fields(3)?;
    let tensor: usize = line.value(1, "tensor")?;
    if tensor != expected {
        return Err(line.error(format!("tensor {tensor} comes where {expected} does")));
    }
    let text = line.text(2, "shape")?;
    let sizes: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    let sizes =
        sizes.map_err(|_| line.error(format!("shape `{text}` is not sizes joined by x")))?;
    Ok(TensorInfo::from_shape(tensor.to_string(), &sizes))
}

fn compare(
    line: &Line<'_>,
    mode: &str,
    report: &EpochReport,
    checker: &mut Checker,
) -> Result<(), GoldenError> {
    checker.row_of(mode);
    let what = |name: &str| format!("{mode} epoch {}: {name}", report.epoch);
    checker.equal(line, what("epoch"), line.value::<u32>(2, "epoch")?, report.epoch);
    for (index, name, found) in
        [(3, "D", report.diversity), (4, "p", report.ratio), (5, "T", Some(report.threshold))]
    {
        match (line.text(index, name)?, found) {
            ("-", found) => {
                let found = found.map_or("-".to_owned(), |found| found.to_string());
                checker.equal(line, what(name), "-", &found);
            }
            (text, None) => {
                line.value::<f64>(index, name)?;
                checker.equal(line, what(name), text, "-");
            }
            (_, Some(found)) => {
                let expected: f64 = line.value(index, name)?;
                checker.close(line, what(name), (expected, found), TOLERANCE, 0.0);
            }
        }
    }
    let bits = report.word_length.map_or(-1, i64::from);
    for (index, name, found) in [
        (6, "violations", i64::from(report.violations)),
        (7, "switch", i64::from(report.switched)),
        (8, "wl_after", bits),
        (10, "stop", i64::from(report.stop)),
    ] {
        checker.equal(line, what(name), line.value::<i64>(index, name)?, found);
    }
    let rate: f64 = line.value(9, "learning rate")?;
    checker.equal(line, what("lr_after"), rate, report.learning_rate);
    Ok(())
}
