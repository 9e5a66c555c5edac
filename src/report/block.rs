//! The parts of a page, before rendering as HTML.

use crate::chart::Drawing;

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Description of the content.
    pub title: String,
    /// Explanation for readers.
    pub caption: String,
    /// Whether it takes the whole width of the page.
    pub wide: bool,
    /// Whether it begins a new row.
    pub new_row: bool,
    /// The chart.
    pub drawing: Drawing,
}

/// A table. The first cell of each row is its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Description of the content.
    pub title: String,
    /// Explanation for readers.
    pub caption: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The cells; `None` is a dash.
    pub cells: Vec<Option<String>>,
    /// Whether it is set off from the others: a published one, or a sum.
    pub set_off: bool,
}

impl Row {
    /// A row of `cells`.
    pub fn of(cells: Vec<Option<String>>) -> Self {
        Self { cells, set_off: false }
    }
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A figure.
    Figure(Figure),
    /// A table.
    Table(Table),
    /// A paragraph.
    Note(String),
    /// A heading within the section.
    Heading(String),
    /// Text as it is, folded: its name and itself.
    Text(String, String),
}

/// A section of the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its anchor.
    pub id: &'static str,
    /// Its name in the row of links.
    pub short: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its parts.
    pub blocks: Vec<Block>,
}
