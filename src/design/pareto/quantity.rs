//! Quantity and unit of a table's column, for axis labels.

use crate::chart::{Prefix, significant};

/// A quantity in a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Name for people.
    pub name: String,
    /// Unit, without a prefix; empty for a plain number.
    pub unit: &'static str,
    /// One of the column in that unit.
    pub factor: f64,
    /// Whether a decimal prefix makes it readable.
    prefixed: bool,
}

impl Quantity {
    /// The quantity in the column called `column`, by the names and suffixes of hwsim's tables. Any other column is a plain
    /// number called by the column.
    pub fn of(column: &str) -> Self {
        let new = |name: &str, unit, factor, prefixed| Self {
            name: name.replace('_', " "),
            unit,
            factor,
            prefixed,
        };
        match column {
            "top1" => new("top-1", "%", 100.0, false),
            "top1_best" => new("best top-1", "%", 100.0, false),
            "energy_total_pj" => new("energy", "J", 1e-12, true),
            "total_cycles" => new("cycles", "", 1.0, true),
            "area_mm2" => new("area", "mm²", 1.0, false),
            "seconds" => new("time", "s", 1.0, true),
            "memory_mb" => new("memory", "MB", 1.0, false),
            "size_ratio" => new("model size relative to float32", "", 1.0, false),
            "test_loss" => new("test loss", "nats", 1.0, false),
            "saturation_rate" => new("saturated", "%", 100.0, false),
            "final_sparsity" => new("zero weights", "%", 100.0, false),
            "tops" => new("throughput", "TOP/s", 1.0, false),
            "tops_per_watt" => new("efficiency", "TOP/(s·W)", 1.0, false),
            "energy" | "cycles" | "area" | "time" | "accuracy" => {
                new(&format!("{column} as in the table"), "", 1.0, false)
            }
            _ => {
                let suffixes = [
                    ("_pj", "J", 1e-12, true),
                    ("_um2", "µm²", 1.0, false),
                    ("_bits", "bit", 1.0, true),
                ];
                let found = suffixes
                    .into_iter()
                    .find_map(|own| Some((column.strip_suffix(own.0)?, own.1, own.2, own.3)));
                match found {
                    Some((name, unit, factor, prefixed)) => new(name, unit, factor, prefixed),
                    None if column.ends_with("_cycles") || column == "macs" => {
                        new(column, "", 1.0, true)
                    }
                    None => {
                        Self { name: column.to_owned(), unit: "", factor: 1.0, prefixed: false }
                    }
                }
            }
        }
    }

    /// The prefix for `values` of the column.
    pub(super) fn prefix(&self, values: impl Iterator<Item = f64>) -> Prefix {
        let sizes = values.map(|value| (self.factor * value).abs()).filter(|size| size.is_finite());
        let largest = sizes.fold(0.0, f64::max);
        // Small plain numbers need none: half a cycle is no 500 millicycles.
        match self.prefixed && (!self.unit.is_empty() || largest >= 1e3) {
            true => Prefix::of(largest),
            false => Prefix { factor: 1.0, letter: "" },
        }
    }

    /// The unit with a prefix: `mJ`, or `10⁶` of a plain number; empty if there is neither.
    pub(super) fn unit_with(&self, prefix: Prefix) -> String {
        if !self.unit.is_empty() {
            return format!("{}{}", prefix.letter, self.unit);
        }
        let powers = [("k", "10³"), ("M", "10⁶"), ("G", "10⁹"), ("T", "10¹²"), ("P", "10¹⁵")];
        let power = powers.iter().find(|(letter, _)| *letter == prefix.letter);
        power.map_or_else(String::new, |(_, power)| (*power).to_owned())
    }

    /// A value of the column with its name, prefix and unit.
    pub(super) fn show(&self, value: f64, prefix: Prefix) -> String {
        let number = significant(self.factor * value / prefix.factor, 5);
        let unit = match self.unit_with(prefix) {
            unit if unit.is_empty() => unit,
            unit if self.unit.is_empty() => format!("·{unit}"),
            unit => format!(" {unit}"),
        };
        format!("{} {number}{unit}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_names_and_units() {
        let show = |column: &str, value: f64| {
            let quantity = Quantity::of(column);
            quantity.show(value, quantity.prefix([value].into_iter()))
        };
        assert_eq!(show("energy_total_pj", 2.5e9), "energy 2.5 mJ");
        assert_eq!(show("total_cycles", 29_500.0), "cycles 29.5·10³");
        assert_eq!(show("total_cycles", 174.0), "cycles 174");
        assert_eq!(show("top1", 0.745), "top-1 74.5 %");
        assert_eq!(show("dram_total_bits", 3e6), "dram total 3 Mbit");
        assert_eq!(show("energy_dram_pj", 4e3), "energy dram 4 nJ");
        assert_eq!(show("my_score", 1234.5), "my_score 1234.5");
    }
}
