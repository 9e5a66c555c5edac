//! Builds the machine of a sweep point: a base machine with the point's changes.

use super::{Point, SweepError};
use hwmodel::energy::EnergyTables;
use hwmodel::mac_style::MacStyle;
use hwmodel::machine::Machine;
use toml::{Table, Value};

const BITS_PER_KIB: i64 = 8192;

/// Axes that set keys of a machine description, with the keys.
const KEYS: [(&str, &[&str]); 22] = [
    ("rows", &["array.rows"]),
    ("columns", &["array.columns"]),
    ("dataflow", &["dataflow"]),
    ("accumulator", &["accumulator.width"]),
    ("accumulator-overflow", &["accumulator.overflow"]),
    ("accumulator-fl", &["accumulator.fl"]),
    ("accumulator-rounding", &["accumulator.rounding"]),
    ("accumulator-cast", &["accumulator.cast"]),
    ("accumulator-bias", &["accumulator.bias"]),
    ("accumulator-inner-terms", &["accumulator.inner_terms"]),
    ("accumulator-inner-width", &["accumulator.inner_width"]),
    ("accumulator-inner-overflow", &["accumulator.inner_overflow"]),
    ("accumulator-tile-terms", &["accumulator.tile_terms"]),
    ("accumulator-tile-width", &["accumulator.tile_width"]),
    ("accumulator-tile-shift", &["accumulator.tile_shift"]),
    ("accumulator-tile-rounding", &["accumulator.tile_rounding"]),
    ("accumulator-tile-group", &["accumulator.tile_group"]),
    ("accumulator-tile-last-exact", &["accumulator.tile_last_exact"]),
    ("sram-kib", &["sram.input_bits", "sram.weight_bits", "sram.output_bits"]),
    ("sram-bandwidth", &["sram.bandwidth_bits_per_cycle"]),
    ("bandwidth", &["dram.bandwidth_bits_per_cycle"]),
    ("clock-mhz", &["clock_mhz"]),
];
/// Axes with separate rules; `machine` names the base.
const OTHERS: [&str; 4] = ["machine", "mac-style", "mac-width", "node"];

/// Table and row of DRAM of each node that another table than the base's may be needed for.
const NODES: [(i64, &str, &str); 2] =
    [(45, "horowitz-2014", "dram"), (7, "jouppi-2021", "dram_hbm2")];

/// A machine description to start from.
#[derive(Debug, Clone)]
pub struct Base {
    /// Name, as in messages.
    pub name: String,
    /// TOML text.
    pub text: String,
    /// Energy tables that it may name.
    pub tables: EnergyTables,
}

/// A machine made for a point.
#[derive(Debug, Clone)]
pub struct Design {
    /// The machine.
    pub machine: Machine,
    /// Its description: equal text, equal machine.
    pub text: String,
    /// The point without axes that its machine does not have.
    pub point: Point,
}

/// Whether `axis` changes the machine.
pub fn is_machine_axis(axis: &str) -> bool {
    OTHERS.contains(&axis) || KEYS.iter().any(|(name, _)| *name == axis)
}

/// The machine of `point`, starting from `base`; axes that change no machine are left alone.
///
/// `mac-width` is the native width of `fixed`, the width of a brick of `composable` and that of the parallel operand of
/// `bit-serial`; `exact` and `dsp` have none, and the point loses the axis. A change of `mac-style` takes the keys of the
/// old style away. `node` is a node of the base's table, or 45 (`horowitz-2014`, `dram`) or 7 nm (`jouppi-2021`,
/// `dram_hbm2`).
///
/// # Errors
/// If such a machine is impossible.
pub fn design(base: &Base, point: &Point) -> Result<Design, SweepError> {
    let mut point = point.clone();
    let mut keys: Table = base
        .text
        .parse()
        .map_err(|error| SweepError::Toml { file: base.name.clone(), source: Box::new(error) })?;
    for (axis, value) in &point.0 {
        let Some((_, paths)) = KEYS.iter().find(|(name, _)| name == axis) else { continue };
        let value = match (axis.as_str(), value) {
            ("sram-kib", Value::Integer(kib)) => Value::Integer(kib.saturating_mul(BITS_PER_KIB)),
            (_, value) => value.clone(),
        };
        paths.iter().for_each(|path| set(&mut keys, path, value.clone()));
    }
    if let Some(style) = point.get("mac-style").cloned() {
        let mac = section(&mut keys, "mac");
        if mac.get("style").and_then(Value::as_str).unwrap_or("exact")
            != style.as_str().unwrap_or("")
        {
            let of_a_style = |key: &str| {
                MacStyle::ALL.iter().any(|style| style.keys.iter().any(|known| known.name() == key))
            };
            mac.retain(|key, _| key != "style" && !of_a_style(key));
        }
        mac.insert("style".to_owned(), style);
    }
    if let Some(width) = point.get("mac-width").cloned() {
        let mac = section(&mut keys, "mac");
        let style = mac.get("style").and_then(Value::as_str).unwrap_or("exact").to_owned();
        let style = MacStyle::ALL.iter().find(|known| known.name == style);
        match style.and_then(|style| style.width) {
            Some(key) => {
                mac.insert(key.name().to_owned(), width);
            }
            None => point.remove("mac-width"),
        }
    }
    if let Some(node) = point.get("node").cloned() {
        set_node(&mut keys, &base.tables, node);
    }
    let text = keys.to_string();
    let name = if point.0.iter().all(|(axis, _)| axis == "machine" || !is_machine_axis(axis)) {
        base.name.clone()
    } else {
        let mut own = point.clone();
        own.0.retain(|(axis, _)| axis != "machine" && is_machine_axis(axis));
        format!("{} {own}", base.name)
    };
    let machine = Machine::from_toml(&text, &name, &base.tables).map_err(|source| {
        SweepError::Machine { point: point.to_string(), source: Box::new(source) }
    })?;
    Ok(Design { machine, text, point })
}

fn section<'a>(keys: &'a mut Table, name: &str) -> &'a mut Table {
    let section = keys.entry(name).or_insert_with(|| Value::Table(Table::new()));
    if !section.is_table() {
        *section = Value::Table(Table::new());
    }
    section.as_table_mut().expect("made one above")
}

fn set(keys: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        Some((name, key)) => section(keys, name).insert(key.to_owned(), value),
        None => keys.insert(path.to_owned(), value),
    };
}

/// Sets the node, and another table if the base's does not have it.
fn set_node(keys: &mut Table, tables: &EnergyTables, node: Value) {
    let energy = section(keys, "energy");
    let table = energy.get("table").and_then(Value::as_str).unwrap_or_default().to_owned();
    let known =
        |nodes: &[u32]| nodes.iter().any(|&known| Some(i64::from(known)) == node.as_integer());
    let has = tables.get(&table).is_some_and(|table| known(&table.nodes_nm()));
    let other = NODES.iter().find(|(of, ..)| Some(*of) == node.as_integer());
    if let (false, Some((_, table, dram))) = (has, other) {
        energy.insert("table".to_owned(), Value::String((*table).to_owned()));
        if energy.remove("dram").is_some() {
            energy.insert("dram".to_owned(), Value::String((*dram).to_owned()));
        }
    }
    energy.insert("node_nm".to_owned(), node);
}

#[cfg(test)]
mod tests {
    use super::super::grid::value_of;
    use super::*;

    fn base(name: &str) -> Base {
        let text = Machine::builtin_toml(name).unwrap().to_owned();
        Base { name: name.to_owned(), text, tables: EnergyTables::builtin().unwrap() }
    }

    fn point(axes: &[(&str, &str)]) -> Point {
        Point(axes.iter().map(|(axis, value)| ((*axis).to_owned(), value_of(value))).collect())
    }

    #[test]
    fn every_axis_reaches_the_machine() {
        let all = [
            ("rows", "8"),
            ("columns", "4"),
            ("dataflow", "weight-stationary"),
            ("mac-style", "fixed"),
            ("mac-width", "6"),
            ("accumulator", "20"),
            ("sram-kib", "32"),
            ("sram-bandwidth", "333"),
            ("bandwidth", "77"),
            ("clock-mhz", "123"),
            ("node", "7"),
        ];
        let made = design(&base("edge-16x16"), &point(&all)).unwrap().machine;
        assert_eq!((made.array().rows, made.array().columns), (8, 4));
        assert_eq!(made.dataflow().name(), "weight-stationary");
        assert_eq!(made.mac().style.describe(), {
            let text = Machine::builtin_toml("edge-16x16").unwrap();
            let text = text.replace("style = \"exact\"", "style = \"fixed\"\nnative_bits = 6");
            let tables = EnergyTables::builtin().unwrap();
            Machine::from_toml(&text, "x", &tables).unwrap().mac().style.describe()
        });
        assert_eq!(made.accumulator_bits(8, 8, 1), 20);
        let memory = made.memory();
        assert_eq!(memory.sram_bits.total(), 3 * 32 * 8192);
        assert_eq!(memory.sram_bandwidth_bits_per_cycle.input, 333);
        assert_eq!((memory.dram_bandwidth_bits_per_cycle, made.clock_mhz()), (77, 123.0));
        assert_eq!((made.energy().table(), made.energy().node_nm()), ("jouppi-2021", 7));
        assert!(all.iter().all(|(axis, _)| is_machine_axis(axis)) && !is_machine_axis("wl"));
    }

    #[test]
    fn the_levels_of_an_accumulator_are_axes() {
        let all = [
            ("accumulator", "24"),
            ("accumulator-overflow", "wrap"),
            ("accumulator-fl", "4"),
            ("accumulator-rounding", "half-up"),
            ("accumulator-cast", "sum"),
            ("accumulator-bias", "first"),
            ("accumulator-inner-terms", "8"),
            ("accumulator-inner-width", "16"),
            ("accumulator-inner-overflow", "wrap"),
            ("accumulator-tile-terms", "64"),
            ("accumulator-tile-width", "12"),
            ("accumulator-tile-shift", "3"),
            ("accumulator-tile-rounding", "floor"),
            ("accumulator-tile-group", "2"),
            ("accumulator-tile-last-exact", "true"),
        ];
        let made = design(&base("edge-16x16"), &point(&all)).unwrap();
        let text = Machine::builtin_toml("edge-16x16").unwrap().parse::<Table>().unwrap();
        let mut keys = text;
        let accumulator = "width = 24\noverflow = \"wrap\"\nfl = 4\nrounding = \"half-up\"\ncast = \"sum\"\n\
            bias = \"first\"\ninner_terms = 8\ninner_width = 16\ninner_overflow = \"wrap\"\ntile_terms = 64\n\
            tile_width = 12\ntile_shift = 3\ntile_rounding = \"floor\"\ntile_group = 2\ntile_last_exact = true\n";
        keys.insert("accumulator".to_owned(), Value::Table(accumulator.parse().unwrap()));
        let tables = EnergyTables::builtin().unwrap();
        let expected = Machine::from_toml(&keys.to_string(), "x", &tables).unwrap();
        assert_eq!(made.machine.accumulator(), expected.accumulator());
        assert!(all.iter().all(|(axis, _)| is_machine_axis(axis)));
        let error = design(&base("edge-16x16"), &point(&[("accumulator-inner-width", "16")]));
        let error = error.unwrap_err();
        let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
        assert!(
            text.contains("`accumulator.inner_width` needs `accumulator.inner_terms`"),
            "{text}"
        );
    }

    #[test]
    fn no_axis_gives_the_base_itself() {
        for name in Machine::names() {
            let made = design(&base(name), &point(&[("machine", name)])).unwrap().machine;
            assert_eq!(made, Machine::builtin(name).unwrap());
        }
    }

    #[test]
    fn styles_without_a_width_lose_the_axis() {
        let base = base("bit-fusion-like-32x16");
        let exact = design(&base, &point(&[("mac-style", "exact"), ("mac-width", "4")])).unwrap();
        assert_eq!(exact.point, point(&[("mac-style", "exact")]));
        let brick = design(&base, &point(&[("mac-width", "4")])).unwrap();
        assert_ne!(brick.machine.mac(), Machine::builtin(&base.name).unwrap().mac());
    }

    #[test]
    fn impossible_machines_name_point_and_key() {
        let error = |axes: &[(&str, &str)]| {
            design(&base("edge-16x16"), &point(axes)).unwrap_err().to_string()
        };
        let text = error(&[("rows", "0")]);
        assert!(text.contains("point rows=0") && text.contains("array.rows"), "{text}");
        assert!(error(&[("node", "28")]).contains("energy.node_nm"));
        assert!(error(&[("mac-style", "quantum")]).contains("mac.style"));
        assert!(error(&[("sram-kib", "0.5")]).contains("edge-16x16"));
    }
}
