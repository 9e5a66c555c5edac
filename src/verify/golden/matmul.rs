//! Checks matmul.csv: integer products in a narrow accumulator, wrapping and saturating.

use super::layout::elements;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::array::{MacArray, ShapeError};
use hwmodel::number::accumulator::Cast;
use hwmodel::{Accumulator, AccumulatorWidth, BitWidth, FixedTensor, Format, Overflow, SimdLevel};
use std::path::Path;

/// Recomputes every output of a file in the layout of matmul.csv.
///
/// Sums and overflow counts come from [`MacArray::matmul`] at every SIMD level of this CPU: the sums
/// of the whole product and its total count, and the count of each output as a separate product.
/// The first overflow is taken from [`MacArray::step_output`]. For `cpf_sat` the product is saturated before it is added.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_matmul(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    let (mut outputs, mut events) = (0, 0);
    for case in file.cases()? {
        checker.case();
        let (of_case, events_of_case) = check_case(&case, &mut checker)?;
        outputs += of_case;
        events += events_of_case;
    }
    checker.announced(file, "n_outputs_both_modes", outputs);
    checker.announced(file, "n_overflow_events", events);
    checker.finish(file, &[])
}

/// A product with its operands.
struct Operands {
    a: FixedTensor,
    b: FixedTensor,
    terms: usize,
    columns: usize,
}

/// Returns the outputs of both modes and the overflows that the case lists.
fn check_case(case: &Case<'_>, checker: &mut Checker) -> Result<(u64, u64), GoldenError> {
    let [a, w, exact, c_wrap, ovf_wrap, first_wrap, c_sat, ovf_sat, first_sat, cpf_sat] = case
        .named([
            "a",
            "w",
            "exact",
            "c_wrap",
            "ovf_wrap",
            "first_wrap",
            "c_sat",
            "ovf_sat",
            "first_sat",
            "cpf_sat",
        ])?;
    let (rows, terms, columns) = (case.value("M")?, case.value("K")?, case.value("N")?);
    let operands = Operands {
        a: matrix(a, case.value("wla")?, [rows, terms])?,
        b: matrix(w, case.value("wlw")?, [terms, columns])?,
        terms,
        columns,
    };
    let outputs = elements(&[rows, columns])
        .ok_or_else(|| case.line.error("the product has too many outputs"))?;
    let bits: u32 = case.value("acc_bits")?;
    let bits = BitWidth::new(bits).map_err(|error| case.line.error(error.to_string()))?;
    let width = AccumulatorWidth::Bits(bits);

    let accumulator = Accumulator { width: AccumulatorWidth::Exact, ..Accumulator::default() };
    check_sums(checker, (exact, outputs), &operands, accumulator)?;
    let mut events = 0;
    for (overflow, sums, counts, first) in [
        (Overflow::Wrap, c_wrap, ovf_wrap, first_wrap),
        (Overflow::Saturate, c_sat, ovf_sat, first_sat),
    ] {
        let accumulator = Accumulator::new(width, overflow);
        let totals = check_sums(checker, (sums, outputs), &operands, accumulator)?;
        let expected = counts.list::<u64>(1, outputs, "count of overflows")?;
        let total = expected.iter().fold(0u64, |sum, &count| sum.saturating_add(count));
        for found in totals {
            checker.equal(counts, "overflows of all outputs", total, found);
        }
        events += total;
        check_counts(checker, (counts, &expected), &operands, accumulator)?;
        check_first(checker, (first, outputs), &operands, accumulator)?;
    }
    // Each product is saturated before it is added.
    let term =
        Accumulator { cast: Some(Cast::Term), ..Accumulator::new(width, Overflow::Saturate) };
    check_sums(checker, (cpf_sat, outputs), &operands, term)?;
    Ok((2 * outputs as u64, events))
}

fn matrix(line: &Line<'_>, wl: u32, shape: [usize; 2]) -> Result<FixedTensor, GoldenError> {
    let format = Format::new(wl, 0).map_err(|error| line.error(error.to_string()))?;
    let count = elements(&shape).ok_or_else(|| line.error("the matrix is too large"))?;
    let raw = line.list::<i32>(1, count, "integer")?;
    FixedTensor::from_raw(&shape, format, &raw).map_err(|error| line.error(error.to_string()))
}

fn array(simd: SimdLevel, accumulator: Accumulator) -> MacArray {
    MacArray { simd, accumulator }
}

/// Compares the sums at every level; returns the total count of overflows at each.
fn check_sums(
    checker: &mut Checker,
    (line, outputs): (&Line<'_>, usize),
    operands: &Operands,
    accumulator: Accumulator,
) -> Result<Vec<u64>, GoldenError> {
    checker.row(line);
    let expected = line.list::<i128>(1, outputs, "sum")?;
    let mut totals = Vec::new();
    for simd in checker.levels() {
        let product = found(line, array(simd, accumulator).matmul(&operands.a, &operands.b))?;
        for (index, &expected) in expected.iter().enumerate() {
            let what = format_args!("sum {index} ({simd})");
            checker.equal(line, what, expected, product.sums().get(index));
        }
        totals.push(product.report().accumulator_events);
    }
    Ok(totals)
}

/// Compares the overflows of every output, each a product of one row and one column.
fn check_counts(
    checker: &mut Checker,
    (line, expected): (&Line<'_>, &[u64]),
    operands: &Operands,
    accumulator: Accumulator,
) -> Result<(), GoldenError> {
    checker.row(line);
    for (index, &expected) in expected.iter().enumerate() {
        let (a, b) = operands.row_and_column(line, index)?;
        for simd in checker.levels() {
            let product = found(line, array(simd, accumulator).matmul(&a, &b))?;
            let what = format_args!("overflows of output {index} ({simd})");
            checker.equal(line, what, expected, product.report().accumulator_events);
        }
    }
    Ok(())
}

/// Compares the term at which each output first overflows, -1 if it never does.
fn check_first(
    checker: &mut Checker,
    (line, outputs): (&Line<'_>, usize),
    operands: &Operands,
    accumulator: Accumulator,
) -> Result<(), GoldenError> {
    checker.row(line);
    let expected = line.list::<i64>(1, outputs, "index of a term")?;
    let array = array(SimdLevel::PORTABLE, accumulator);
    for (index, expected) in expected.into_iter().enumerate() {
        let (row, column) = (index / operands.columns, index % operands.columns);
        let states = found(line, array.step_output(&operands.a, &operands.b, row, column))?;
        let first = states.iter().position(|state| state.event);
        let first = first.map_or(-1, |term| term as i64);
        checker.equal(line, format_args!("first overflow of output {index}"), expected, first);
    }
    Ok(())
}

fn found<T>(line: &Line<'_>, result: Result<T, ShapeError>) -> Result<T, GoldenError> {
    result.map_err(|error| line.error(error.to_string()))
}

impl Operands {
    /// The pairs of factors of output `index`, k ascending.
    fn factors(&self, index: usize) -> impl Iterator<Item = (i64, i64)> {
        let (row, column) = (index / self.columns, index % self.columns);
        (0..self.terms).map(move |k| {
            let (a, b) = (self.a.data(), self.b.data());
            (a.get(row * self.terms + k), b.get(k * self.columns + column))
        })
    }

    fn row_and_column(
        &self,
        line: &Line<'_>,
        index: usize,
    ) -> Result<(FixedTensor, FixedTensor), GoldenError> {
        let (a, b): (Vec<i64>, Vec<i64>) = self.factors(index).unzip();
        let tensor = |shape: [usize; 2], format, raw: &[i64]| {
            FixedTensor::from_raw(&shape, format, raw)
                .map_err(|error| line.error(error.to_string()))
        };
        let row = tensor([1, self.terms], self.a.format(), &a)?;
        Ok((row, tensor([self.terms, 1], self.b.format(), &b)?))
    }
}
