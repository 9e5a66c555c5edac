//! Tables of published energies and areas.

use super::row_reader::{COLUMNS, Fields, column_positions};
use std::collections::{BTreeMap, BTreeSet};

/// The component that a row of a table describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// One addition of two words of `width_bits`.
    Add,
    /// One multiplication of two words of `width_bits`.
    Multiply,
    /// One access of `access_bits` to an on-chip memory of `capacity_bytes`.
    Sram,
    /// One access of `access_bits` to an off-chip memory; the name begins with `dram`.
    Dram(String),
    /// Static power: of one processing element (format `pe`) or one KiB of SRAM (`sram_kib`).
    Leakage,
    /// Area: of one transistor of logic (format `transistor`) or one bit of SRAM (`sram_bit`).
    Area,
}

/// Whether the values of a row were compared with a copy of their source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Checked {
    /// Compared with at least one independent transcription.
    Yes,
    /// The energy was compared, the area written from memory.
    EnergyOnly,
    /// Not compared.
    No,
    /// Written from knowledge of the publication, not compared.
    Recalled,
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyRow {
    /// The component described.
    pub component: Component,
    /// Number format of an operation (`int`, `fp`, `bf`), what leaks (`pe`, `sram_kib`) or what takes area
    /// (`transistor`, `sram_bit`).
    pub format: String,
    /// Word length of an operation in bits.
    pub width_bits: Option<u32>,
    /// Capacity of a memory in bytes.
    pub capacity_bytes: Option<u64>,
    /// Width of one access to a memory in bits.
    pub access_bits: Option<u32>,
    /// Technology node in nm.
    pub node_nm: u32,
    /// Energy in pJ of one operation or access, as the model uses it.
    pub energy_pj: Option<f64>,
    /// The lowest energy in pJ that the source gives, if it gives a range.
    pub energy_pj_min: Option<f64>,
    /// The highest energy in pJ that the source gives, if it gives a range.
    pub energy_pj_max: Option<f64>,
    /// Area in µm².
    pub area_um2: Option<f64>,
    /// Static power in mW.
    pub leakage_mw: Option<f64>,
    /// Publication or measurement.
    pub source: String,
    /// Whether the values were compared with their source.
    pub checked: Checked,
}

impl EnergyRow {
    /// What the row states, apart from its values.
    fn quantity(&self) -> (Component, String, u64, u32) {
        let (format, size) = match self.component {
            Component::Add | Component::Multiply => {
                (self.format.as_str(), self.width_bits.map_or(0, u64::from))
            }
            Component::Sram => ("", self.capacity_bytes.unwrap_or(0)),
            Component::Dram(_) => ("", 0),
            Component::Leakage | Component::Area => (self.format.as_str(), 0),
        };
        (self.component.clone(), format.to_owned(), size, self.node_nm)
    }
}

/// Error of reading a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnergyTableError {
    /// The text is not CSV, or a row has too few or too many fields.
    #[error("energy table {file}: {message}")]
    Csv {
        /// Name of the table.
        file: String,
        /// What the CSV reader found, with its line.
        message: String,
    },
    /// The header lacks a column or has one that is unknown or double.
    #[error("energy table {file}, line 1: {problem} column `{column}`; the columns are {}", COLUMNS.join(","))]
    Column {
        /// Name of the table.
        file: String,
        /// `missing`, `unknown` or `repeated`.
        problem: &'static str,
        /// The column.
        column: String,
    },
    /// A field holds something impossible.
    #[error("energy table {file}, line {line}, column `{column}`: `{value}` is not {allowed}")]
    Value {
        /// Name of the table.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// Column of the field.
        column: &'static str,
        /// The text of the field.
        value: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Two rows state the same quantity.
    #[error("energy table {file}, line {line}: an earlier row already states this quantity")]
    Repeated {
        /// Name of the table.
        file: String,
        /// Line of the second row, counted from 1.
        line: u64,
    },
}

/// A named table of published energies and areas.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyTable {
    name: String,
    rows: Vec<EnergyRow>,
}

impl EnergyTable {
    /// Reads a table from CSV `text`; `name` is what machine descriptions call it.
    ///
    /// # Errors
    /// If the text is not CSV with exactly the columns of `docs/machine.md`, a field is out of range,
    /// a field that the component needs is empty, or two rows state the same quantity.
    pub fn from_csv(text: &str, name: &str) -> Result<Self, EnergyTableError> {
        let csv_error = |error: csv::Error| EnergyTableError::Csv {
            file: name.to_owned(),
            message: error.to_string(),
        };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(csv_error)?.clone();
        let columns = column_positions(&header, name)?;
        let mut rows: Vec<EnergyRow> = Vec::new();
        let mut seen = BTreeSet::new();
        for record in reader.records() {
            let record = record.map_err(csv_error)?;
            let line = record.position().map_or(0, csv::Position::line);
            let row = Fields { record: &record, columns: &columns, file: name, line }.row()?;
            if !seen.insert(row.quantity()) {
                return Err(EnergyTableError::Repeated { file: name.to_owned(), line });
            }
            rows.push(row);
        }
        Ok(Self { name: name.to_owned(), rows })
    }

    /// What machine descriptions call this table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All rows, in the order of the text.
    pub fn rows(&self) -> &[EnergyRow] {
        &self.rows
    }

    /// The nodes in nm that have rows, ascending.
    pub fn nodes_nm(&self) -> Vec<u32> {
        self.rows.iter().map(|row| row.node_nm).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Names and texts of the shipped tables.
const SHIPPED: [(&str, &str); 2] = [
    ("horowitz-2014", include_str!("../../energy/horowitz-2014.csv")),
    ("jouppi-2021", include_str!("../../energy/jouppi-2021.csv")),
];

/// The tables that machine descriptions may name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EnergyTables {
    tables: BTreeMap<String, EnergyTable>,
}

impl EnergyTables {
    /// The shipped tables: `horowitz-2014` (45 nm) and `jouppi-2021` (7 nm).
    ///
    /// # Errors
    /// Never, unless this crate was built with a damaged table.
    pub fn builtin() -> Result<Self, EnergyTableError> {
        let mut tables = Self::default();
        for (name, text) in SHIPPED {
            tables.insert(EnergyTable::from_csv(text, name)?);
        }
        Ok(tables)
    }

    /// Names of the shipped tables.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.into_iter().map(|(name, _)| name)
    }

    /// The CSV text of the shipped table `name`.
    pub fn builtin_csv(name: &str) -> Option<&'static str> {
        SHIPPED.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text)
    }

    /// Adds `table`; one of the same name is replaced and returned.
    pub fn insert(&mut self, table: EnergyTable) -> Option<EnergyTable> {
        self.tables.insert(table.name.clone(), table)
    }

    /// The table called `name`.
    pub fn get(&self, name: &str) -> Option<&EnergyTable> {
        self.tables.get(name)
    }

    /// The names of all tables, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.tables.keys().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(row: &str) -> Result<EnergyTable, EnergyTableError> {
        EnergyTable::from_csv(&format!("{}\n{row}\n", COLUMNS.join(",")), "mine")
    }

    #[test]
    fn shipped_tables_hold_every_published_row() {
        let tables = EnergyTables::builtin().unwrap();
        assert_eq!(tables.names(), ["horowitz-2014", "jouppi-2021"]);
        let rows = |name| tables.get(name).unwrap().rows();
        assert_eq!((rows("horowitz-2014").len(), rows("jouppi-2021").len()), (16, 18));
        let published = |row: &&EnergyRow| row.component != Component::Area;
        let mut jouppi = rows("jouppi-2021").iter().filter(published);
        assert!(jouppi.all(|row| row.checked == Checked::No));
        assert_eq!(rows("horowitz-2014")[1].checked, Checked::EnergyOnly);
        assert_eq!(tables.get("horowitz-2014").unwrap().nodes_nm(), [45]);
    }

    #[test]
    fn impossible_fields_are_named_with_line_and_column() {
        for (row, message) in [
            (
                "add,int,8,,,45,-1,,,,,X,yes",
                "energy table mine, line 2, column `energy_pj`: `-1` is not a number above 0, or empty",
            ),
            (
                "add,int,8,,,45,nan,,,,,X,yes",
                "energy table mine, line 2, column `energy_pj`: `nan` is not a number above 0, or empty",
            ),
            (
                "divide,int,8,,,45,1,,,,,X,yes",
                "energy table mine, line 2, column `component`: `divide` is not add, mult, sram, leakage, \
                 area or a name that begins with dram",
            ),
            (
                "sram,,,,64,45,1,,,,,X,yes",
                "energy table mine, line 2, column `capacity_bytes`: `` is not a capacity in bytes, as \
                 an SRAM needs",
            ),
            (
                "dram,,,,64,45,9,10,20,,,X,yes",
                "energy table mine, line 2, column `energy_pj`: `9` is not between energy_pj_min and \
                 energy_pj_max",
            ),
            (
                "leakage,pe,,,,45,,,,,,X,yes",
                "energy table mine, line 2, column `leakage_mw`: `` is not a power in mW, as a leakage \
                 row needs",
            ),
            (
                "area,sram_bit,,,,45,,,,,,X,yes",
                "energy table mine, line 2, column `area_um2`: `` is not an area in µm², as an area row \
                 needs",
            ),
            (
                "add,int,8,,,45,1,,,,,X,perhaps",
                "energy table mine, line 2, column `checked`: `perhaps` is not yes, \
                 energy_yes_area_recalled, no or recalled",
            ),
            (
                "add,int,8,,,45,1,,,,,X,yes\nadd,int,8,,,45,2,,,,,X,yes",
                "energy table mine, line 3: an earlier row already states this quantity",
            ),
        ] {
            assert_eq!(with(row).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_wrong_header_or_a_truncated_row_is_refused() {
        let error = EnergyTable::from_csv("component,colour\n", "mine").unwrap_err();
        assert!(error.to_string().contains("unknown column `colour`"), "{error}");
        let error = EnergyTable::from_csv("", "mine").unwrap_err();
        assert!(error.to_string().contains("missing column `component`"), "{error}");
        let error = with("add,int,8,,,45").unwrap_err();
        assert!(error.to_string().contains("line: 2"), "{error}");
    }
}
