//! Checks quant_block.csv: float32 to block floating point.

use super::bits::{Bits, multiple};
use super::layout::elements;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::number::block_float::{BlockAxis, BlockFloatTensor, quantise_with};
use hwmodel::number::qpytorch::{Draws, block_quantize};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Rounding, SimdLevel};
use std::path::Path;

/// Recomputes every result of a file in the layout of quant_block.csv.
///
/// `y` is compared in every bit with [`block_quantize`], `k` with y in units of the step, and
/// `k_exact` with the scalar definition [`quantise_with`] (nearest, ties toward +∞, or stochastic with the r
/// of the file), nearest cases also with [`BlockFloatTensor::quantise`] at every SIMD level of this CPU.
/// `-` stands where the block's largest magnitude is 0, subnormal or 2^125 or more.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_quant_block(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    for case in file.cases()? {
        checker.case();
        let tensor = Tensor::read(&case)?;
        tensor.check_library(&case, &mut checker)?;
        tensor.check_exact(&case, &mut checker)?;
    }
    checker.finish(file, &[])
}

const LINES: [&str; 5] = ["x", "r", "y", "k", "k_exact"];

/// A tensor and how it is quantised.
struct Tensor {
    rounding: Rounding,
    wl: u32,
    axis: BlockAxis,
    shape: Vec<usize>,
    x: Vec<f32>,
    r: Vec<u32>,
    /// E of each element's block, if the file states integers for it.
    exponents: Vec<Option<i32>>,
}

/// An integer, or `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Integer(Option<i64>);

impl std::fmt::Display for Integer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(integer) => integer.fmt(f),
            None => f.write_str("-"),
        }
    }
}

impl Tensor {
    fn read(case: &Case<'_>) -> Result<Self, GoldenError> {
        let [x_line, r_line, ..] = case.named(LINES)?;
        let wl: u32 = case.value("wl")?;
        if !(2..=22).contains(&wl) {
            return Err(case.line.error(format!("word length {wl} is impossible: use 2 to 22")));
        }
        let sizes = case.text("shape")?;
        let shape: Result<Vec<usize>, _> = sizes.split('x').map(str::parse).collect();
        let shape = shape
            .map_err(|_| case.line.error(format!("shape `{sizes}` is not sizes joined by x")))?;
        let axis = match case.text("dim")? {
            "-1" => BlockAxis::Tensor,
            _ => BlockAxis::Axis(case.value("dim")?),
        };
        if let BlockAxis::Axis(axis) = axis
            && axis >= shape.len()
        {
            return Err(case.line.error(format!("shape {sizes} has no axis {axis}")));
        }
        let x = x_line.rest(1, |line, i| line.float32(i, "float32"))?;
        if elements(&shape) != Some(x.len()) || x.is_empty() {
            return Err(x_line.error(format!("{} values, not those of shape {sizes}", x.len())));
        }
        let r = r_line.list::<u32>(1, x.len(), "random integer")?;
        let half = 1 << (22 - wl);
        let rounding = match case.text("mode")? {
            "n" if r.iter().any(|&r| r != half) => {
                return Err(r_line.error(format!("r of a nearest case is {half}")));
            }
            "n" => Rounding::HalfUp,
            "s" => Rounding::Stochastic,
            other => return Err(case.line.error(format!("mode `{other}` is unknown"))),
        };
        let exponents = exponents(&x, &shape, axis);
        Ok(Self { rounding, wl, axis, shape, x, r, exponents })
    }

    fn integers(&self, line: &Line<'_>) -> Result<Vec<Integer>, GoldenError> {
        let read = |line: &Line<'_>, i| match line.text(i, "integer")? {
            "-" => Ok(Integer(None)),
            _ => line.value(i, "integer").map(|integer| Integer(Some(integer))),
        };
        let integers = line.rest(1, read)?;
        if integers.len() == self.x.len() {
            return Ok(integers);
        }
        Err(line.error(format!("{} integers, expected {}", integers.len(), self.x.len())))
    }

    /// QPyTorch's values, and the same in steps.
    fn check_library(&self, case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
        let [_, r_line, y_line, k_line, _] = case.named(LINES)?;
        checker.row(y_line);
        checker.row(k_line);
        let draws = match self.rounding {
            Rounding::Stochastic => Draws::Stochastic(&self.r),
            _ => Draws::Nearest,
        };
        let y = block_quantize(&self.x, &self.shape, self.wl, self.axis, draws)
            .map_err(|error| r_line.error(error.to_string()))?;
        let expected = y_line.rest(1, |line, i| line.float32(i, "float32"))?;
        if expected.len() != y.len() {
            let (given, needed) = (expected.len(), y.len());
            return Err(y_line.error(format!("{given} values, expected {needed}")));
        }
        for (i, (expected, found)) in expected.into_iter().zip(&y).enumerate() {
            checker.equal(y_line, format_args!("y {i}"), Bits(expected), Bits(*found));
        }
        for (i, expected) in self.integers(k_line)?.into_iter().enumerate() {
            let step = |e: i32| 2f64.powi(e + 2 - self.wl as i32);
            let found = self.exponents[i].and_then(|e| multiple(y[i], step(e)));
            checker.equal(k_line, format_args!("k {i}"), expected, Integer(found));
        }
        Ok(())
    }

    fn check_exact(&self, case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
        let [.., line] = case.named(LINES)?;
        checker.row(line);
        let expected = self.integers(line)?;
        for (i, &expected) in expected.iter().enumerate() {
            let r24 = self.r[i] << (self.wl + 1);
            let found = self.exponents[i]
                .map(|exponent| quantise_with(self.x[i], self.wl, exponent, self.rounding, r24))
                .transpose()
                .map_err(|error| case.line.error(error.to_string()))?;
            let found = Integer(found.map(i64::from));
            checker.equal(line, format_args!("k_exact {i}"), expected, found);
        }
        // The random words of a tensor cannot be given, and a block with NaN or ∞ fails its tensor.
        if self.rounding == Rounding::Stochastic || self.x.iter().any(|x| !x.is_finite()) {
            return Ok(());
        }
        let address = RandomAddress::new(0, 0, 0, Role::Weight);
        let (x, shape, wl, axis) = (&self.x, &self.shape, self.wl, self.axis);
        for simd in checker.levels() {
            let (tensor, _) =
                BlockFloatTensor::quantise(simd, x, shape, wl, axis, self.rounding, address)
                    .map_err(|error| case.line.error(error.to_string()))?;
            for (i, &expected) in expected.iter().enumerate() {
                let found = self.exponents[i].map(|_| tensor.raw().get(i));
                let what = format_args!("k_exact {i} ({simd})");
                checker.equal(line, what, expected, Integer(found));
            }
        }
        Ok(())
    }
}

/// E of every element's block: ⌊log2⌋ of its largest magnitude, `None` where that is 0, subnormal, NaN or
/// at least 2^125.
fn exponents(x: &[f32], shape: &[usize], axis: BlockAxis) -> Vec<Option<i32>> {
    let (count, run) = match axis {
        BlockAxis::Tensor => (1, x.len()),
        BlockAxis::Axis(axis) => (shape[axis], shape[axis + 1..].iter().product()),
    };
    let block = |i: usize| i / run % count;
    // Bits are ordered as magnitudes are, with NaN above ∞.
    let mut largest = vec![0u32; count];
    for (i, x) in x.iter().enumerate() {
        let largest = &mut largest[block(i)];
        *largest = x.abs().to_bits().max(*largest);
    }
    let stated = f32::MIN_POSITIVE.to_bits()..2f32.powi(125).to_bits();
    let exponent = |largest: u32| stated.contains(&largest).then_some((largest >> 23) as i32 - 127);
    (0..x.len()).map(|i| exponent(largest[block(i)])).collect()
}
