//! `hwsim eval --against`: reading the dump, and the table of what differs.

use super::table::shortened;
use crate::cli::errors::Failure;
use crate::data::arrays::ArrayFile;
use crate::verify::against::{Comparison, Dump, Row, Trial, Verdict};
use anyhow::anyhow;
use std::path::Path;

/// Every tensor of the file.
pub(super) fn read(path: &Path) -> Result<Dump, Failure> {
    let mut file = ArrayFile::open(path).map_err(Failure::usage)?;
    if !file.is_archive() {
        return Err(Failure::usage(anyhow!(
            "`{}` has one array without a name: `--against` needs a .npz file with tensors under their names",
            path.display()
        )));
    }
    let names = file.names().into_iter();
    names
        .map(|name| {
            let tensor = file.read(&name).map_err(Failure::usage)?;
            Ok((name, tensor))
        })
        .collect()
}

/// Refuses a dump of which nothing can be compared.
pub(super) fn check(comparison: &Comparison, path: &Path) -> Result<(), Failure> {
    if !comparison.rows.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = comparison.unknown.iter().take(4).map(|name| format!("`{name}`")).collect();
    Err(Failure::usage(anyhow!(
        "nothing in `{}` is a tensor of this network ({} ...): store tensors under their names in the network",
        path.display(),
        names.join(", ")
    )))
}

/// A number with few digits.
fn short(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return format!("{value:.0}");
    }
    if (1e-3..1e6).contains(&value.abs()) { format!("{value:.6}") } else { format!("{value:.4e}") }
}

fn index(place: &[usize]) -> String {
    let texts: Vec<_> = place.iter().map(usize::to_string).collect();
    format!("[{}]", texts.join(", "))
}

/// The table, for people.
pub(super) fn render(comparison: &Comparison, path: &str) -> String {
    let rows = &comparison.rows;
    let name =
        rows.iter().map(|row| shortened(&row.tensor).chars().count()).max().unwrap_or(0).max(6);
    let mut out = format!(
        "\nagainst {path}\n{:<name$}  {:>9} {:>9} {:>12} {:>9}  first that differs: place, theirs, hwsim's\n",
        "tensor", "elements", "differing", "largest", "in steps"
    );
    for row in rows {
        out += line(row, name).trim_end();
        out.push('\n');
    }
    if !comparison.unknown.is_empty() {
        let some: Vec<_> =
            comparison.unknown.iter().take(3).map(|name| format!("`{name}`")).collect();
        out += &format!(
            "{} arrays are not compared, since no node makes them from the inputs: {}{}\n",
            comparison.unknown.len(),
            some.join(", "),
            if comparison.unknown.len() > 3 { " ..." } else { "" }
        );
    }
    match comparison.first() {
        None => out += &format!("all {} tensors are equal\n", rows.len()),
        Some(first) => {
            let differing = rows.iter().filter(|row| row.verdict != Verdict::Equal).count();
            out += &format!(
                "{differing} of {} tensors differ, the first in the order of execution is `{}` of node `{}` ({})\n",
                rows.len(),
                first.tensor,
                first.node,
                first.operator
            );
        }
    }
    out
}

/// What became of the first difference in other ways of computing it: those that make it vanish, else the best.
pub(super) fn render_causes(trials: &[Trial]) -> String {
    const MOST: usize = 5;
    let Some((own, others)) = trials.split_first() else { return String::new() };
    let mut out = format!(
        "\nthe same nodes in other ways: elements that differ\n{:>9}  {}\n",
        own.differing, own.cause
    );
    let gone = others.iter().take_while(|trial| trial.differing == 0).count();
    let shown = if gone > 0 { gone.min(MOST) } else { others.len().min(MOST) };
    for trial in &others[..shown] {
        out += &format!("{:>9}  {}\n", trial.differing, trial.cause);
    }
    out += &match gone {
        _ if own.differing == 0 => {
            "from the dump's own inputs nothing differs: the difference comes from the nodes before\n".to_owned()
        }
        0 => "no known cause makes the difference vanish\n".to_owned(),
        _ => format!("the difference vanishes with: {}\n", others[0].cause),
    };
    out
}

fn line(row: &Row, name: usize) -> String {
    let tensor = shortened(&row.tensor);
    let steps = row.largest_steps.filter(|_| row.differing > 0);
    let first = match (row.verdict, &row.first, row.theirs, row.ours) {
        (Verdict::Shape, ..) => format!(
            "theirs has shape {}, hwsim's {}",
            index(&row.their_shape),
            index(&row.our_shape)
        ),
        (Verdict::Reals, ..) => "hwsim has reals here, no integers".to_owned(),
        (_, Some(place), Some(theirs), Some(ours)) => {
            format!("{}: {}, {}", index(place), short(theirs), short(ours))
        }
        _ => String::new(),
    };
    format!(
        "{tensor:<name$}  {:>9} {:>9} {:>12} {:>9}  {first}",
        row.elements,
        row.differing,
        if row.differing == 0 { "-".to_owned() } else { short(row.largest) },
        steps.map_or("-".to_owned(), short)
    )
}
