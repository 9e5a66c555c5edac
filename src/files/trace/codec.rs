//! Conversion between typed rows and the cells of a CSV line.

use super::SCHEMA;
use super::cell::{Cell, WordRange};
use super::columns::{Column, EVALUATION, GEMM, LOSS, STEP};
use super::row::Row;
use csv::StringRecord;
use hwmodel::Format;
use hwmodel::product::ByOperand;
use std::sync::LazyLock;

static COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let gemm = GEMM.iter().map(|column| column.name);
    ["schema", "row"].into_iter().chain(gemm).chain(LOSS.iter().copied()).collect()
});

/// Columns before those of the tables: the schema and the kind of row.
const LEADING: usize = 2;

/// The names of all columns in their order: the header of a trace.
pub fn columns() -> &'static [&'static str] {
    &COLUMNS
}

/// The header as a line of the file.
pub(super) fn header_line() -> String {
    columns().join(",") + "\n"
}

/// Hands the cells of `row` to `write`, one for each of [`columns`].
pub(super) fn encode<E>(row: &Row, write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    match row {
        Row::Gemm(gemm) => encode_with(GEMM, row.name(), gemm, write),
        Row::Step(step) => encode_with(STEP, row.name(), step, write),
        Row::Evaluation(evaluation) => encode_with(EVALUATION, row.name(), evaluation, write),
    }
}

fn encode_with<R, E>(
    table: &[Column<R>],
    name: &str,
    row: &R,
    mut write: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let mut text = String::new();
    SCHEMA.print(&mut text);
    write(&text)?;
    write(name)?;
    let mut table = table.iter().peekable();
    for name in &columns()[LEADING..] {
        text.clear();
        if let Some(column) = table.next_if(|column| column.name == *name) {
            (column.print)(row, &mut text);
        }
        write(&text)?;
    }
    Ok(())
}

/// A cell that has no place in a trace.
#[derive(Debug)]
pub(super) struct CellError {
    /// Name of its column.
    pub(super) column: &'static str,
    /// The problem.
    pub(super) reason: String,
}

/// The row of a record with as many fields as there are [`columns`]. The schema is not looked at.
pub(super) fn decode(record: &StringRecord) -> Result<Row, CellError> {
    match cell(record, "row") {
        "gemm" => {
            let mut row = decode_with(GEMM, record)?;
            row.formats = formats(record)?;
            Ok(Row::Gemm(row))
        }
        "step" => decode_with(STEP, record).map(Row::Step),
        "evaluation" => decode_with(EVALUATION, record).map(Row::Evaluation),
        other => {
            let reason = format!("`{other}` is not `gemm`, `step` or `evaluation`");
            Err(CellError { column: "row", reason })
        }
    }
}

fn decode_with<R: Default>(table: &[Column<R>], record: &StringRecord) -> Result<R, CellError> {
    let mut row = R::default();
    let mut table = table.iter().peekable();
    for (&column, text) in columns().iter().zip(record).skip(LEADING) {
        let result = match table.next_if(|candidate| candidate.name == column) {
            Some(Column { parse: Some(parse), .. }) => parse(&mut row, text),
            Some(_) => Ok(()),
            None if text.is_empty() => Ok(()),
            None => Err(format!("`{text}` is in a row whose kind leaves this column empty")),
        };
        result.map_err(|reason| CellError { column, reason })?;
    }
    Ok(row)
}

/// The text of the column `name`; empty if the record is too short.
fn cell<'a>(record: &'a StringRecord, name: &str) -> &'a str {
    let index = columns().iter().position(|column| *column == name);
    index.and_then(|index| record.get(index)).unwrap_or_default()
}

/// The formats of a product, which ten columns state together.
fn formats(record: &StringRecord) -> Result<Option<ByOperand<Format>>, CellError> {
    let format = |wl_column, fl_column, range_column| {
        let at = |column| move |reason| CellError { column, reason };
        let wl = Cell::parse(cell(record, wl_column)).map_err(at(wl_column))?;
        let fl = Cell::parse(cell(record, fl_column)).map_err(at(fl_column))?;
        let range: WordRange = Cell::parse(cell(record, range_column)).map_err(at(range_column))?;
        range.format(wl, fl).map_err(|error| {
            let column = match error {
                hwmodel::FormatError::WordLength(_) => wl_column,
                hwmodel::FormatError::FractionalLength(_) => fl_column,
            };
            CellError { column, reason: error.to_string() }
        })
    };
    match cell(record, "number_system") {
        "float32" => Ok(None),
        "fixed" => Ok(Some(ByOperand {
            input: format("wl_input", "fl_input", "range_input")?,
            weight: format("wl_weight", "fl_weight", "range_weight")?,
            output: format("wl_output", "fl_output", "range_output")?,
        })),
        other => Err(CellError {
            column: "number_system",
            reason: format!("`{other}` is not `fixed` or `float32`"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_is_in_the_order_of_the_header() {
        fn check<R>(table: &[Column<R>]) {
            let names: BTreeSet<_> = table.iter().map(|column| column.name).collect();
            let in_header = columns().iter().copied().filter(|name| names.contains(name));
            assert!(in_header.eq(table.iter().map(|column| column.name)));
        }
        check(GEMM);
        check(STEP);
        check(EVALUATION);
        let distinct: BTreeSet<_> = columns().iter().collect();
        assert_eq!(distinct.len(), columns().len());
        assert_eq!(columns()[..6], ["schema", "row", "step", "epoch", "layer", "gemm"]);
    }

    #[test]
    fn every_loss_column_belongs_to_a_row() {
        for name in LOSS {
            let step = STEP.iter().any(|column| column.name == *name);
            assert!(step || EVALUATION.iter().any(|column| column.name == *name), "{name}");
        }
    }
}
