//! The matrix of errors and memory, in a file and in memory.

use super::PepppError;
use nalgebra::DMatrix;
use std::collections::HashMap;
use std::io::Read;

/// Errors and memory of configurations (columns) on partitions (rows); an error may be missing, memory never is.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorMatrix {
    /// Names of the rows.
    pub partitions: Vec<String>,
    /// Names of the columns.
    pub configurations: Vec<String>,
    /// Memory in MB, `[partitions, configurations]`.
    pub memory_mb: DMatrix<f64>,
    /// Errors from 0 to 1, row after row.
    errors: Vec<Option<f64>>,
}

/// The position of `name` in `names`, where it is put if it is new.
fn position(name: &str, names: &mut Vec<String>, known: &mut HashMap<String, usize>) -> usize {
    if let Some(&index) = known.get(name) {
        return index;
    }
    names.push(name.to_owned());
    known.insert(name.to_owned(), names.len() - 1);
    names.len() - 1
}

impl ErrorMatrix {
    /// A matrix of these errors and memory, both `[partitions, configurations]`.
    ///
    /// # Errors
    /// If shapes differ, there are no entries, memory is not positive, or an error is not from 0 to 1.
    pub fn new(
        partitions: Vec<String>,
        configurations: Vec<String>,
        memory_mb: DMatrix<f64>,
        errors: &DMatrix<Option<f64>>,
    ) -> Result<Self, PepppError> {
        let expected = (partitions.len(), configurations.len());
        for (what, found) in [("memory", memory_mb.shape()), ("the errors", errors.shape())] {
            if found != expected {
                return Err(PepppError::Shape { what, found, expected });
            }
        }
        if errors.is_empty() {
            return Err(PepppError::Empty("the matrix".to_owned()));
        }
        if let Some(&value) = memory_mb.iter().find(|value| !is_memory(**value)) {
            let (what, allowed) = ("memory in MB", "a finite number above 0");
            return Err(PepppError::Number { what, value, allowed });
        }
        if let Some(&value) = errors.iter().flatten().find(|value| !is_error(**value)) {
            return Err(PepppError::Number { what: "an error", value, allowed: "0 to 1" });
        }
        // nalgebra stores columns; the transpose's columns are rows.
        let errors = errors.transpose().iter().copied().collect();
        Ok(Self { partitions, configurations, memory_mb, errors })
    }

    /// Reads a table of `hwsim pareto measure`, called `file` in messages: a line an entry, with columns `partition`,
    /// `configuration`, `memory_mb` and `error` among others. Rows and columns are in the order in which they first
    /// come. An empty error is missing.
    ///
    /// # Errors
    /// If the text is no such table, an entry is there twice, a number is impossible or memory is missing.
    pub fn read(text: impl Read, file: &str) -> Result<Self, PepppError> {
        let csv_error = |source| PepppError::Csv { file: file.to_owned(), source };
        let mut csv = csv::Reader::from_reader(text);
        let header = csv.headers().map_err(csv_error)?.clone();
        let column = |column: &'static str| {
            let missing = || PepppError::Column { file: file.to_owned(), column };
            header.iter().position(|name| name.trim() == column).ok_or_else(missing)
        };
        let columns = [
            column("partition")?,
            column("configuration")?,
            column("memory_mb")?,
            column("error")?,
        ];
        let (mut partitions, mut configurations) = (Vec::new(), Vec::new());
        let (mut rows, mut names) = (HashMap::new(), HashMap::new());
        let mut entries: HashMap<(usize, usize), (f64, Option<f64>)> = HashMap::new();
        for record in csv.records() {
            let record = record.map_err(csv_error)?;
            let line = record.position().map_or(0, csv::Position::line);
            let [partition, configuration, memory, error] =
                columns.map(|column| record.get(column).unwrap_or("").trim());
            let cell = |column, found: &str, expected| PepppError::Cell {
                file: file.to_owned(),
                line,
                column,
                found: found.to_owned(),
                expected,
            };
            let wrong = || cell("memory_mb", memory, "memory in MB above 0");
            let memory: f64 = memory.parse().ok().filter(|&mb| is_memory(mb)).ok_or_else(wrong)?;
            let wrong = || cell("error", error, "error from 0 to 1");
            let error = match error {
                "" => None,
                text => Some(text.parse().ok().filter(|&e| is_error(e)).ok_or_else(wrong)?),
            };
            let place = (
                position(partition, &mut partitions, &mut rows),
                position(configuration, &mut configurations, &mut names),
            );
            if entries.insert(place, (memory, error)).is_some() {
                return Err(PepppError::TwoEntries {
                    file: file.to_owned(),
                    line,
                    partition: partition.to_owned(),
                    configuration: configuration.to_owned(),
                });
            }
        }
        if entries.is_empty() {
            return Err(PepppError::Empty(file.to_owned()));
        }
        let shape = (partitions.len(), configurations.len());
        let mut memory_mb = DMatrix::zeros(shape.0, shape.1);
        let mut errors = vec![None; shape.0 * shape.1];
        for row in 0..shape.0 {
            for column in 0..shape.1 {
                let Some(&(memory, error)) = entries.get(&(row, column)) else {
                    return Err(PepppError::NoMemory {
                        file: file.to_owned(),
                        partition: partitions[row].clone(),
                        configuration: configurations[column].clone(),
                    });
                };
                memory_mb[(row, column)] = memory;
                errors[row * shape.1 + column] = error;
            }
        }
        Ok(Self { partitions, configurations, memory_mb, errors })
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.partitions.len(), self.configurations.len())
    }

    /// The error of an entry, if it is known.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn error(&self, row: usize, column: usize) -> Option<f64> {
        self.errors[row * self.configurations.len() + column]
    }

    /// The known errors, 0 where there is none, and 1 or 0 for known or missing.
    pub fn observed(&self) -> (DMatrix<f64>, DMatrix<f64>) {
        let (rows, columns) = self.shape();
        let value = |row, column| self.error(row, column).unwrap_or(0.0);
        let known = |row, column| if self.error(row, column).is_some() { 1.0 } else { 0.0 };
        (DMatrix::from_fn(rows, columns, value), DMatrix::from_fn(rows, columns, known))
    }

    /// All errors, `[partitions, configurations]`.
    ///
    /// # Errors
    /// If some are missing; `purpose` says in the message who needs them.
    pub fn full(&self, purpose: &'static str) -> Result<DMatrix<f64>, PepppError> {
        let missing = self.errors.iter().filter(|error| error.is_none()).count();
        if missing > 0 {
            return Err(PepppError::Incomplete { missing, entries: self.errors.len(), purpose });
        }
        Ok(self.observed().0)
    }

    /// The row of partition `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn row(&self, name: &str) -> Result<usize, PepppError> {
        let known = || PepppError::NoSuchPartition {
            name: name.to_owned(),
            known: self.partitions.join(", "),
        };
        self.partitions.iter().position(|partition| partition == name).ok_or_else(known)
    }

    /// The matrix without row `row`; `None` if nothing is left.
    pub fn without(&self, row: usize) -> Option<Self> {
        if self.partitions.len() < 2 {
            return None;
        }
        let mut rest = self.clone();
        rest.partitions.remove(row);
        let columns = self.configurations.len();
        rest.errors.drain(row * columns..(row + 1) * columns);
        rest.memory_mb = self.memory_mb.clone().remove_row(row);
        Some(rest)
    }
}

fn is_memory(mb: f64) -> bool {
    mb.is_finite() && mb > 0.0
}

fn is_error(error: f64) -> bool {
    (0.0..=1.0).contains(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "partition,x,configuration,memory_mb,error\n\
        a,,c1,1.5,0.25\na,,c2,2,\nb,,c2,4,1\nb,,c1,3,0\n";

    #[test]
    fn rows_and_columns_come_in_order_of_appearance() {
        let matrix = ErrorMatrix::read(CSV.as_bytes(), "m.csv").unwrap();
        assert_eq!(matrix.shape(), (2, 2));
        assert_eq!((matrix.error(0, 0), matrix.error(0, 1)), (Some(0.25), None));
        assert_eq!((matrix.error(1, 0), matrix.error(1, 1)), (Some(0.0), Some(1.0)));
        assert_eq!(matrix.memory_mb, DMatrix::from_row_slice(2, 2, &[1.5, 2.0, 3.0, 4.0]));
        let (values, known) = matrix.observed();
        assert_eq!(values, DMatrix::from_row_slice(2, 2, &[0.25, 0.0, 0.0, 1.0]));
        assert_eq!(known, DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 1.0, 1.0]));
        let error = matrix.full("a test").unwrap_err().to_string();
        assert!(error.starts_with("1 of 4 errors are missing: a test"), "{error}");
        let rest = matrix.without(0).unwrap();
        assert_eq!((rest.error(0, 0), rest.error(0, 1)), (Some(0.0), Some(1.0)));
        assert_eq!(rest.memory_mb, DMatrix::from_row_slice(1, 2, &[3.0, 4.0]));
        assert_eq!(rest.without(0), None);
        assert!(matrix.row("c").unwrap_err().to_string().contains("one of a, b"));
    }

    #[test]
    fn wrong_tables_are_explained() {
        let error = |csv: &str| ErrorMatrix::read(csv.as_bytes(), "m.csv").unwrap_err().to_string();
        assert!(error("").contains("no column `partition`"));
        assert!(error("partition,configuration,memory_mb\n").contains("no column `error`"));
        assert!(error("partition,configuration,memory_mb,error\n").contains("no rows"));
        assert!(error("partition,configuration,memory_mb,error\na,c\n").contains("m.csv"));
        let with = |line: &str| error(&format!("{CSV}{line}\n"));
        for (memory, found) in
            [("", "``"), ("NaN", "`NaN`"), ("0", "`0`"), ("inf", "`inf`"), ("x", "`x`")]
        {
            let text = with(&format!("c,,c1,{memory},0.5"));
            assert!(text.contains("line 6") && text.contains(found), "{text}");
        }
        for wrong in ["NaN", "1.01", "-0.1", "high"] {
            let text = with(&format!("c,,c1,1,{wrong}"));
            assert!(text.contains("column `error`") && text.contains(wrong), "{text}");
        }
        assert!(with("a,,c1,1,0.5").contains("are there twice"));
        assert!(with("c,,c1,1,0.5").contains("`c` has no memory for configuration `c2`"));
    }

    #[test]
    fn a_matrix_of_other_shapes_is_refused() {
        let names = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
        let errors = DMatrix::from_element(2, 3, Some(0.5));
        let make = |memory, errors: &_| ErrorMatrix::new(names(2), names(3), memory, errors);
        assert_eq!(make(DMatrix::from_element(2, 3, 1.0), &errors).unwrap().shape(), (2, 3));
        assert!(make(DMatrix::from_element(3, 2, 1.0), &errors).is_err());
        assert!(make(DMatrix::from_element(2, 3, f64::NAN), &errors).is_err());
        let wrong = DMatrix::from_element(2, 3, Some(f64::NAN));
        assert!(make(DMatrix::from_element(2, 3, 1.0), &wrong).is_err());
        let none = ErrorMatrix::new(
            vec![],
            vec![],
            DMatrix::zeros(0, 0),
            &DMatrix::from_element(0, 0, None),
        );
        assert!(none.is_err());
    }
}
