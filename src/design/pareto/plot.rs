//! Pareto plots: groups of designs over two objectives.

use super::Goal;
use super::quantity::Quantity;
use crate::chart::{Cloud, Dot, Drawing, ScatterChart};

/// A design.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Value across, as in its column; not drawn if it is not finite.
    pub x: f64,
    /// Value upwards, likewise.
    pub y: f64,
    /// What it is, for the tooltip.
    pub text: String,
    /// A short name, written next to it if it is on the front.
    pub label: String,
    /// Whether it is on the front.
    pub front: bool,
}

/// Designs of one colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name in the legend.
    pub name: String,
    /// The designs.
    pub points: Vec<Point>,
}

/// An axis: a column, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis<'a> {
    /// Name of the column.
    pub column: &'a str,
    /// Which way is better.
    pub goal: Goal,
}

/// A picture of groups of designs.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot<'a> {
    /// Description of the content.
    pub title: &'a str,
    /// Whether the title is written above the picture.
    pub heading: bool,
    /// Across.
    pub x: Axis<'a>,
    /// Upwards.
    pub y: Axis<'a>,
    /// Width of the picture.
    pub width: f64,
    /// Height of the drawing area.
    pub height: f64,
    /// The groups.
    pub groups: &'a [Group],
    /// Whether all groups have one front together, instead of one each.
    pub common_front: bool,
}

impl Plot<'_> {
    /// Draws it: designs on a front are large, labelled where there is space, and joined by steps if the two goals alone make the front.
    pub fn draw(&self) -> Drawing {
        let (x, y) = (Quantity::of(self.x.column), Quantity::of(self.y.column));
        let points = || self.groups.iter().flat_map(|group| &group.points);
        let x_prefix = x.prefix(points().map(|point| point.x));
        let y_prefix = y.prefix(points().map(|point| point.y));
        let place = |point: &Point| {
            (x.factor * point.x / x_prefix.factor, y.factor * point.y / y_prefix.factor)
        };
        let dot = |point: &Point| {
            let (across, up) = place(point);
            let values = [x.show(point.x, x_prefix), y.show(point.y, y_prefix)];
            Dot {
                x: across,
                y: up,
                text: format!("{}: {}", point.text, values.join(", ")),
                label: point.front.then(|| point.label.clone()),
                front: point.front,
            }
        };
        let border = |points: &mut dyn Iterator<Item = &Point>| {
            let front = points.filter(|point| point.front).map(place);
            self.border(front.collect())
        };
        let clouds = self.groups.iter().enumerate().map(|(style, group)| Cloud {
            name: group.name.clone(),
            style,
            dots: group.points.iter().map(dot).collect(),
            border: match self.common_front {
                true => Vec::new(),
                false => border(&mut group.points.iter()),
            },
        });
        let clouds: Vec<Cloud> = clouds.collect();
        let common = if self.common_front { border(&mut points()) } else { Vec::new() };
        let name = |quantity: &Quantity, prefix, goal| {
            let better = if goal == Goal::Minimise { "less is better" } else { "more is better" };
            match quantity.unit_with(prefix) {
                unit if unit.is_empty() => format!("{} ({better})", quantity.name),
                unit => format!("{}, {unit} ({better})", quantity.name),
            }
        };
        let chart = ScatterChart {
            title: self.title,
            heading: self.heading,
            x_name: &name(&x, x_prefix, self.x.goal),
            y_name: &name(&y, y_prefix, self.y.goal),
            width: self.width,
            height: self.height,
            clouds: &clouds,
            border: &common,
            across_first: self.x.goal == Goal::Minimise,
        };
        chart.draw()
    }

    /// The places of a front in the order across; none if further goals make it, so that y turns along x.
    fn border(&self, mut front: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
        front.retain(|(x, y)| x.is_finite() && y.is_finite());
        let rises = (self.x.goal == Goal::Minimise) == (self.y.goal == Goal::Maximise);
        front.sort_by(|a, b| {
            let up = if rises { a.1.total_cmp(&b.1) } else { b.1.total_cmp(&a.1) };
            a.0.total_cmp(&b.0).then(up)
        });
        let ordered = front
            .windows(2)
            .all(|pair| if rises { pair[0].1 <= pair[1].1 } else { pair[0].1 >= pair[1].1 });
        if ordered { front } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, points: &[(f64, f64, bool)]) -> Group {
        let point = |&(x, y, front): &(f64, f64, bool)| Point {
            x,
            y,
            text: format!("row {x}"),
            label: format!("rows {x}"),
            front,
        };
        Group { name: name.to_owned(), points: points.iter().map(point).collect() }
    }

    fn draw(groups: &[Group], common_front: bool) -> String {
        let x = Axis { column: "energy & <area>", goal: Goal::Minimise };
        let y = Axis { column: "top1", goal: Goal::Maximise };
        let (width, height) = (700.0, 400.0);
        let title = "Designs";
        Plot { title, heading: true, x, y, width, height, groups, common_front }.draw().svg
    }

    #[test]
    fn points_front_and_axes_are_drawn() {
        let points = [(1.0, 0.5, true), (2.0, 0.9, true), (3.0, 0.8, false)];
        let svg = draw(&[group("all", &points)], true);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(svg.matches("r=\"5\"").count(), 2);
        assert_eq!(svg.matches("class=\"front\"").count(), 1);
        assert!(svg.contains("energy &amp; &lt;area&gt; (less is better)"), "{svg}");
        assert!(svg.contains("top-1, % (more is better)"), "{svg}");
        assert!(svg.contains(">rows 1</text>") && !svg.contains(">rows 3</text>"));
        assert!(svg.contains("row 2: energy &amp; &lt;area&gt; 2, top-1 90 %"), "{svg}");
    }

    #[test]
    fn each_group_has_a_front_unless_further_goals_make_it() {
        let first = group("wl = 8", &[(1.0, 0.5, true), (2.0, 0.9, true)]);
        let second = group("wl = 4", &[(1.0, 0.6, true), (2.0, 0.4, true), (3.0, 0.7, true)]);
        let svg = draw(&[first.clone(), second.clone()], false);
        assert_eq!(svg.matches("class=\"front s0\"").count(), 1);
        assert_eq!(svg.matches("class=\"front s1\"").count(), 0, "a third goal is at work");
        assert!(svg.contains(">wl = 4</text>"));
        assert!(!draw(&[first, second], true).contains("class=\"front"));
    }

    #[test]
    fn odd_values_do_not_break_it() {
        for values in [[0.0, 0.0], [f64::NAN, 1.0], [-1e308, 1e308], [1e-300, 1e300], [5e-324, 0.0]]
        {
            let points = [(values[0], 1.0, true), (values[1], f64::INFINITY, false)];
            let svg = draw(&[group("g", &points)], false);
            assert!(!svg.contains("NaN\"") && !svg.contains("inf\""), "{values:?}: {svg}");
        }
        assert_eq!(draw(&[], true).matches("<circle").count(), 0);
    }
}
