//! A CSV table with a front in it.

use super::{Goal, front};
use std::io::Read;

/// Name of the column that says whether a row is on the front.
const FLAG: &str = "pareto";

/// Short names for columns that hwsim writes.
const SHORT_NAMES: [(&str, &str); 5] = [
    ("energy", "energy_total_pj"),
    ("cycles", "total_cycles"),
    ("area", "area_mm2"),
    ("time", "seconds"),
    ("accuracy", "top1"),
];

/// A table that has no front.
#[derive(Debug, thiserror::Error)]
pub enum ParetoError {
    /// The text is no CSV.
    #[error("`{file}`: {source}")]
    Csv {
        /// Name of the file.
        file: String,
        /// What is wrong.
        source: csv::Error,
    },
    /// Two columns of one name.
    #[error("`{file}` has two columns `{column}`: rename one")]
    TwoColumns {
        /// Name of the file.
        file: String,
        /// Name of the column.
        column: String,
    },
    /// No rows.
    #[error("`{0}` has no rows")]
    Empty(String),
    /// A goal names no column.
    #[error("`{file}` has no column `{column}`: use some of {known}")]
    Column {
        /// Name of the file.
        file: String,
        /// The name asked for.
        column: String,
        /// The columns there are.
        known: String,
    },
    /// A goal is given twice.
    #[error("column `{0}` has two goals: name it once")]
    TwoGoals(String),
    /// No goal at all.
    #[error("a front needs at least one goal: name columns to minimise or maximise")]
    NoGoal,
    /// A cell is no number.
    #[error(
        "`{file}`, line {line}, column `{column}`: {found} cannot be compared: correct the row, or leave such rows off the front with --skip-incomplete"
    )]
    Cell {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What is there.
        found: String,
    },
}

/// A CSV table with the front for some of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    goals: Vec<(usize, Goal)>,
    /// Values of the goals, by row; NaN where there is none.
    values: Vec<Vec<f64>>,
    on_front: Vec<bool>,
}

impl Table {
    /// Reads the CSV table `text`, called `file` in messages, and finds its front for `goals`, columns by name. Short
    /// names: `energy`, `cycles`, `area`, `time` and `accuracy` stand for `energy_total_pj`, `total_cycles`,
    /// `area_mm2`, `seconds` and `top1` where there is no column of the short name.
    ///
    /// Rows whose cell is empty, NaN or no number are an error, or with `skip_incomplete` not on the front.
    ///
    /// # Errors
    /// If the text is no CSV, has no rows, lacks a column, or a cell cannot be compared.
    pub fn read(
        text: impl Read,
        file: &str,
        goals: &[(String, Goal)],
        skip_incomplete: bool,
    ) -> Result<Self, ParetoError> {
        let csv_error = |source| ParetoError::Csv { file: file.to_owned(), source };
        let mut csv = csv::Reader::from_reader(text);
        let header: Vec<String> =
            csv.headers().map_err(csv_error)?.iter().map(str::to_owned).collect();
        if let Some(column) = header
            .iter()
            .enumerate()
            .find_map(|(index, name)| header[..index].contains(name).then_some(name))
        {
            return Err(ParetoError::TwoColumns { file: file.to_owned(), column: column.clone() });
        }
        let columns = columns(&header, file, goals)?;
        let goals: Vec<Goal> = columns.iter().map(|&(_, goal)| goal).collect();
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        for record in csv.records() {
            let record = record.map_err(csv_error)?;
            let mut of_row = Vec::with_capacity(columns.len());
            for &(column, _) in &columns {
                let value = number(&record[column]);
                if value.is_nan() && !skip_incomplete {
                    let found = match record[column].trim() {
                        "" => "an empty cell".to_owned(),
                        text => format!("`{text}`"),
                    };
                    let line = record.position().map_or(0, csv::Position::line);
                    let column = header[column].clone();
                    return Err(ParetoError::Cell { file: file.to_owned(), line, column, found });
                }
                of_row.push(value);
            }
            values.push(of_row);
            rows.push(record.iter().map(str::to_owned).collect());
        }
        if rows.is_empty() {
            return Err(ParetoError::Empty(file.to_owned()));
        }
        let on_front = front(&values, &goals);
        Ok(Self { header, rows, goals: columns, values, on_front })
    }

    /// For each row, whether it is on the front.
    pub fn on_front(&self) -> &[bool] {
        &self.on_front
    }

    /// Names of the columns with goals.
    pub fn goal_names(&self) -> impl Iterator<Item = &str> {
        self.goals.iter().map(|&(column, _)| self.header[column].as_str())
    }

    /// The number of the goal called `name`, short or long.
    pub fn goal_index(&self, name: &str) -> Option<usize> {
        let long = SHORT_NAMES.iter().find(|(short, _)| *short == name).map(|(_, long)| *long);
        self.goal_names().position(|goal| goal == name || Some(goal) == long)
    }

    /// The values of goal `goal`, by row; NaN where there is none.
    pub fn values(&self, goal: usize) -> Vec<f64> {
        self.values.iter().map(|row| row[goal]).collect()
    }

    /// What tells each row from the others, as `name = cell`: columns before the first goal whose cells differ, at most
    /// eight.
    pub fn descriptions(&self) -> Vec<String> {
        let columns = self.describing();
        let describe = |row: &Vec<String>| {
            let cell = |&column: &usize| format!("{} = {}", self.header[column], row[column]);
            columns.iter().map(cell).collect::<Vec<_>>().join(", ")
        };
        self.rows.iter().map(describe).collect()
    }

    /// Columns that tell rows apart: what is not a number, and what stands before the first goal, describes a row.
    fn describing(&self) -> Vec<usize> {
        const DESCRIBING: usize = 8;
        let end = self.goals.iter().map(|&(column, _)| column).min().unwrap_or(0);
        let is_goal = |column: usize| self.goals.iter().any(|&(goal, _)| goal == column);
        let differs =
            |column: usize| self.rows.iter().any(|row| row[column] != self.rows[0][column]);
        (0..end)
            .filter(|&column| !is_goal(column) && self.header[column] != FLAG && differs(column))
            .take(DESCRIBING)
            .collect()
    }

    /// The goal of number `goal`.
    pub fn goal(&self, goal: usize) -> Goal {
        self.goals[goal].1
    }

    /// The front for people: number of the row (from 1), columns that tell rows apart, and goals, best first by the
    /// first goal.
    pub fn render(&self) -> String {
        let mut rows: Vec<usize> = (0..self.rows.len()).filter(|&row| self.on_front[row]).collect();
        let sign = if self.goals[0].1 == Goal::Minimise { 1.0 } else { -1.0 };
        rows.sort_by(|&a, &b| (sign * self.values[a][0]).total_cmp(&(sign * self.values[b][0])));
        let mut shown = self.describing();
        shown.extend(self.goals.iter().map(|&(column, _)| column));
        let mut lines: Vec<Vec<String>> = vec![vec!["row".to_owned()]];
        lines[0].extend(shown.iter().map(|&column| self.header[column].clone()));
        for &row in &rows {
            let mut line = vec![(row + 1).to_string()];
            line.extend(shown.iter().map(|&column| self.rows[row][column].clone()));
            lines.push(line);
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> =
            (0..=shown.len()).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for line in lines {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
            text.push_str(&cells.join("  "));
            text.push('\n');
        }
        text.push_str(&format!("{} of {} rows are on the front\n", rows.len(), self.rows.len()));
        text
    }

    /// The table as CSV with a column `pareto`, `true` or `false`, at the end, or where it already was.
    ///
    /// # Errors
    /// If a cell cannot be written.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let flag = self.header.iter().position(|name| name == FLAG).unwrap_or(self.header.len());
        let mut csv = csv::Writer::from_writer(Vec::new());
        let with = |cells: &[String], text: &str| {
            let mut cells = cells.to_vec();
            cells.resize(cells.len().max(flag + 1), String::new());
            cells[flag] = text.to_owned();
            cells
        };
        csv.write_record(with(&self.header, FLAG))?;
        for (row, on_front) in self.rows.iter().zip(&self.on_front) {
            csv.write_record(with(row, if *on_front { "true" } else { "false" }))?;
        }
        csv.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }
}

/// Columns of the goals.
fn columns(
    header: &[String],
    file: &str,
    goals: &[(String, Goal)],
) -> Result<Vec<(usize, Goal)>, ParetoError> {
    if goals.is_empty() {
        return Err(ParetoError::NoGoal);
    }
    let mut columns: Vec<(usize, Goal)> = Vec::with_capacity(goals.len());
    for (name, goal) in goals {
        let find = |name: &str| header.iter().position(|column| column == name);
        let short = SHORT_NAMES.iter().find(|(short, _)| short == name);
        let Some(column) = find(name).or_else(|| find(short?.1)) else {
            let known: Vec<_> = header.iter().map(|name| format!("`{name}`")).collect();
            let (file, column) = (file.to_owned(), name.clone());
            return Err(ParetoError::Column { file, column, known: known.join(", ") });
        };
        if columns.iter().any(|&(other, _)| other == column) {
            return Err(ParetoError::TwoGoals(header[column].clone()));
        }
        columns.push((column, *goal));
    }
    Ok(columns)
}

/// The number in a cell; NaN if there is none.
fn number(cell: &str) -> f64 {
    cell.trim().parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "name,energy_total_pj,top1\na,1,0.5\nb,2,0.9\nc,3,0.8\n";

    fn goals(names: &[(&str, Goal)]) -> Vec<(String, Goal)> {
        names.iter().map(|(name, goal)| ((*name).to_owned(), *goal)).collect()
    }

    fn read(csv: &str, names: &[(&str, Goal)]) -> Result<Table, ParetoError> {
        Table::read(csv.as_bytes(), "x.csv", &goals(names), false)
    }

    const BOTH: [(&str, Goal); 2] = [("energy", Goal::Minimise), ("accuracy", Goal::Maximise)];

    #[test]
    fn the_front_is_printed_and_flagged() {
        let table = read(CSV, &BOTH).unwrap();
        assert_eq!(table.on_front(), [true, true, false]);
        assert_eq!(
            table.render(),
            "row  name  energy_total_pj  top1\n  1     a                1   0.5\n  2     b                2   0.9\n2 of 3 rows are on the front\n"
        );
        let csv = String::from_utf8(table.to_csv().unwrap()).unwrap();
        let expected =
            "name,energy_total_pj,top1,pareto\na,1,0.5,true\nb,2,0.9,true\nc,3,0.8,false\n";
        assert_eq!(csv, expected);
        // Flagging again changes nothing.
        let again = read(&csv, &BOTH).unwrap().to_csv().unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), expected);
        assert_eq!((table.goal_index("accuracy"), table.goal_index("name")), (Some(1), None));
    }

    #[test]
    fn wrong_tables_and_goals_are_explained() {
        let error = |csv: &str, names: &[(&str, Goal)]| read(csv, names).unwrap_err().to_string();
        assert_eq!(
            error(CSV, &[("joule", Goal::Minimise)]),
            "`x.csv` has no column `joule`: use some of `name`, `energy_total_pj`, `top1`"
        );
        assert_eq!(
            error(CSV, &[("top1", Goal::Minimise), ("accuracy", Goal::Maximise)]),
            "column `top1` has two goals: name it once"
        );
        assert!(error(CSV, &[]).contains("at least one goal"));
        assert_eq!(error("a,b\n", &[("a", Goal::Minimise)]), "`x.csv` has no rows");
        assert!(error("a,a\n1,2\n", &[("a", Goal::Minimise)]).contains("two columns `a`"));
        assert!(error("a,b\n1\n", &[("a", Goal::Minimise)]).contains("x.csv"));
        for (cell, found) in [("NaN", "`NaN`"), ("", "an empty cell"), ("low", "`low`")] {
            let text = error(&format!("a,b\n1,2\n{cell},2\n"), &[("a", Goal::Minimise)]);
            assert!(text.contains(&format!("line 3, column `a`: {found} cannot be")), "{text}");
        }
    }

    #[test]
    fn rows_are_told_apart_by_what_differs_before_the_goals() {
        let csv = "same,name,energy,top1,other\nx,a,1,0.5,7\nx,b,2,0.9,8\n";
        let table = read(csv, &BOTH).unwrap();
        assert_eq!(table.descriptions(), ["name = a", "name = b"]);
    }

    #[test]
    fn incomplete_rows_can_be_left_off() {
        let csv = "a,b\nNaN,1\n2,\n3,4\n";
        let goals = goals(&[("a", Goal::Minimise), ("b", Goal::Minimise)]);
        let table = Table::read(csv.as_bytes(), "x.csv", &goals, true).unwrap();
        assert_eq!(table.on_front(), [false, false, true]);
    }
}
