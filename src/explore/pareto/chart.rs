//! A front as a picture.

use super::Goal;
use crate::chart::{Scale, escape, tick_label};
use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 60.0;

/// One axis of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// What is drawn.
    pub name: &'a str,
    /// By point; those that are not finite are not drawn.
    pub values: &'a [f64],
    /// Which way is better.
    pub goal: Goal,
}

/// An SVG picture of points at `x` and `y`: those of `on_front` stand out and are joined by steps if the front is one
/// in these two goals. An axis is logarithmic if its values are positive and more than a factor of 50 apart.
pub fn chart(x: Chart<'_>, y: Chart<'_>, on_front: &[bool]) -> String {
    let (across, up) = (Scale::of(x.values), Scale::of(y.values));
    let px = |value: f64| LEFT + across.place(value) * (WIDTH - LEFT - RIGHT);
    let py = |value: f64| HEIGHT - BOTTOM - up.place(value) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    // Writing to a string cannot fail.
    for tick in across.ticks() {
        let (at, text) = (px(tick), tick_label(tick));
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
            bottom + 18.0
        );
    }
    for tick in up.ticks() {
        let (at, text) = (py(tick), tick_label(tick));
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"black\"/>"
    );
    let arrow =
        |goal: Goal| if goal == Goal::Minimise { "less is better" } else { "more is better" };
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} ({})</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 18.0,
        escape(x.name),
        arrow(x.goal)
    );
    let middle = (TOP + bottom) / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {middle:.1})\">{} ({})</text>",
        escape(y.name),
        arrow(y.goal)
    );
    let mut points: Vec<(f64, f64, bool)> = x
        .values
        .iter()
        .zip(y.values)
        .zip(on_front)
        .filter(|((x, y), _)| x.is_finite() && y.is_finite())
        .map(|((&x, &y), &front)| (px(x), py(y), front))
        .collect();
    points.sort_by(|a, b| a.2.cmp(&b.2).then(a.0.total_cmp(&b.0)).then(a.1.total_cmp(&b.1)));
    svg.push_str(&steps(&points, x.goal, y.goal));
    for (x, y, front) in points {
        let (radius, fill) = if front { (4.5, "#c0392b") } else { (3.0, "#9bb7d4") };
        let _ =
            writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\"/>");
    }
    svg.push_str("</svg>\n");
    svg
}

/// The border of what the front dominates, if both goals alone make it: then y never turns along x.
fn steps(points: &[(f64, f64, bool)], x: Goal, y: Goal) -> String {
    let front: Vec<_> = points.iter().filter(|point| point.2).collect();
    // In pixels y grows downwards.
    let falls = (x == Goal::Minimise) == (y == Goal::Maximise);
    let ordered = front
        .windows(2)
        .all(|pair| if falls { pair[1].1 <= pair[0].1 } else { pair[1].1 >= pair[0].1 });
    if front.len() < 2 || !ordered {
        return String::new();
    }
    let mut path = format!("M{:.1} {:.1}", front[0].0, front[0].1);
    for point in &front[1..] {
        // A step first goes where the front is worse.
        let step = if x == Goal::Minimise {
            format!("H{:.1}V{:.1}", point.0, point.1)
        } else {
            format!("V{:.1}H{:.1}", point.1, point.0)
        };
        path.push_str(&step);
    }
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"#c0392b\" stroke-width=\"1.5\"/>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(x: &[f64], y: &[f64], front: &[bool]) -> String {
        let x = Chart { name: "energy & <area>", values: x, goal: Goal::Minimise };
        chart(x, Chart { name: "top1", values: y, goal: Goal::Maximise }, front)
    }

    #[test]
    fn points_front_and_axes_are_drawn() {
        let svg = draw(&[1.0, 2.0, 3.0], &[0.5, 0.9, 0.8], &[true, true, false]);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(svg.matches("r=\"4.5\"").count(), 2);
        assert_eq!(svg.matches("stroke-width").count(), 1);
        assert!(svg.contains("energy &amp; &lt;area&gt; (less is better)"));
        assert!(svg.contains(">2.5</text>") && svg.contains(">0.7</text>"), "{svg}");
        // More accuracy is higher up: a smaller y.
        let best = svg.split("<circle").nth(3).unwrap();
        assert!(best.contains("cy=\"38.2\""), "{best}");
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_odd_ones_do_not_break() {
        let svg = draw(&[1.0, 1e4], &[1.0, 2.0], &[true, true]);
        assert!(svg.contains(">100</text>"), "{svg}");
        for values in [[0.0, 0.0], [f64::NAN, 1.0], [-1e308, 1e308], [1e-300, 1e300], [5e-324, 0.0]]
        {
            let svg = draw(&values, &[1.0, f64::INFINITY], &[true, false]);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}: {svg}");
        }
        assert_eq!(draw(&[], &[], &[]).matches("<circle").count(), 0);
    }
}
