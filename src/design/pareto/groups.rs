//! Groups of rows with equal text in given columns.

use std::collections::HashMap;

/// Groups of rows, in the order of their first rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Groups {
    columns: Vec<usize>,
    names: Vec<String>,
    rows: Vec<Vec<usize>>,
}

impl Groups {
    /// The groups of `rows` by `columns`; without columns one group of all rows, called `designs`.
    pub(super) fn of(header: &[String], rows: &[Vec<String>], columns: Vec<usize>) -> Self {
        let mut found: HashMap<Vec<&str>, usize> = HashMap::new();
        let mut groups = Self::default();
        for (index, row) in rows.iter().enumerate() {
            let key: Vec<&str> = columns.iter().map(|&column| row[column].as_str()).collect();
            let next = groups.names.len();
            let group = *found.entry(key).or_insert(next);
            if group == next {
                let cell = |&column: &usize| format!("{} = {}", header[column], row[column]);
                let name: Vec<String> = columns.iter().map(cell).collect();
                let name = if name.is_empty() { "designs".to_owned() } else { name.join(", ") };
                groups.names.push(name);
                groups.rows.push(Vec::new());
            }
            groups.rows[group].push(index);
        }
        groups.columns = columns;
        groups
    }

    /// The columns that make them.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Their names.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows of each.
    pub(super) fn rows(&self) -> &[Vec<usize>] {
        &self.rows
    }
}
