//! One row of an energy table from the fields of a CSV record.

use super::table::{Checked, Component, EnergyRow, EnergyTableError};
use std::collections::BTreeMap;

/// The columns of a table, in any order; all must be there.
pub(super) const COLUMNS: [&str; 13] = [
    "component",
    "format",
    "width_bits",
    "capacity_bytes",
    "access_bits",
    "node_nm",
    "energy_pj",
    "energy_pj_min",
    "energy_pj_max",
    "area_um2",
    "leakage_mw",
    "source",
    "checked",
];

/// Where each column stands.
pub(super) fn column_positions<'a>(
    header: &csv::StringRecord,
    file: &str,
) -> Result<BTreeMap<&'a str, usize>, EnergyTableError> {
    let error = |problem, column: &str| EnergyTableError::Column {
        file: file.to_owned(),
        problem,
        column: column.to_owned(),
    };
    let mut positions = BTreeMap::new();
    for (position, name) in header.iter().enumerate() {
        let Some(&column) = COLUMNS.iter().find(|&&column| column == name) else {
            return Err(error("unknown", name));
        };
        if positions.insert(column, position).is_some() {
            return Err(error("repeated", name));
        }
    }
    match COLUMNS.iter().find(|&&column| !positions.contains_key(column)) {
        Some(missing) => Err(error("missing", missing)),
        None => Ok(positions),
    }
}

/// The fields of one row.
pub(super) struct Fields<'a> {
    pub(super) record: &'a csv::StringRecord,
    pub(super) columns: &'a BTreeMap<&'a str, usize>,
    pub(super) file: &'a str,
    pub(super) line: u64,
}

impl Fields<'_> {
    fn text(&self, column: &'static str) -> &str {
        self.columns
            .get(column)
            .and_then(|&position| self.record.get(position))
            .unwrap_or("")
            .trim()
    }

    fn refuse<T>(
        &self,
        column: &'static str,
        allowed: &'static str,
    ) -> Result<T, EnergyTableError> {
        Err(EnergyTableError::Value {
            file: self.file.to_owned(),
            line: self.line,
            column,
            value: self.text(column).to_owned(),
            allowed,
        })
    }

    /// The number in `column`, or `None` if the field is empty.
    fn number<T: std::str::FromStr>(
        &self,
        column: &'static str,
        allowed: &'static str,
        valid: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, EnergyTableError> {
        match (self.text(column), self.text(column).parse::<T>()) {
            ("", _) => Ok(None),
            (_, Ok(number)) if valid(&number) => Ok(Some(number)),
            _ => self.refuse(column, allowed),
        }
    }

    fn positive(&self, column: &'static str) -> Result<Option<f64>, EnergyTableError> {
        self.number(column, "a number above 0, or empty", |&x: &f64| x > 0.0 && x.is_finite())
    }

    fn component(&self) -> Result<Component, EnergyTableError> {
        match self.text("component") {
            "add" => Ok(Component::Add),
            "mult" => Ok(Component::Multiply),
            "sram" => Ok(Component::Sram),
            "leakage" => Ok(Component::Leakage),
            "area" => Ok(Component::Area),
            name if name.starts_with("dram") => Ok(Component::Dram(name.to_owned())),
            _ => self.refuse(
                "component",
                "add, mult, sram, leakage, area or a name that begins with dram",
            ),
        }
    }

    /// The row, checked for all that its component needs.
    pub(super) fn row(&self) -> Result<EnergyRow, EnergyTableError> {
        let checked = match self.text("checked") {
            "yes" => Checked::Yes,
            "energy_yes_area_recalled" => Checked::EnergyOnly,
            "no" => Checked::No,
            "recalled" => Checked::Recalled,
            _ => self.refuse("checked", "yes, energy_yes_area_recalled, no or recalled")?,
        };
        let node_nm = self.number("node_nm", "a node in nm", |&node: &u32| node > 0)?;
        let Some(node_nm) = node_nm else { return self.refuse("node_nm", "a node in nm") };
        let row = EnergyRow {
            component: self.component()?,
            format: self.text("format").to_owned(),
            width_bits: self
                .number("width_bits", "1 to 128 bits, or empty", |bits| (1..=128).contains(bits))?,
            capacity_bytes: self
                .number("capacity_bytes", "a number of bytes, or empty", |&n| n > 0)?,
            access_bits: self.number("access_bits", "a number of bits, or empty", |&n| n > 0)?,
            node_nm,
            energy_pj: self.positive("energy_pj")?,
            energy_pj_min: self.positive("energy_pj_min")?,
            energy_pj_max: self.positive("energy_pj_max")?,
            area_um2: self.positive("area_um2")?,
            leakage_mw: self.number(
                "leakage_mw",
                "a number of at least 0, or empty",
                |&x: &f64| x >= 0.0 && x.is_finite(),
            )?,
            source: self.text("source").to_owned(),
            checked,
        };
        self.complete(&row)?;
        Ok(row)
    }

    /// Refuses a row that lacks what its component needs.
    fn complete(&self, row: &EnergyRow) -> Result<(), EnergyTableError> {
        if row.source.is_empty() {
            return self.refuse("source", "the name of a publication or measurement");
        }
        if row.component == Component::Leakage {
            if !["pe", "sram_kib"].contains(&row.format.as_str()) {
                return self.refuse("format", "pe or sram_kib, as a leakage row needs");
            }
            if row.leakage_mw.is_none() {
                return self.refuse("leakage_mw", "a power in mW, as a leakage row needs");
            }
            return Ok(());
        }
        if row.component == Component::Area {
            if !["transistor", "sram_bit"].contains(&row.format.as_str()) {
                return self.refuse("format", "transistor or sram_bit, as an area row needs");
            }
            if row.area_um2.is_none() {
                return self.refuse("area_um2", "an area in µm², as an area row needs");
            }
            return Ok(());
        }
        let Some(energy) = row.energy_pj else {
            return self.refuse("energy_pj", "an energy in pJ, as this component needs");
        };
        if row.energy_pj_min.is_some_and(|min| energy < min)
            || row.energy_pj_max.is_some_and(|max| energy > max)
        {
            return self.refuse("energy_pj", "between energy_pj_min and energy_pj_max");
        }
        match row.component {
            Component::Add | Component::Multiply => {
                if !["int", "fp", "bf"].contains(&row.format.as_str()) {
                    return self.refuse("format", "int, fp or bf, as an operation needs");
                }
                if row.width_bits.is_none() {
                    return self.refuse("width_bits", "a width in bits, as an operation needs");
                }
            }
            _ => {
                if row.component == Component::Sram && row.capacity_bytes.is_none() {
                    return self.refuse("capacity_bytes", "a capacity in bytes, as an SRAM needs");
                }
                if row.access_bits.is_none() {
                    return self.refuse("access_bits", "a width in bits, as a memory needs");
                }
            }
        }
        Ok(())
    }
}
