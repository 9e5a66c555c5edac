//! Comparison of runs and designs: accuracy, energy, cycles, area, memory.

use super::ReportError;
use super::block::{Block, Figure, Section};
use super::overlay::HALF;
use super::run::Run;
use crate::design::pareto::{Axis, Goal, Group, Plot, Point, Quantity, Question, Table, front};

/// Columns offered as pairs of goals, the most common first.
const COLUMNS: [(&str, Goal); 8] = [
    ("top1", Goal::Maximise),
    ("energy_total_pj", Goal::Minimise),
    ("total_cycles", Goal::Minimise),
    ("area_mm2", Goal::Minimise),
    ("size_ratio", Goal::Minimise),
    ("energy", Goal::Minimise),
    ("cycles", Goal::Minimise),
    ("accuracy", Goal::Maximise),
];

/// A table of designs.
#[derive(Debug, Clone)]
pub struct Designs {
    /// The file.
    pub file: String,
    /// Pairs of goals with all rows that have both.
    pairs: Vec<(usize, usize, Table)>,
    /// Whether rows make groups with a front each.
    grouped: bool,
}

impl Designs {
    /// Reads the CSV table `text`, called `file` in messages. The first known goal is paired with each of the others. Rows with
    /// different text in the columns `groups` do not compete.
    ///
    /// # Errors
    /// If it is no CSV, or has fewer than two known columns or not all of `groups`.
    pub fn read(text: &[u8], file: &str, groups: &[String]) -> Result<Self, ReportError> {
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
            let question = Question { goals: &goals, groups, skip_incomplete: true };
            pairs.push((x, y, Table::read(text, file, &question)?));
        }
        Ok(Self { file: file.to_owned(), pairs, grouped: !groups.is_empty() })
    }

    fn figures(&self) -> Vec<Figure> {
        let of_pair = |(x, y, table): &(usize, usize, Table)| {
            let title = format!("{}: {} and {}", self.file, name(*y), name(*x));
            figure(&title, (*x, *y), &table.points(0, 1), !self.grouped)
        };
        self.pairs.iter().filter_map(of_pair).collect()
    }
}

fn columns(file: &str) -> ReportError {
    let known = COLUMNS.map(|column| format!("`{}`", column.0)).join(", ");
    ReportError::Columns { file: file.to_owned(), known }
}

/// The name of a column for people.
fn name(column: usize) -> String {
    Quantity::of(COLUMNS[column].0).name
}

/// Quantities by which runs are compared.
type OfRun = fn(&Run) -> Option<f64>;

/// A figure of groups of points in the plane of two of [`COLUMNS`]; `None` without a point.
fn figure(
    title: &str,
    (x, y): (usize, usize),
    groups: &[Group],
    common_front: bool,
) -> Option<Figure> {
    let points = || groups.iter().flat_map(|group| &group.points);
    if !points().any(|point| point.x.is_finite() && point.y.is_finite()) {
        return None;
    }
    let axis = |column: usize| Axis { column: COLUMNS[column].0, goal: COLUMNS[column].1 };
    let plot = Plot {
        title,
        heading: false,
        x: axis(x),
        y: axis(y),
        width: HALF,
        height: 230.0,
        groups,
        common_front,
    };
    let (found, all) = (points().filter(|point| point.front).count(), points().count());
    let of = if common_front { "the front" } else { "the front of their group" };
    let caption = format!(
        "{found} of {all} points are on {of} in these two goals: large, named where there is space, with the border of what they beat. Point at one to see what it is."
    );
    let title = title.to_owned();
    Some(Figure { title, caption, wide: false, new_row: false, drawing: plot.draw() })
}

pub(super) fn section(runs: &[Run], designs: &[Designs]) -> Section {
    let mut blocks = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    let quantities: [(usize, OfRun); 3] =
        [(1, Run::whole_energy), (2, Run::whole_cycles), (4, |run| run.summarised("size_ratio"))];
    for (column, quantity) in quantities {
        let group = |run: &Run| {
            let point = quantity(run).zip(run.top1());
            let point = point.map(|(x, y)| {
                let (text, label) = (run.name.clone(), run.name.clone());
                Point { x, y, text, label, front: false }
            });
            Group { name: run.name.clone(), points: point.into_iter().collect() }
        };
        let mut groups: Vec<Group> = runs.iter().map(group).collect();
        for (run, _) in runs.iter().zip(&groups).filter(|(_, group)| group.points.is_empty()) {
            if !missing.contains(&run.name.as_str()) {
                missing.push(&run.name);
            }
        }
        // One point alone is no front.
        if groups.iter().filter(|group| !group.points.is_empty()).count() < 2 {
            continue;
        }
        let points = groups.iter_mut().flat_map(|group| &mut group.points).collect::<Vec<_>>();
        let places: Vec<[f64; 2]> = points.iter().map(|point| [point.x, point.y]).collect();
        let on_front = front(&places, &[COLUMNS[column].1, COLUMNS[0].1]);
        points.into_iter().zip(on_front).for_each(|(point, front)| point.front = front);
        let title = format!("Runs: top-1 and {}", name(column));
        blocks.extend(figure(&title, (column, 0), &groups, true).map(Block::Figure));
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
        let designs = Designs::read(csv, "d<1>.csv", &[]).unwrap();
        let figures = designs.figures();
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[0].title, "d<1>.csv: top-1 and energy");
        assert!(figures[0].caption.starts_with("2 of 3 points"), "{}", figures[0].caption);
        let svg = &figures[0].drawing.svg;
        assert!(svg.contains("rows = 16: energy 2 J, top-1 70 %"), "{svg}");
        assert!(svg.contains("d&lt;1&gt;.csv") && !svg.contains("d<1>"));
        assert_eq!(svg.matches("class=\"dot faint").count(), 1);
        assert!(
            svg.contains("energy, J (less is better)") && svg.contains(">rows 8</text>"),
            "{svg}"
        );
    }

    #[test]
    fn groups_of_designs_have_a_front_each() {
        let csv = b"rows,wl,energy_total_pj,top1\n8,4,1e12,0.7\n8,8,2e12,0.6\n16,8,3e12,0.5\n";
        let designs = Designs::read(csv, "d.csv", &["wl".to_owned()]).unwrap();
        let figure = &designs.figures()[0];
        assert!(figure.caption.starts_with("2 of 3 points are on the front of their group"));
        assert!(figure.drawing.svg.contains(">wl = 4</text>"));
        let error = Designs::read(csv, "d.csv", &["node".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no column `node`"), "{error}");
    }

    #[test]
    fn tables_without_goals_are_refused() {
        let error = Designs::read(b"a,top1\n1,2\n", "x.csv", &[]).unwrap_err().to_string();
        assert!(error.contains("x.csv") && error.contains("`energy_total_pj`"), "{error}");
        assert!(Designs::read(b"", "x.csv", &[]).is_err());
        assert!(Designs::read(b"top1,energy_total_pj\n", "x.csv", &[]).is_err());
    }
}
