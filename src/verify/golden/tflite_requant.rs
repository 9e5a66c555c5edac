//! Checks tflite_requant.csv: real multipliers as integers, and six roundings of an accumulator.

use super::{Checker, GoldenError, Line, Report, Table};
use hwmodel::affine::WordRange;
use hwmodel::affine::requantise::{
    DoubleRounding, Float32Factor, Multiplier, Q15, Real, RealRule, Requantise, SingleRounding,
    TwiceUp, words,
};
use hwmodel::cast::nearest_f32;
use hwmodel::{Format, SimdLevel};
use std::path::Path;

/// Recomputes every row of a file in the layout of tflite_requant.csv.
///
/// `q` and `shift` come from [`Multiplier::new`]. Every rounding is compared with the rule for one sum ([`RealRule::scaled`],
/// [`Float32Factor::scaled`]), and with the rule for rows of sums ([`words`]) at every SIMD level, consecutive rows of the same
/// multiplier together, as words of 32 bits (`float32`: of 24).
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_tflite_requant(path: &Path) -> Result<Report, GoldenError> {
    check(&Table::read(path)?, &SimdLevel::available())
}

pub(super) fn check(table: &Table, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let columns = Columns {
        multiplier: table.column("multiplier_f64")?,
        parts: [table.column("q")?, table.column("shift")?],
        x: table.column("x")?,
        rules: [
            table.column(DoubleRounding::RULE)?,
            table.column(SingleRounding::RULE)?,
            table.column(TwiceUp::RULE)?,
            table.column(Q15::RULE)?,
            table.column(Real::RULE)?,
        ],
        float32: table.column("float32")?,
    };
    let mut checker = Checker::at_levels(table.file().name(), levels);
    let mut group: Vec<Row<'_>> = Vec::new();
    let mut differing = Differing::default();
    for line in table.rows() {
        let line = line?;
        checker.row_of("rows");
        differing.count(&line, &columns)?;
        let row = Row::new(line, &columns)?;
        if group.last().is_some_and(|last| last.multiplier.to_bits() != row.multiplier.to_bits()) {
            check_group(&mut checker, &std::mem::take(&mut group), &columns)?;
        }
        group.push(row);
    }
    check_group(&mut checker, &group, &columns)?;
    differing.announced(&mut checker, table);
    checker.finish(table.file(), &["rows"])
}

struct Columns {
    multiplier: usize,
    parts: [usize; 2],
    x: usize,
    rules: [usize; 5],
    float32: usize,
}

struct Row<'a> {
    line: Line<'a>,
    multiplier: f64,
    x: i32,
}

impl<'a> Row<'a> {
    fn new(line: Line<'a>, columns: &Columns) -> Result<Self, GoldenError> {
        let multiplier = line.float64(columns.multiplier, "multiplier")?;
        let x = line.value(columns.x, "accumulator of 32 bits")?;
        Ok(Self { line, multiplier, x })
    }
}

/// Rows in which two roundings differ, as the header counts them.
#[derive(Default)]
struct Differing([u64; 4]);

impl Differing {
    fn count(&mut self, line: &Line<'_>, columns: &Columns) -> Result<(), GoldenError> {
        let [double, single, twice_up, _, real] = columns.rules;
        let pairs = [(double, single), (double, twice_up), (single, real), (columns.float32, real)];
        for (count, (a, b)) in self.0.iter_mut().zip(pairs) {
            *count += u64::from(line.text(a, "result")? != line.text(b, "result")?);
        }
        Ok(())
    }

    fn announced(&self, checker: &mut Checker, table: &Table) {
        let names = [
            "n_double_differs_from_single",
            "n_double_differs_from_twice_up",
            "n_single_differs_from_real",
            "n_float32_differs_from_real",
        ];
        for (name, count) in names.into_iter().zip(self.0) {
            checker.announced(table.file(), name, count);
        }
    }
}

/// Rows of one multiplier.
fn check_group(
    checker: &mut Checker,
    rows: &[Row<'_>],
    columns: &Columns,
) -> Result<(), GoldenError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let multiplier = first.multiplier;
    let parts = Multiplier::new(multiplier).map_err(|error| first.line.error(error.to_string()))?;
    for row in rows {
        for (column, found) in columns.parts.into_iter().zip([parts.multiplier(), parts.shift()]) {
            let expected = row.line.value(column, "part of the multiplier")?;
            checker.equal(&row.line, "multiplier and shift", expected, found);
        }
    }
    let [double, single, twice_up, q15, real] = columns.rules;
    check_rule::<DoubleRounding>(checker, rows, double)?;
    check_rule::<SingleRounding>(checker, rows, single)?;
    check_rule::<TwiceUp>(checker, rows, twice_up)?;
    match Q15::of_real(multiplier) {
        Ok(_) => check_rule::<Q15>(checker, rows, q15)?,
        // No 15-bit multiplier has such a shift.
        Err(_) => {
            for row in rows {
                checker.equal(&row.line, Q15::RULE, row.line.text(q15, "result")?, "-");
            }
        }
    }
    check_rule::<Real>(checker, rows, real)?;
    let factor = nearest_f32(multiplier);
    let limits = (-(1 << 23), (1 << 23) - 1);
    compare::<Float32Factor>(checker, rows, columns.float32, factor, limits, |x| {
        Float32Factor::scaled(x, factor)
    })
}

fn check_rule<R: RealRule>(
    checker: &mut Checker,
    rows: &[Row<'_>],
    column: usize,
) -> Result<(), GoldenError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let factor =
        R::of_real(first.multiplier).map_err(|error| first.line.error(error.to_string()))?;
    compare::<R>(checker, rows, column, factor, (i32::MIN, i32::MAX), |x| R::scaled(x, factor))
}

/// One sum at a time without limits, and all in words from `lowest` to `highest`.
fn compare<R: Requantise>(
    checker: &mut Checker,
    rows: &[Row<'_>],
    column: usize,
    factor: R::Factor,
    (lowest, highest): (i32, i32),
    scaled: impl Fn(i64) -> i64,
) -> Result<(), GoldenError> {
    let expected = |row: &Row<'_>| row.line.value::<i64>(column, "result");
    for row in rows {
        checker.equal(&row.line, R::NAME, expected(row)?, scaled(row.x.into()));
    }
    let sums: Vec<i32> = rows.iter().map(|row| row.x).collect();
    let range = WordRange { zero_point: 0, lowest, highest };
    let bits = 32 - highest.leading_zeros() + 1;
    for simd in checker.levels() {
        let wrong = |error: String| rows[0].line.error(error);
        let format = Format::new(bits, 0).map_err(|error| wrong(error.to_string()))?;
        let found = words::<R, i32>(simd, &sums, &[factor], range, format);
        let found = found.map_err(|error| wrong(error.to_string()))?.to_i32();
        for (row, found) in rows.iter().zip(found) {
            let expected = expected(row)?.clamp(lowest.into(), highest.into());
            let what = format_args!("{} as a word of {bits} bits ({simd})", R::NAME);
            checker.equal(&row.line, what, expected, found.into());
        }
    }
    Ok(())
}
