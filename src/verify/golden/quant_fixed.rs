//! Checks quant_fixed.csv and quant_fixed_negfl.csv: float32 to fixed point.

use super::bits::{Bits, multiple};
use super::{Checker, GoldenError, Line, Report, Table};
use hwmodel::number::qpytorch::{Clamp, Draws, fixed_point_quantize};
use hwmodel::number::quantise::{quantise, quantise_with};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Format, Rounding, SimdLevel};
use std::path::Path;

/// Recomputes every result of a file in the layout of quant_fixed.csv.
///
/// `exact_clamp` and `exact_sym` (the range without its lowest integer) are compared with the scalar
/// definition [`quantise_with`], stochastic rows with the r of the row; `exact_clamp` of nearest rows
/// also with [`quantise`] at every SIMD level of this CPU, consecutive rows of one format as one
/// tensor. `nan` must be the typed error. The columns `y_*`, which show how QPyTorch rounds in float32,
/// and `q_*` = y · 2^fl are compared with [`fixed_point_quantize`].
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_quant_fixed(path: &Path) -> Result<Report, GoldenError> {
    check(&Table::read(path)?, &SimdLevel::available())
}

pub(super) fn check(table: &Table, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let columns = Columns::of(table)?;
    let mut checker = Checker::at_levels(table.file().name(), levels);
    let mut rows = 0;
    let mut group: Vec<Row<'_>> = Vec::new();
    for line in table.rows() {
        let row = Row::new(line?, &columns)?;
        rows += 1;
        checker.row_of(row.rounding.name());
        check_scalar(&mut checker, &row);
        check_library(&mut checker, &row)?;
        if group
            .last()
            .is_some_and(|last| (last.rounding, last.format) != (row.rounding, row.format))
        {
            check_tensor(&mut checker, &std::mem::take(&mut group));
        }
        group.push(row);
    }
    check_tensor(&mut checker, &group);
    checker.announced(table.file(), "n_rows", rows);
    checker.finish(table.file(), &[])
}

struct Columns {
    mode: usize,
    wl: usize,
    fl: usize,
    x: usize,
    random: usize,
    exact_clamp: usize,
    exact_sym: usize,
    library: [Library; 3],
}

impl Columns {
    fn of(table: &Table) -> Result<Self, GoldenError> {
        Ok(Self {
            mode: table.column("mode")?,
            wl: table.column("wl")?,
            fl: table.column("fl")?,
            x: table.column("x_hex")?,
            random: table.column("r24")?,
            exact_clamp: table.column("exact_clamp")?,
            exact_sym: table.column("exact_sym")?,
            library: [
                Library::of(table, Clamp::None, "y_noclamp_hex", None)?,
                Library::of(table, Clamp::Asymmetric, "y_clamp_hex", Some("q_clamp"))?,
                Library::of(table, Clamp::Symmetric, "y_sym_hex", Some("q_sym"))?,
            ],
        })
    }
}

/// What QPyTorch gives with one setting of `clamp` and `symmetric`.
#[derive(Clone, Copy)]
struct Library {
    clamp: Clamp,
    name: &'static str,
    /// Columns of the float and of the integer.
    y: usize,
    q: Option<(&'static str, usize)>,
}

impl Library {
    fn of(
        table: &Table,
        clamp: Clamp,
        name: &'static str,
        q: Option<&'static str>,
    ) -> Result<Self, GoldenError> {
        let q = q.map(|q| table.column(q).map(|column| (q, column))).transpose()?;
        Ok(Self { clamp, name, y: table.column(name)?, q })
    }
}

struct Row<'a> {
    line: Line<'a>,
    rounding: Rounding,
    format: Format,
    x: f32,
    r24: u32,
    exact_clamp: Outcome,
    exact_sym: Outcome,
    library: [(Library, f32, Outcome); 3],
}

impl<'a> Row<'a> {
    fn new(line: Line<'a>, columns: &Columns) -> Result<Self, GoldenError> {
        let (wl, fl) =
            (line.value(columns.wl, "word length")?, line.value(columns.fl, "fraction length")?);
        let format = Format::new(wl, fl).map_err(|error| line.error(error.to_string()))?;
        let random = line.text(columns.random, "r24")?;
        let (rounding, r24) = match (line.text(columns.mode, "mode")?, random) {
            ("n", "-") => (Rounding::NearestEven, 0),
            ("s", _) => (Rounding::Stochastic, line.value(columns.random, "r24")?),
            (mode, _) => {
                return Err(line.error(format!("mode `{mode}` with r24 `{random}` is unknown")));
            }
        };
        if r24 >= 1 << 24 {
            return Err(line.error(format!("r24 = {r24} is not below 2^24")));
        }
        let x = line.float32(columns.x, "float32")?;
        let exact_clamp = Outcome::read(&line, columns.exact_clamp)?;
        let exact_sym = Outcome::read(&line, columns.exact_sym)?;
        let mut library = columns.library.map(|library| (library, f32::NAN, Outcome(None)));
        for (library, y, q) in &mut library {
            *y = line.float32(library.y, library.name)?;
            if let Some((_, column)) = library.q {
                *q = Outcome::read(&line, column)?;
            }
        }
        Ok(Self { line, rounding, format, x, r24, exact_clamp, exact_sym, library })
    }
}

/// A raw integer, or that there is none.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Outcome(Option<i64>);

impl Outcome {
    fn read(line: &Line<'_>, column: usize) -> Result<Self, GoldenError> {
        match line.text(column, "raw integer")? {
            "nan" => Ok(Self(None)),
            _ => line.value(column, "raw integer").map(|raw| Self(Some(raw))),
        }
    }

    fn found<E>(result: Result<i64, E>) -> Self {
        Self(result.ok())
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(raw) => raw.fmt(f),
            None => f.write_str("nan"),
        }
    }
}

fn check_scalar(checker: &mut Checker, row: &Row<'_>) {
    let found = quantise_with(row.x, row.format, row.rounding, row.r24);
    checker.equal(&row.line, "exact_clamp", row.exact_clamp, Outcome::found(found));
    // Saturated to the whole range first, which the smaller one lies in.
    let lowest = row.format.min_raw() + 1;
    let symmetric = Outcome(found.ok().map(|raw| raw.max(lowest)));
    checker.equal(&row.line, "exact_sym", row.exact_sym, symmetric);
}

/// Compares with QPyTorch, the floats in every bit.
fn check_library(checker: &mut Checker, row: &Row<'_>) -> Result<(), GoldenError> {
    let r = [row.r24];
    let draws = match row.rounding {
        Rounding::Stochastic => Draws::Stochastic(&r),
        _ => Draws::Nearest,
    };
    for (library, y, q) in row.library {
        let found = fixed_point_quantize(&[row.x], row.format, library.clamp, draws)
            .map_err(|error| row.line.error(error.to_string()))?[0];
        checker.equal(&row.line, library.name, Bits(y), Bits(found));
        if let Some((name, _)) = library.q {
            let found = Outcome(multiple(found, row.format.step()));
            checker.equal(&row.line, name, q, found);
        }
    }
    Ok(())
}

/// Quantises `rows`, which have the same rounding and format, as one tensor. The random words of a
/// tensor cannot be given, so that stochastic rows are left out.
fn check_tensor(checker: &mut Checker, rows: &[Row<'_>]) {
    let Some(&Row { rounding, format, .. }) = rows.first() else { return };
    if rounding == Rounding::Stochastic {
        return;
    }
    let address = RandomAddress::new(0, 0, 0, Role::Weight);
    // A NaN fails the tensor that it is in, so that it is tested as a tensor alone.
    let (not_a_number, numbers): (Vec<&Row<'_>>, Vec<&Row<'_>>) =
        rows.iter().partition(|row| row.x.is_nan());
    let x: Vec<f32> = numbers.iter().map(|row| row.x).collect();
    for simd in checker.levels() {
        let mut compare = |row: &Row<'_>, found| {
            let what = format_args!("exact_clamp ({simd})");
            checker.equal(&row.line, what, row.exact_clamp, found);
        };
        let tensor = quantise(simd, &x, format, rounding, address);
        for (index, row) in numbers.iter().enumerate() {
            compare(row, Outcome::found(tensor.as_ref().map(|(data, _)| data.get(index))));
        }
        for row in &not_a_number {
            let tensor = quantise(simd, &[row.x], format, rounding, address);
            compare(row, Outcome::found(tensor.map(|(data, _)| data.get(0))));
        }
    }
}
