//! Energy of one operation or access at any word length and capacity.

use super::interpolation::{log_log, piecewise_linear};
use super::table::{Checked, Component, EnergyRow, EnergyTable};

const BYTES_PER_KIB: f64 = 1024.0;

/// Where the energy of one bit of off-chip traffic comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum DramEnergy {
    /// The row of the table with this name, e.g. `dram` or `dram_hbm2`.
    Row(String),
    /// This many pJ per bit.
    PicojoulesPerBit(f64),
}

/// Error of a table without a row that the model needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "energy table {table} has no {row} at {node_nm} nm: add it, or choose another table or node"
)]
pub struct EnergyModelError {
    /// Name of the table.
    pub table: String,
    /// Node in nm.
    pub node_nm: u32,
    /// The missing row.
    pub row: String,
}

/// The rows of one table and node, extended to arbitrary word lengths and capacities.
///
/// A model, not a measurement: no wires, clock tree, control, voltage, frequency or toggling.
/// Rules: `E_add` is piecewise linear in the width through the origin and the `add int` rows;
/// `E_mul` is a power law in WLa·WLw through the `mult int` rows; `E_sram` is a power law in the
/// capacity between the `sram` rows and proportional to the bits; float32 is the published row only.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyModel {
    table: String,
    node_nm: u32,
    add_pj: Vec<(f64, f64)>,
    multiply_pj: Vec<(f64, f64)>,
    add_um2: Vec<(f64, f64)>,
    multiply_um2: Vec<(f64, f64)>,
    sram_pj_per_bit: Vec<(f64, f64)>,
    dram_pj_per_bit: f64,
    float32_add_pj: f64,
    float32_multiply_pj: f64,
    pe_leakage_mw: f64,
    sram_leakage_mw_per_kib: f64,
    transistor_um2: Option<f64>,
    sram_bit_um2: Option<f64>,
    all_checked: bool,
}

impl EnergyModel {
    /// The model of `table` at `node_nm`, with off-chip memory of `dram`.
    ///
    /// # Errors
    /// If the table lacks, at this node, one `add int` row, two `mult int` rows, two `sram` rows, the
    /// two float32 rows, or the named DRAM row.
    pub fn new(
        table: &EnergyTable,
        node_nm: u32,
        dram: &DramEnergy,
    ) -> Result<Self, EnergyModelError> {
        let rows: Vec<&EnergyRow> =
            table.rows().iter().filter(|row| row.node_nm == node_nm).collect();
        let missing = |row: &str| EnergyModelError {
            table: table.name().to_owned(),
            node_nm,
            row: row.to_owned(),
        };
        let at_least = |count, anchors: Vec<(f64, f64)>, row| {
            if anchors.len() < count { Err(missing(row)) } else { Ok(anchors) }
        };
        let widths = |component, value| anchors(&rows, component, width_of, value);
        let products = |value| anchors(&rows, Component::Multiply, product_of, value);
        let float32 = |component: Component| {
            rows.iter()
                .find(|row| {
                    row.component == component && row.format == "fp" && row.width_bits == Some(32)
                })
                .and_then(|row| row.energy_pj)
        };
        let leakage = |what| {
            rows.iter()
                .find(|row| row.component == Component::Leakage && row.format == what)
                .and_then(|row| row.leakage_mw)
                .unwrap_or(0.0)
        };
        let area = |what| {
            rows.iter()
                .find(|row| row.component == Component::Area && row.format == what)
                .and_then(|row| row.area_um2)
        };
        let dram_row = |name: &str| {
            rows.iter().find(|row| row.component == Component::Dram(name.to_owned())).copied()
        };
        let dram_pj_per_bit = match dram {
            DramEnergy::PicojoulesPerBit(energy) => *energy,
            DramEnergy::Row(name) => dram_row(name)
                .and_then(pj_per_bit)
                .ok_or_else(|| missing(&format!("`{name}` row")))?,
        };
        let used = |row: &EnergyRow| match &row.component {
            Component::Dram(name) => *dram == DramEnergy::Row(name.clone()),
            Component::Add | Component::Multiply => {
                row.format == "int" || (row.format == "fp" && row.width_bits == Some(32))
            }
            Component::Sram | Component::Leakage => true,
            Component::Area => false,
        };
        Ok(Self {
            table: table.name().to_owned(),
            node_nm,
            add_pj: at_least(1, widths(Component::Add, energy_of), "`add int` row")?,
            multiply_pj: at_least(2, products(energy_of), "two `mult int` rows")?,
            add_um2: widths(Component::Add, area_of),
            multiply_um2: products(area_of),
            sram_pj_per_bit: at_least(
                2,
                anchors(&rows, Component::Sram, kib_of, pj_per_bit),
                "two `sram` rows",
            )?,
            dram_pj_per_bit,
            float32_add_pj: float32(Component::Add).ok_or_else(|| missing("`add fp 32` row"))?,
            float32_multiply_pj: float32(Component::Multiply)
                .ok_or_else(|| missing("`mult fp 32` row"))?,
            pe_leakage_mw: leakage("pe"),
            sram_leakage_mw_per_kib: leakage("sram_kib"),
            transistor_um2: area("transistor"),
            sram_bit_um2: area("sram_bit"),
            all_checked: rows
                .iter()
                .filter(|row| used(row))
                .all(|row| matches!(row.checked, Checked::Yes | Checked::EnergyOnly)),
        })
    }

    /// Name of the table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Technology node in nm.
    pub fn node_nm(&self) -> u32 {
        self.node_nm
    }

    /// Whether every energy that the model uses was compared with its source. A report must not
    /// present the energies of a model as verified if not.
    pub fn all_checked(&self) -> bool {
        self.all_checked
    }

    /// Energy in pJ of one integer addition of `bits` bits.
    pub fn add_pj(&self, bits: u32) -> f64 {
        piecewise_linear(&self.add_pj, f64::from(bits))
    }

    /// Energy in pJ of one integer multiplication of a word of `wl_a` bits by one of `wl_b` bits.
    pub fn multiply_pj(&self, wl_a: u32, wl_b: u32) -> f64 {
        log_log(&self.multiply_pj, f64::from(wl_a) * f64::from(wl_b))
    }

    /// Energy in pJ of one MAC: a multiplication and an addition of `accumulator_bits` bits.
    pub fn mac_pj(&self, wl_a: u32, wl_b: u32, accumulator_bits: u32) -> f64 {
        self.multiply_pj(wl_a, wl_b) + self.add_pj(accumulator_bits)
    }

    /// Area in µm² of an integer MAC; `None` if the table states no areas at this node.
    pub fn mac_um2(&self, wl_a: u32, wl_b: u32, accumulator_bits: u32) -> Option<f64> {
        if self.multiply_um2.len() < 2 || self.add_um2.is_empty() {
            return None;
        }
        let multiply = log_log(&self.multiply_um2, f64::from(wl_a) * f64::from(wl_b));
        Some(multiply + piecewise_linear(&self.add_um2, f64::from(accumulator_bits)))
    }

    /// Energy in pJ per bit read from or written to an SRAM of `capacity_bits` bits (at least 1).
    pub fn sram_pj_per_bit(&self, capacity_bits: u64) -> f64 {
        log_log(&self.sram_pj_per_bit, capacity_bits as f64 / (8.0 * BYTES_PER_KIB))
    }

    /// Energy in pJ per bit read from or written to off-chip memory.
    pub fn dram_pj_per_bit(&self) -> f64 {
        self.dram_pj_per_bit
    }

    /// Energy in pJ of one float32 addition.
    pub fn float32_add_pj(&self) -> f64 {
        self.float32_add_pj
    }

    /// Energy in pJ of one float32 multiplication.
    pub fn float32_multiply_pj(&self) -> f64 {
        self.float32_multiply_pj
    }

    /// Energy in pJ of one float32 operation of the vector unit: the mean of an addition and a
    /// multiplication, since its operations are about as many of either.
    pub fn float32_operation_pj(&self) -> f64 {
        (self.float32_add_pj + self.float32_multiply_pj) / 2.0
    }

    /// Area in µm² of one transistor of logic ([`transistors`](super::transistors) counts them); `None` if
    /// the table states none at this node.
    pub fn transistor_um2(&self) -> Option<f64> {
        self.transistor_um2
    }

    /// Area in µm² of one bit of SRAM with its periphery; `None` if the table states none at this node.
    pub fn sram_bit_um2(&self) -> Option<f64> {
        self.sram_bit_um2
    }

    /// Static power in mW of `processing_elements` and `sram_bits`; 0 if the table states none.
    pub fn leakage_mw(&self, processing_elements: u64, sram_bits: u64) -> f64 {
        let sram_kib = sram_bits as f64 / (8.0 * BYTES_PER_KIB);
        self.pe_leakage_mw * processing_elements as f64 + self.sram_leakage_mw_per_kib * sram_kib
    }
}

/// The (x, y) of all rows of `component` (integer rows of an operation) that have both, x ascending.
fn anchors(
    rows: &[&EnergyRow],
    component: Component,
    x: fn(&EnergyRow) -> Option<f64>,
    y: fn(&EnergyRow) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let mut anchors: Vec<_> = rows
        .iter()
        .filter(|row| row.component == component)
        .filter(|row| component == Component::Sram || row.format == "int")
        .filter_map(|row| Some((x(row)?, y(row)?)))
        .collect();
    anchors.sort_by(|a, b| a.0.total_cmp(&b.0));
    anchors
}

fn width_of(row: &EnergyRow) -> Option<f64> {
    row.width_bits.map(f64::from)
}

fn product_of(row: &EnergyRow) -> Option<f64> {
    width_of(row).map(|width| width * width)
}

fn kib_of(row: &EnergyRow) -> Option<f64> {
    row.capacity_bytes.map(|bytes| bytes as f64 / BYTES_PER_KIB)
}

fn energy_of(row: &EnergyRow) -> Option<f64> {
    row.energy_pj
}

fn area_of(row: &EnergyRow) -> Option<f64> {
    row.area_um2
}

fn pj_per_bit(row: &EnergyRow) -> Option<f64> {
    Some(row.energy_pj? / f64::from(row.access_bits?))
}

#[cfg(test)]
mod tests {
    use super::super::EnergyTables;
    use super::*;

    fn model(table: &str, node_nm: u32, dram: &str) -> Result<EnergyModel, EnergyModelError> {
        let tables = EnergyTables::builtin().unwrap();
        EnergyModel::new(tables.get(table).unwrap(), node_nm, &DramEnergy::Row(dram.to_owned()))
    }

    #[test]
    fn every_example_of_the_reference_model_agrees_to_nine_digits() {
        let models = [
            model("horowitz-2014", 45, "dram").unwrap(),
            model("jouppi-2021", 7, "dram_hbm2").unwrap(),
        ];
        let text = include_str!("../../energy/model_examples.csv");
        let mut compared = [0; 3];
        for record in csv::Reader::from_reader(text.as_bytes()).records() {
            let record = record.unwrap();
            let number = |field: usize| record[field].parse::<u32>().unwrap();
            let model = models.iter().find(|model| model.node_nm() == number(5)).unwrap();
            let value = match &record[0] {
                "mac_pj" => {
                    compared[0] += 1;
                    model.mac_pj(number(1), number(2), number(3))
                }
                "sram_pj" => {
                    compared[1] += 1;
                    model.sram_pj_per_bit(u64::from(number(3)) * 8192) * f64::from(number(4))
                }
                "mac_um2" => {
                    compared[2] += 1;
                    model.mac_um2(number(1), number(2), number(3)).unwrap()
                }
                other => panic!("unknown quantity {other}"),
            };
            let expected: f64 = record[6].parse().unwrap();
            assert!((value / expected - 1.0).abs() < 5.1e-9, "{record:?}: {value}");
        }
        assert_eq!(compared, [30, 44, 8]);
    }

    #[test]
    fn dram_and_float32_come_from_their_rows() {
        let horowitz = model("horowitz-2014", 45, "dram").unwrap();
        assert_eq!(horowitz.dram_pj_per_bit(), 20.3125);
        assert_eq!((horowitz.float32_add_pj(), horowitz.float32_multiply_pj()), (0.9, 3.7));
        assert!(horowitz.all_checked());
        let jouppi = model("jouppi-2021", 7, "dram_hbm2").unwrap();
        assert_eq!(jouppi.dram_pj_per_bit(), 350.0 / 64.0);
        assert!(!jouppi.all_checked());
        assert_eq!(jouppi.mac_um2(8, 8, 32), None);
        assert_eq!(jouppi.leakage_mw(1 << 16, 1 << 30), 0.0);
    }

    #[test]
    fn a_missing_row_is_named() {
        let error = model("horowitz-2014", 45, "dram_hbm2").unwrap_err();
        assert_eq!(
            error.to_string(),
            "energy table horowitz-2014 has no `dram_hbm2` row at 45 nm: add it, or choose another \
             table or node"
        );
        let error = model("horowitz-2014", 7, "dram").unwrap_err();
        assert_eq!((error.row.as_str(), error.node_nm), ("`dram` row", 7));
    }

    #[test]
    fn a_table_of_ones_own_may_state_leakage() {
        let own = concat!(
            include_str!("../../energy/horowitz-2014.csv"),
            "leakage,pe,,,,45,,,,,0.5,measured,yes\nleakage,sram_kib,,,,45,,,,,0.25,measured,yes\n"
        );
        let table = EnergyTable::from_csv(own, "own").unwrap();
        let model = EnergyModel::new(&table, 45, &DramEnergy::PicojoulesPerBit(4.0)).unwrap();
        assert_eq!(model.leakage_mw(16, 2 * 8192), 8.5);
        assert_eq!(model.dram_pj_per_bit(), 4.0);
    }
}
