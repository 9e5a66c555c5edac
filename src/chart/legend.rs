//! The legend of a chart.

use super::escape;
use std::fmt::Write as _;

/// Estimated width of a character at the size of a legend.
const CHARACTER: f64 = 6.9;
/// Height of a row.
pub(super) const ROW: f64 = 18.0;
/// Width of the sample before a name, with its gap.
const SAMPLE: f64 = 30.0;

/// How a sample looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    Line,
    Area,
    Dot,
}

/// The place of each name in rows between `left` and `right`, and the rows' height.
fn places(names: &[&str], left: f64, right: f64) -> (Vec<(f64, f64)>, f64) {
    let (mut x, mut row) = (left, 0.0);
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        let width = SAMPLE + name.chars().count() as f64 * CHARACTER + 14.0;
        if x > left && x + width > right {
            (x, row) = (left, row + 1.0);
        }
        all.push((x, row * ROW));
        x += width;
    }
    let rows = if names.is_empty() { 0.0 } else { row + 1.0 };
    (all, rows * ROW)
}

/// The height of a legend of `names`; nothing for a single name.
pub(super) fn height(names: &[&str], left: f64, right: f64) -> f64 {
    if names.len() < 2 { 0.0 } else { places(names, left, right).1 + 6.0 }
}

/// Appends a legend at the top, if there are two names or more; `style` gives the number of the style by series.
pub(super) fn draw(
    svg: &mut String,
    names: &[&str],
    (left, right): (f64, f64),
    sample: Sample,
    style: impl Fn(usize) -> usize,
) {
    if names.len() < 2 {
        return;
    }
    for (index, (name, (x, y))) in names.iter().zip(places(names, left, right).0).enumerate() {
        let number = style(index);
        let style = number % super::STYLES;
        let y = y + ROW / 2.0;
        // Writing to a string cannot fail.
        let _ = write!(svg, "<g class=\"key\" data-series=\"{index}\">");
        let _ = match sample {
            Sample::Line => write!(svg, "<path class=\"line s{style}\" d=\"M{x:.1} {y:.1}h22\"/>"),
            Sample::Area => write!(
                svg,
                "<rect class=\"area s{style}\" x=\"{:.1}\" y=\"{:.1}\" width=\"14\" height=\"11\"/>",
                x + 6.0,
                y - 5.5
            ),
            Sample::Dot => {
                super::marker::draw(svg, number, (x + 12.0, y), 4.5, "dot", "");
                Ok(())
            }
        };
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            x + SAMPLE - 3.0,
            y + 4.0,
            escape(name)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_the_next_row_where_they_do_not_fit() {
        let names = ["conv1", "conv2", "a long name of a run that needs space"];
        let (places, height) = places(&names, 10.0, 300.0);
        assert_eq!(height, 2.0 * ROW);
        assert_eq!((places[0], places[2]), ((10.0, 0.0), (10.0, ROW)));
        assert!(places[1].0 > 50.0);
        let mut svg = String::new();
        draw(&mut svg, &["a<b", "c"], (0.0, 100.0), Sample::Line, |index| index + 3);
        assert!(svg.contains("a&lt;b") && svg.contains("class=\"line s4\""));
        let mut one = String::new();
        draw(&mut one, &["alone"], (0.0, 100.0), Sample::Dot, |index| index);
        assert_eq!((one.as_str(), super::height(&["alone"], 0.0, 9.0)), ("", 0.0));
    }
}
