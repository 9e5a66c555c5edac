//! Errors of computing the Pareto front of a table.

/// A table that has no front.
#[derive(Debug, thiserror::Error)]
pub enum ParetoError {
    /// The text is not CSV.
    #[error("`{file}`: {source}")]
    Csv {
        /// Name of the file.
        file: String,
        /// The problem.
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
    /// A group column is given twice, or is a goal.
    #[error("column `{0}` cannot be a group here: name it once, and not as a goal")]
    Group(String),
    /// No goal at all.
    #[error("a front needs at least one goal: name columns to minimise or maximise")]
    NoGoal,
    /// A cell is not a number.
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
        /// The value found.
        found: String,
    },
}
