//! Meaning of each column.

use super::*;

#[test]
fn every_column_of_every_kind_of_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    write(
        &path,
        &[Row::Gemm(gemm_row()), Row::Step(step_row()), Row::Evaluation(evaluation_row())],
    );
    let mut table = csv::Reader::from_path(&path).unwrap();
    let header = table.headers().unwrap().clone();
    let records: Vec<_> = table.records().map(Result::unwrap).collect();
    let lines: Vec<String> = header
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let cells: Vec<_> = records.iter().map(|record| record[index].to_owned()).collect();
            format!("{name}: {}", cells.join(" | "))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// The rows of the tables of columns in docs/trace.md: name and kinds of row.
fn documented() -> Vec<(String, String)> {
    include_str!("../../../../docs/trace.md")
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
            Some((name.to_owned(), cells.get(2)?.to_string()))
        })
        .collect()
}

#[test]
fn every_column_is_documented_in_order() {
    let names: Vec<_> = documented().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, columns());
}

#[test]
fn columns_are_filled_in_the_rows_that_the_documentation_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    write(
        &path,
        &[Row::Gemm(gemm_row()), Row::Step(step_row()), Row::Evaluation(evaluation_row())],
    );
    let records: Vec<_> =
        csv::Reader::from_path(&path).unwrap().into_records().map(Result::unwrap).collect();
    for (index, (name, kinds)) in documented().into_iter().enumerate() {
        let filled = records.iter().filter(|record| !record[index].is_empty());
        let filled: Vec<_> = filled.map(|record| record[1].to_owned()).collect();
        let kinds = if kinds == "all" { "gemm, step, evaluation".to_owned() } else { kinds };
        assert_eq!(filled.join(", "), kinds, "{name}");
    }
}
