//! Runs and designs against each other: accuracy, energy, cycles, area, memory.

use super::ReportError;
use super::block::{Block, Figure, Section};
use super::overlay::HALF;
use super::run::Run;
use crate::chart::{Cloud, Dot, Prefix, ScatterChart, significant};
use crate::explore::pareto::{Goal, Table, front};

/// Columns that two goals can be made of, best known first, with a name, the unit, and one of the column in that unit.
const COLUMNS: [(&str, Goal, &str, &str, f64); 8] = [
    ("top1", Goal::Maximise, "top-1", "%", 100.0),
    ("energy_total_pj", Goal::Minimise, "energy", "J", 1e-12),
    ("total_cycles", Goal::Minimise, "cycles", "", 1.0),
    ("area_mm2", Goal::Minimise, "area", "mm²", 1.0),
    ("size_ratio", Goal::Minimise, "model size relative to float32", "", 1.0),
    ("energy", Goal::Minimise, "energy as in the table", "", 1.0),
    ("cycles", Goal::Minimise, "cycles as in the table", "", 1.0),
    ("accuracy", Goal::Maximise, "accuracy as in the table", "", 1.0),
];

/// A table of designs.
#[derive(Debug, Clone)]
pub struct Designs {
    /// The file.
    pub file: String,
    /// Pairs of goals with all rows that have both.
    pairs: Vec<(usize, usize, Table)>,
}

impl Designs {
    /// Reads the CSV table `text`, called `file` in messages. The first known goal is paired with each of the others.
    ///
    /// # Errors
    /// If it is no CSV, or has fewer than two known columns.
    pub fn read(text: &[u8], file: &str) -> Result<Self, ReportError> {
        let mut reader = csv::Reader::from_reader(text);
        let header = reader.headers().cloned().unwrap_or_default();
        let known: Vec<usize> = (0..COLUMNS.len())
            .filter(|&column| header.iter().any(|name| name == COLUMNS[column].0))
            .collect();
        let [y, others @ ..] = known.as_slice() else { return Err(columns(file)) };
        if others.is_empty() {
            return Err(columns(file));
        }
        let mut pairs = Vec::new();
        for &x in others.iter().take(4) {
            // Less is better to the right, so that the front is a staircase of one kind.
            let (x, y) = match COLUMNS[x].1 {
                Goal::Minimise => (x, *y),
                Goal::Maximise if COLUMNS[*y].1 == Goal::Minimise => (*y, x),
                Goal::Maximise => continue,
            };
            let goals = [x, y].map(|column| (COLUMNS[column].0.to_owned(), COLUMNS[column].1));
            pairs.push((x, y, Table::read(text, file, &goals, true)?));
        }
        Ok(Self { file: file.to_owned(), pairs })
    }

    fn figures(&self) -> Vec<Figure> {
        let of_pair = |(x, y, table): &(usize, usize, Table)| {
            let described = table.descriptions();
            let points: Vec<(f64, f64, String)> = table
                .values(0)
                .into_iter()
                .zip(table.values(1))
                .enumerate()
                .map(|(row, (x, y))| {
                    let text = match described.get(row) {
                        Some(text) if !text.is_empty() => text.clone(),
                        _ => format!("row {}", row + 1),
                    };
                    (x, y, text)
                })
                .collect();
            let title = format!("{}: {} and {}", self.file, COLUMNS[*y].2, COLUMNS[*x].2);
            scatter(title, (*x, *y), &[("designs".to_owned(), points)])
        };
        self.pairs.iter().filter_map(of_pair).collect()
    }
}

fn columns(file: &str) -> ReportError {
    let known = COLUMNS.map(|column| format!("`{}`", column.0)).join(", ");
    ReportError::Columns { file: file.to_owned(), known }
}

/// A named cloud of points: x and y in units of their columns, and what each is.
type Points = (String, Vec<(f64, f64, String)>);

/// What a run is compared by.
type OfRun = fn(&Run) -> Option<f64>;

/// A figure of clouds of points with their common front.
fn scatter(title: String, (x, y): (usize, usize), clouds: &[Points]) -> Option<Figure> {
    let ((_, x_goal, x_name, x_unit, x_factor), (_, y_goal, y_name, y_unit, y_factor)) =
        (COLUMNS[x], COLUMNS[y]);
    let points: Vec<[f64; 2]> = clouds
        .iter()
        .flat_map(|(_, points)| points.iter().map(|point| [x_factor * point.0, y_factor * point.1]))
        .collect();
    if !points.iter().any(|point| point[0].is_finite() && point[1].is_finite()) {
        return None;
    }
    let on_front = front(&points, &[x_goal, y_goal]);
    let largest = points.iter().map(|point| point[0]).filter(|x| x.is_finite()).fold(0.0, f64::max);
    let prefix = match x_unit {
        "J" => Prefix::of(largest),
        "" if x_goal == Goal::Minimise && largest >= 1e3 => Prefix::of(largest),
        _ => Prefix { factor: 1.0, letter: "" },
    };
    let axis = |name: &str, unit: String, goal: Goal| {
        let better = if goal == Goal::Minimise { "less is better" } else { "more is better" };
        let unit = if unit.is_empty() { unit } else { format!(", {unit}") };
        format!("{name}{unit} ({better})")
    };
    let x_axis = axis(x_name, format!("{}{x_unit}", prefix.letter), x_goal);
    let y_axis = axis(y_name, y_unit.to_owned(), y_goal);
    let mut index = 0;
    let mut border: Vec<(f64, f64)> = Vec::new();
    let mut drawn = Vec::new();
    for (style, (name, of_cloud)) in clouds.iter().enumerate() {
        let mut dots = Vec::new();
        for (_, _, text) in of_cloud {
            let [x, y] = points[index];
            let front = on_front[index];
            index += 1;
            let place = (x / prefix.factor, y);
            if front && x.is_finite() && y.is_finite() {
                border.push(place);
            }
            let show = |value: f64, letter: &str, unit: &str| {
                format!("{} {letter}{unit}", significant(value, 5)).trim_end().to_owned()
            };
            let text = format!(
                "{text}: {x_name} {}, {y_name} {}",
                show(place.0, prefix.letter, x_unit),
                show(place.1, "", y_unit)
            );
            dots.push(Dot { x: place.0, y: place.1, text, front });
        }
        drawn.push(Cloud { name: name.clone(), style, dots });
    }
    border.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let all = points.len();
    let chart = ScatterChart {
        title: &title,
        x_name: &x_axis,
        y_name: &y_axis,
        width: HALF,
        height: 230.0,
        clouds: &drawn,
        border: &border,
    };
    let caption = format!(
        "{} of {all} points are on the front in these two goals: large, with the border of what they beat.",
        on_front.iter().filter(|&&front| front).count()
    );
    let drawing = chart.draw();
    Some(Figure { title, caption, wide: false, new_row: false, drawing })
}

pub(super) fn section(runs: &[Run], designs: &[Designs]) -> Section {
    let mut blocks = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    let quantities: [(usize, OfRun); 3] =
        [(1, Run::whole_energy), (2, Run::whole_cycles), (4, |run| run.summarised("size_ratio"))];
    for (column, quantity) in quantities {
        let cloud = |run: &Run| {
            let point = quantity(run).zip(run.top1());
            let point = point.map(|(x, top1)| (x, top1, run.name.clone()));
            (run.name.clone(), point.into_iter().collect())
        };
        let clouds: Vec<Points> = runs.iter().map(cloud).collect();
        for (run, _) in runs.iter().zip(&clouds).filter(|(_, cloud)| cloud.1.is_empty()) {
            if !missing.contains(&run.name.as_str()) {
                missing.push(&run.name);
            }
        }
        // One point alone is no front.
        if clouds.iter().filter(|(_, points)| !points.is_empty()).count() < 2 {
            continue;
        }
        let title = format!("Runs: top-1 and {}", COLUMNS[column].2);
        blocks.extend(scatter(title, (column, 0), &clouds).map(Block::Figure));
    }
    if runs.len() > 1 && !missing.is_empty() {
        blocks.push(Block::Note(format!(
            "Not in all figures of runs: {}. A run needs its summary, or a trace of every step and its end.",
            missing.join(", ")
        )));
    }
    if runs.len() == 1 && designs.is_empty() {
        blocks.push(Block::Note(
            "One run alone has no front: give several traces, or a table of designs with --front."
                .to_owned(),
        ));
    }
    for table in designs {
        blocks.extend(table.figures().into_iter().map(Block::Figure));
    }
    Section { id: "pareto", short: "Pareto", title: "Pareto fronts", blocks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_a_figure_for_each_pair_of_goals() {
        let csv = b"rows,energy_total_pj,total_cycles,top1\n8,1e12,10,0.5\n16,2e12,5,0.7\n32,3e12,20,0.6\n";
        let designs = Designs::read(csv, "d<1>.csv").unwrap();
        let figures = designs.figures();
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[0].title, "d<1>.csv: top-1 and energy");
        assert!(figures[0].caption.starts_with("2 of 3 points"), "{}", figures[0].caption);
        let svg = &figures[0].drawing.svg;
        assert!(svg.contains("rows = 16: energy 2 J, top-1 70 %"), "{svg}");
        assert!(svg.contains("d&lt;1&gt;.csv") && !svg.contains("d<1>"));
        assert_eq!(svg.matches("class=\"dot faint").count(), 1);
    }

    #[test]
    fn tables_without_goals_are_refused() {
        let error = Designs::read(b"a,top1\n1,2\n", "x.csv").unwrap_err().to_string();
        assert!(error.contains("x.csv") && error.contains("`energy_total_pj`"), "{error}");
        assert!(Designs::read(b"", "x.csv").is_err());
        assert!(Designs::read(b"top1,energy_total_pj\n", "x.csv").is_err());
    }
}
