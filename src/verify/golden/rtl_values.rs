//! Checks rtl_values.csv: products that simulators of public RTL arrays computed.

use super::layout::elements;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::array::{MacArray, ShapeError};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::Path;

/// Recomputes every output of a file in the layout of rtl_values.csv.
///
/// Results come from [`MacArray::matmul`], or with initial sums [`MacArray::matmul_from`], at every SIMD level of this CPU, and from
/// [`MacArray::row_states`], the scalar definition.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_rtl_values(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    let mut outputs = 0;
    for case in file.cases()? {
        checker.case();
        outputs += check_case(&case, &mut checker)?;
    }
    checker.announced(file, "n_outputs", outputs);
    checker.finish(file, &[])
}

/// Returns the outputs of the case.
fn check_case(case: &Case<'_>, checker: &mut Checker) -> Result<u64, GoldenError> {
    let [a, b, initial, result] = case.named(["a", "b", "initial", "result"])?;
    let (m, k, n) = (case.value("M")?, case.value("K")?, case.value("N")?);
    let a = operand(case, a, ["wla", "fla"], [m, k])?;
    let b = operand(case, b, ["wlb", "flb"], [k, n])?;
    let outputs = elements(&[m, n]).ok_or_else(|| case.line.error("too many outputs"))?;
    let given = initial.rest(1, |line, at| line.value::<i64>(at, "sum"))?;
    let accumulator = accumulator(case)?;
    checker.row(result);
    let expected = result.list::<i128>(1, outputs, "sum")?;
    for simd in checker.levels() {
        let array = MacArray { simd, accumulator };
        let product = match given.as_slice() {
            [] => array.matmul(&a, &b),
            sums => array.matmul_from(&a, &b, sums),
        };
        let product = found(initial, product)?;
        for (index, &expected) in expected.iter().enumerate() {
            let what = format_args!("sum {index} ({simd})");
            checker.equal(result, what, expected, product.sums().get(index));
        }
    }
    let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
    let whole = NonZeroUsize::new(k).unwrap_or(NonZeroUsize::MIN);
    for (row, expected) in expected.chunks(n.max(1)).enumerate() {
        let states = found(initial, array.row_states(&a, &b, &given, row, whole))?;
        for (column, (&expected, states)) in expected.iter().zip(states).enumerate() {
            let what = format_args!("sum [{row}, {column}], addition by addition");
            checker.equal(result, what, expected, states.sum());
        }
    }
    Ok(outputs as u64)
}

fn wrong(case: &Case<'_>, error: impl Display) -> GoldenError {
    case.line.error(error.to_string())
}

fn found<T>(line: &Line<'_>, result: Result<T, ShapeError>) -> Result<T, GoldenError> {
    result.map_err(|error| line.error(error.to_string()))
}

fn operand(
    case: &Case<'_>,
    line: &Line<'_>,
    [wl, fl]: [&str; 2],
    shape: [usize; 2],
) -> Result<FixedTensor, GoldenError> {
    let (wl, fl) = (case.value(wl)?, case.value(fl)?);
    let format = match case.text("unsigned")? {
        "0" => Format::new(wl, fl),
        "1" => Format::unsigned(wl, fl),
        other => return Err(wrong(case, format!("`unsigned={other}` is neither 0 nor 1"))),
    };
    let format = format.map_err(|error| wrong(case, error))?;
    let count = elements(&shape).ok_or_else(|| line.error("the matrix is too large"))?;
    let raw = line.list::<i64>(1, count, "integer")?;
    FixedTensor::from_raw(&shape, format, &raw).map_err(|error| line.error(error.to_string()))
}

fn accumulator(case: &Case<'_>) -> Result<Accumulator, GoldenError> {
    let width: AccumulatorWidth = case.value("acc")?;
    let overflow: Overflow = case.value("overflow")?;
    let optional = |key| case.text(key).map(|text| text != "-");
    let accumulator = Accumulator {
        fl: optional("acc_fl")?.then(|| case.value("acc_fl")).transpose()?,
        rounding: optional("rounding")?.then(|| case.value::<Rounding>("rounding")).transpose()?,
        ..Accumulator::new(width, overflow)
    };
    accumulator.check().map_err(|error| wrong(case, error))?;
    Ok(accumulator)
}
