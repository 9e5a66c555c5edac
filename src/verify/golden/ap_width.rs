//! Checks ap_width.csv: width, integer bits and sign of the exact product, sum and difference of two fixed-point types.

use super::{Checker, GoldenError, Line, Report, Table};
use hwmodel::number::exact_type::ExactType;
use std::path::Path;

/// An operation by its name in the columns.
type Operation = (&'static str, fn(ExactType, ExactType) -> ExactType);

const OPERATIONS: [Operation; 3] =
    [("mul", ExactType::product), ("add", ExactType::sum), ("sub", ExactType::difference)];
/// The libraries.
const TOOLS: [&str; 2] = ["ap", "ac"];

/// Recomputes every row of a file in the layout of ap_width.csv with [`ExactType`].
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_ap_width(path: &Path) -> Result<Report, GoldenError> {
    check(&Table::read(path)?)
}

pub(super) fn check(table: &Table) -> Result<Report, GoldenError> {
    let type_columns = |prefix: &str, suffix: &str| -> Result<[usize; 3], GoldenError> {
        let column = |part: &str| table.column(&format!("{prefix}{part}{suffix}"));
        Ok([column("W")?, column("I")?, column("S")?])
    };
    let operands = [type_columns("", "1")?, type_columns("", "2")?];
    let mut results = Vec::new();
    for tool in TOOLS {
        for (name, operation) in OPERATIONS {
            let prefix = format!("{tool}_{name}");
            results.push((type_columns(&format!("{prefix}_"), "")?, operation, prefix));
        }
    }
    let mut checker = Checker::at_levels(table.file().name(), &[]);
    for line in table.rows() {
        let line = line?;
        checker.row_of("rows");
        let [a, b] = [read(&line, operands[0])?, read(&line, operands[1])?];
        for (columns, operation, name) in &results {
            let (expected, found) = (read(&line, *columns)?, operation(a, b));
            checker.equal(&line, format_args!("{name}_W"), expected.bits, found.bits);
            let integer = [expected, found].map(ExactType::integer_bits);
            checker.equal(&line, format_args!("{name}_I"), integer[0], integer[1]);
            checker.equal(&line, format_args!("{name}_S"), expected.signed, found.signed);
        }
    }
    checker.finish(table.file(), &["rows"])
}

fn read(line: &Line<'_>, [bits, integer, signed]: [usize; 3]) -> Result<ExactType, GoldenError> {
    let bits: u32 = line.value(bits, "width")?;
    let integer: i32 = line.value(integer, "integer bits")?;
    if !(1..=1 << 16).contains(&bits) || integer.unsigned_abs() > 1 << 16 {
        return Err(line.error(format!("a type of {bits} bits, {integer} of them integer bits")));
    }
    let signed = match line.text(signed, "sign")? {
        "0" => false,
        "1" => true,
        other => return Err(line.error(format!("`{other}` is not a sign, 0 or 1"))),
    };
    Ok(ExactType { bits, fl: bits.cast_signed() - integer, signed })
}
