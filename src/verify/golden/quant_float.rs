//! Checks quant_float.csv: float32 to small floating-point formats.

use super::bits::Bits;
use super::{BlockFile, Checker, GoldenError, Line, Report, Table};
use hwmodel::number::minifloat::{Minifloat, quantise, quantise_with};
use hwmodel::number::qpytorch::{Draws, float_quantize};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Rounding, SimdLevel};
use std::path::Path;

/// Recomputes every result of a file in the layout of quant_float.csv.
///
/// `y_hex` is compared with [`float_quantize`], `exact_hex` with the scalar definition
/// [`quantise_with`] (nearest, ties away from zero, or stochastic with the r of the row), nearest rows also
/// with [`quantise`] at every SIMD level of this CPU, consecutive rows of one format as one tensor. All
/// in every bit; where x is NaN the exact result must be, and is a typed error here.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_quant_float(path: &Path) -> Result<Report, GoldenError> {
    check(&Table::new(BlockFile::read(path)?)?, &SimdLevel::available())
}

pub(super) fn check(table: &Table, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let columns = [
        table.column("mode")?,
        table.column("exp")?,
        table.column("man")?,
        table.column("x_hex")?,
        table.column("r")?,
        table.column("y_hex")?,
        table.column("exact_hex")?,
    ];
    let mut checker = Checker::at_levels(table.file().name(), levels);
    let mut rows = 0;
    let mut group: Vec<Row<'_>> = Vec::new();
    for line in table.rows() {
        let row = Row::new(line?, columns)?;
        rows += 1;
        checker.row_of(row.rounding.name());
        check_row(&mut checker, &row)?;
        if group.last().is_some_and(|last| last.format != row.format) {
            check_tensor(&mut checker, &std::mem::take(&mut group));
        }
        if row.rounding == Rounding::NearestAway && !row.x.is_nan() {
            group.push(row);
        }
    }
    check_tensor(&mut checker, &group);
    checker.announced(table.file(), "n_rows", rows);
    checker.finish(table.file(), &[])
}

struct Row<'a> {
    line: Line<'a>,
    rounding: Rounding,
    format: Minifloat,
    x: f32,
    r: u32,
    y: f32,
    exact: f32,
}

impl<'a> Row<'a> {
    fn new(line: Line<'a>, columns: [usize; 7]) -> Result<Self, GoldenError> {
        let [mode, exponent, mantissa, x, r, y, exact] = columns;
        let (exponent, mantissa) =
            (line.value(exponent, "exponent bits")?, line.value(mantissa, "mantissa bits")?);
        let format =
            Minifloat::new(exponent, mantissa).map_err(|error| line.error(error.to_string()))?;
        let r: u32 = line.value(r, "r")?;
        let dropped = 23 - format.mantissa_bits();
        let half = 1u32 << (dropped - 1);
        let rounding = match line.text(mode, "mode")? {
            "n" if r == half => Rounding::NearestAway,
            "n" => return Err(line.error(format!("r of a nearest row is {half}, not {r}"))),
            "s" if r >> dropped == 0 => Rounding::Stochastic,
            "s" => return Err(line.error(format!("r = {r} is not below 2^{dropped}"))),
            other => return Err(line.error(format!("mode `{other}` is unknown"))),
        };
        let x = line.float32(x, "float32")?;
        let (y, exact) = (line.float32(y, "float32")?, line.float32(exact, "float32")?);
        Ok(Self { line, rounding, format, x, r, y, exact })
    }
}

fn check_row(checker: &mut Checker, row: &Row<'_>) -> Result<(), GoldenError> {
    let r = [row.r];
    let draws = match row.rounding {
        Rounding::Stochastic => Draws::Stochastic(&r),
        _ => Draws::Nearest,
    };
    let y = float_quantize(&[row.x], row.format, draws)
        .map_err(|error| row.line.error(error.to_string()))?[0];
    checker.equal(&row.line, "y_hex", Bits(row.y), Bits(y));
    let r24 = row.r << (row.format.mantissa_bits() + 1);
    let exact = quantise_with(row.x, row.format, row.rounding, r24).unwrap_or(f32::NAN);
    checker.equal(&row.line, "exact_hex", Bits(row.exact), Bits(exact));
    Ok(())
}

/// Quantises `rows`, which are nearest and of one format, as one tensor. The random words of a tensor
/// cannot be given, so that stochastic rows are left out.
fn check_tensor(checker: &mut Checker, rows: &[Row<'_>]) {
    let Some(&Row { rounding, format, .. }) = rows.first() else { return };
    let address = RandomAddress::new(0, 0, 0, Role::Weight);
    let x: Vec<f32> = rows.iter().map(|row| row.x).collect();
    for simd in checker.levels() {
        let tensor = quantise(simd, &x, format, rounding, address);
        for (index, row) in rows.iter().enumerate() {
            let found = tensor.as_ref().map_or(f32::NAN, |(values, _)| values[index]);
            let what = format_args!("exact_hex ({simd})");
            checker.equal(&row.line, what, Bits(row.exact), Bits(found));
        }
    }
}
