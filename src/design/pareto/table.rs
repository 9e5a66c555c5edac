//! A CSV table whose Pareto front is marked.

use super::groups::Groups;
use super::plot::{Group, Point};
use super::{Goal, ParetoError, front};
use crate::design::{COUNT_COLUMNS, MACHINE_COLUMNS, TRAINING_COLUMNS, UPDATE_COLUMNS};
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

/// A CSV table with the front for some of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    goals: Vec<(usize, Goal)>,
    /// Values of the goals, by row; NaN where there is none.
    values: Vec<Vec<f64>>,
    groups: Groups,
    on_front: Vec<bool>,
}

/// Definition of a front: goals and groups.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Question<'a> {
    /// Columns to minimise or maximise, by name.
    pub goals: &'a [(String, Goal)],
    /// Columns whose values make groups, each with its front; none for one front of all rows.
    pub groups: &'a [String],
    /// Whether rows without a number in a goal are left off the front, instead of an error.
    pub skip_incomplete: bool,
}

impl Table {
    /// Reads the CSV table `text`, called `file` in messages, and finds its front, or that of each group: rows of other
    /// groups do not compete. Short names: `energy`, `cycles`, `area`, `time` and `accuracy` mean `energy_total_pj`, `total_cycles`,
    /// `area_mm2`, `seconds` and `top1` where there is no column of the short name.
    ///
    /// Rows of a group have the same text in the group's columns.
    ///
    /// # Errors
    /// If the text is not CSV, has no rows, lacks a column, or a cell cannot be compared.
    pub fn read(text: impl Read, file: &str, question: &Question<'_>) -> Result<Self, ParetoError> {
        let skip_incomplete = question.skip_incomplete;
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
        let columns = columns(&header, file, question.goals)?;
        let group_columns = group_columns(&header, file, question.groups, &columns)?;
        let goals: Vec<Goal> = columns.iter().map(|&(_, goal)| goal).collect();
        let (mut rows, mut values): (Vec<Vec<String>>, _) = (Vec::new(), Vec::new());
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
        let groups = Groups::of(&header, &rows, group_columns);
        let mut on_front = vec![false; rows.len()];
        for rows in groups.rows() {
            let of_group: Vec<&[f64]> = rows.iter().map(|&row| values[row].as_slice()).collect();
            let flags = front(&of_group, &goals);
            rows.iter().zip(flags).for_each(|(&row, flag)| on_front[row] = flag);
        }
        Ok(Self { header, rows, goals: columns, values, groups, on_front })
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

    /// Label that distinguishes each row, as `name = cell`: columns before the first goal whose cells differ, at most
    /// eight.
    pub fn descriptions(&self) -> Vec<String> {
        let columns = self.describing();
        let describe = |row: &Vec<String>| {
            let cell = |&column: &usize| format!("{} = {}", self.header[column], row[column]);
            columns.iter().map(cell).collect::<Vec<_>>().join(", ")
        };
        self.rows.iter().map(describe).collect()
    }

    /// The rows as groups of points for a picture of two goals, by number.
    pub fn points(&self, across: usize, up: usize) -> Vec<Group> {
        const LABEL: usize = 24;
        let described = self.descriptions();
        let label_columns: Vec<usize> = self
            .describing()
            .into_iter()
            .filter(|column| !self.groups.columns().contains(column))
            .collect();
        let point = |&row: &usize| {
            let number = format!("row {}", row + 1);
            let cell =
                |&column: &usize| format!("{} {}", self.header[column], self.rows[row][column]);
            let label = label_columns.iter().map(cell).collect::<Vec<_>>().join(", ");
            let fits = (1..=LABEL).contains(&label.chars().count());
            Point {
                x: self.values[row][across],
                y: self.values[row][up],
                text: match described[row].as_str() {
                    "" => number.clone(),
                    text => format!("{number}, {text}"),
                },
                label: if fits { label } else { number },
                front: self.on_front[row],
            }
        };
        let groups = self.groups.names().iter().zip(self.groups.rows());
        groups
            .map(|(name, rows)| Group {
                name: name.clone(),
                points: rows.iter().map(point).collect(),
            })
            .collect()
    }

    /// Names of the groups; a single one without a name if there are none.
    pub fn group_names(&self) -> &[String] {
        self.groups.names()
    }

    /// Columns that tell rows apart: those before the first goal that differ and are not results in hwsim's tables.
    fn describing(&self) -> Vec<usize> {
        const DESCRIBING: usize = 8;
        let end = self.goals.iter().map(|&(column, _)| column).min().unwrap_or(0);
        let is_goal = |column: usize| self.goals.iter().any(|&(goal, _)| goal == column);
        let differs =
            |column: usize| self.rows.iter().any(|row| row[column] != self.rows[0][column]);
        (0..end)
            .filter(|&column| {
                !is_goal(column) && !is_result(&self.header[column]) && differs(column)
            })
            .take(DESCRIBING)
            .collect()
    }

    /// The goal of number `goal`.
    pub fn goal(&self, goal: usize) -> Goal {
        self.goals[goal].1
    }

    /// The front for people: number of the row (from 1), columns that tell rows apart, and goals; group by group, best first by
    /// the first goal.
    pub fn render(&self) -> String {
        let sign = if self.goals[0].1 == Goal::Minimise { 1.0 } else { -1.0 };
        let mut rows: Vec<usize> = Vec::new();
        for of_group in self.groups.rows() {
            let first = rows.len();
            rows.extend(of_group.iter().copied().filter(|&row| self.on_front[row]));
            rows[first..].sort_by(|&a, &b| {
                (sign * self.values[a][0]).total_cmp(&(sign * self.values[b][0]))
            });
        }
        let mut shown = self.groups.columns().to_vec();
        shown.extend(
            self.describing()
                .into_iter()
                .filter(|column| !shown.contains(column))
                .collect::<Vec<_>>(),
        );
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
        let (found, all) = (rows.len(), self.rows.len());
        let end = match self.groups.columns() {
            [] => "on the front".to_owned(),
            _ => format!("on the front of their group, of {} groups", self.groups.names().len()),
        };
        text.push_str(&format!("{found} of {all} rows are {end}\n"));
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

/// Columns of the groups.
fn group_columns(
    header: &[String],
    file: &str,
    names: &[String],
    goals: &[(usize, Goal)],
) -> Result<Vec<usize>, ParetoError> {
    let mut columns: Vec<usize> = Vec::with_capacity(names.len());
    for name in names {
        let Some(column) = header.iter().position(|column| column == name) else {
            let known: Vec<_> = header.iter().map(|name| format!("`{name}`")).collect();
            let (file, column) = (file.to_owned(), name.clone());
            return Err(ParetoError::Column { file, column, known: known.join(", ") });
        };
        if columns.contains(&column) || goals.iter().any(|&(goal, _)| goal == column) {
            return Err(ParetoError::Group(name.clone()));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// Whether a column of this name is a result, or the flag, in the tables that hwsim writes.
fn is_result(name: &str) -> bool {
    name == FLAG
        || TRAINING_COLUMNS.contains(&name)
        || COUNT_COLUMNS.contains(&name)
        || UPDATE_COLUMNS.contains(&name)
        || MACHINE_COLUMNS.contains(&name)
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
        let goals = goals(names);
        Table::read(csv.as_bytes(), "x.csv", &Question { goals: &goals, ..Question::default() })
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
        // Results of a sweep before the goal are no names of its designs.
        let csv =
            "rows,test_loss,macs,stall_cycles,energy,top1\n4,1.5,7,3,1,0.5\n8,1.2,8,4,2,0.9\n";
        assert_eq!(read(csv, &BOTH).unwrap().descriptions(), ["rows = 4", "rows = 8"]);
    }

    #[test]
    fn incomplete_rows_can_be_left_off() {
        let csv = "a,b\nNaN,1\n2,\n3,4\n";
        let goals = goals(&[("a", Goal::Minimise), ("b", Goal::Minimise)]);
        let question = Question { goals: &goals, groups: &[], skip_incomplete: true };
        let table = Table::read(csv.as_bytes(), "x.csv", &question).unwrap();
        assert_eq!(table.on_front(), [false, false, true]);
    }
    #[test]
    fn each_group_has_its_front() {
        let csv = "rows,wl,energy,top1\n8,4,1,0.5\n8,8,3,0.7\n16,4,2,0.4\n16,8,4,0.9\n";
        let goals = goals(&BOTH);
        let grouped = |groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(|name| (*name).to_owned()).collect();
            let question = Question { goals: &goals, groups: &groups, skip_incomplete: false };
            Table::read(csv.as_bytes(), "x.csv", &question)
        };
        assert_eq!(grouped(&[]).unwrap().on_front(), [true, true, false, true]);
        // Of equal word length: 16 rows with 4 bits lose to 8 rows.
        let table = grouped(&["wl"]).unwrap();
        assert_eq!(table.on_front(), [true, true, false, true]);
        assert_eq!(table.group_names(), ["wl = 4", "wl = 8"]);
        assert!(
            table.render().ends_with("3 of 4 rows are on the front of their group, of 2 groups\n")
        );
        let table = grouped(&["rows"]).unwrap();
        assert_eq!(table.on_front(), [true, true, true, true]);
        assert_eq!(grouped(&["rows", "wl"]).unwrap().group_names().len(), 4);
        let points = table.points(0, 1);
        assert_eq!((points[1].name.as_str(), points[1].points.len()), ("rows = 16", 2));
        let point = &points[1].points[0];
        assert_eq!((point.x, point.label.as_str()), (2.0, "wl 4"));
        assert_eq!(point.text, "row 3, rows = 16, wl = 4");
        let error = |groups: &[&str]| grouped(groups).unwrap_err().to_string();
        assert!(error(&["node"]).contains("no column `node`: use some of `rows`"));
        assert!(error(&["wl", "wl"]).contains("`wl` cannot be a group"));
        assert!(error(&["top1"]).contains("not as a goal"));
    }
}
