//! The machines of all points.

use super::arguments::grid_of;
use crate::cli::errors::Failure;
use crate::cli::setup;
use crate::design::sweep::{self, Base, Design, Grid, Point, SweepError, is_machine_axis};
use anyhow::anyhow;
use hwmodel::machine::Machine;
use std::collections::HashMap;
use std::path::Path;

/// A point with its machine.
pub(super) struct PointDesign {
    pub(super) made: Design,
    /// CSV text of the machine's own energy table; empty if it has none.
    pub(super) own_table: String,
}

/// All points that are possible, in their order.
pub(super) struct Designs {
    /// Names of the axes: the first columns of the table.
    pub(super) axes: Vec<String>,
    pub(super) all: Vec<PointDesign>,
    /// Points left out since their machine is impossible.
    pub(super) impossible: usize,
}

impl Designs {
    /// The points of `grid`; impossible machines are an error unless they are skipped.
    pub(super) fn new(grid: &Grid, skip_impossible: bool) -> Result<Self, Failure> {
        let mut axes = grid.axes();
        // The machine is always told.
        axes.retain(|axis| axis != "machine");
        axes.insert(0, "machine".to_owned());
        let mut bases: HashMap<String, (Base, String)> = HashMap::new();
        let mut designs = Self { axes, all: Vec::new(), impossible: 0 };
        for mut point in grid.points().map_err(Failure::usage)? {
            if point.get("machine").is_none() {
                let machine = toml::Value::String(Machine::DEFAULT.to_owned());
                point.0.insert(0, ("machine".to_owned(), machine));
            }
            let name = point.cell("machine");
            if !bases.contains_key(&name) {
                let found = setup::description(&name)?;
                let base = Base { name: name.clone(), text: found.text, tables: found.tables };
                bases.insert(name.clone(), (base, found.own_table.unwrap_or_default()));
            }
            let (base, own_table) = &bases[&name];
            match sweep::design(base, &point) {
                Ok(made) => {
                    designs.all.push(PointDesign { made, own_table: own_table.clone() });
                }
                Err(SweepError::Machine { .. }) if skip_impossible => designs.impossible += 1,
                Err(error) => {
                    return Err(Failure::usage(anyhow::Error::from(error).context(
                        "correct the axis, or leave such points out with --skip-impossible",
                    )));
                }
            }
        }
        if designs.all.is_empty() {
            return Err(Failure::usage(anyhow!("no point is possible: correct the axes")));
        }
        Ok(designs)
    }

    /// The axes that change no machine.
    pub(super) fn other_axes(point: &Point) -> impl Iterator<Item = (&str, &toml::Value)> {
        let axes = point.0.iter().map(|(axis, value)| (axis.as_str(), value));
        axes.filter(|(axis, _)| !is_machine_axis(axis))
    }
}

/// The machines of a sweep's TOML file, for a replay.
pub(in crate::cli) fn machines_of(path: &Path) -> Result<Vec<Machine>, Failure> {
    let designs = Designs::new(&grid_of(path)?, false)?;
    if let Some(axis) = designs.axes.iter().find(|axis| !is_machine_axis(axis)) {
        return Err(Failure::usage(anyhow!(
            "axis `{axis}` changes no machine: a replay has the formats of the run"
        )));
    }
    let mut machines: Vec<(String, Machine)> = Vec::new();
    for PointDesign { made, .. } in designs.all {
        let alike = |(text, machine): &(String, Machine)| {
            *text == made.text && machine.name() == made.machine.name()
        };
        if !machines.iter().any(alike) {
            machines.push((made.text, made.machine));
        }
    }
    Ok(machines.into_iter().map(|(_, machine)| machine).collect())
}
