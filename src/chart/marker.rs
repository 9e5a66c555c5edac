//! Markers of a scatter plot's groups: a colour and, if there are more groups than colours, a shape.

use super::STYLES;
use std::fmt::Write as _;

/// Appends the mark of cloud number `index` at a place, of the size of a circle of `radius`; `inside` is what the element holds.
///
/// Clouds 0 to 7 are circles, the next eight squares, then diamonds and triangles in the same colours.
pub(super) fn draw(
    svg: &mut String,
    index: usize,
    (x, y): (f64, f64),
    radius: f64,
    class: &str,
    inside: &str,
) {
    let style = index % STYLES;
    // Of about the same area as the circle.
    let r = radius;
    let path = match index / STYLES % 4 {
        0 => None,
        1 => Some(format!(
            "M{:.1} {:.1}h{:.1}v{:.1}h{:.1}z",
            x - 0.89 * r,
            y - 0.89 * r,
            1.78 * r,
            1.78 * r,
            -1.78 * r
        )),
        2 => Some(format!(
            "M{x:.1} {:.1}l{1:.1} {1:.1}l{2:.1} {1:.1}l{2:.1} {2:.1}z",
            y - 1.25 * r,
            1.25 * r,
            -1.25 * r
        )),
        _ => Some(format!(
            "M{x:.1} {:.1}l{:.1} {:.1}h{:.1}z",
            y - 1.4 * r,
            1.3 * r,
            2.3 * r,
            -2.6 * r
        )),
    };
    // Writing to a string cannot fail.
    let _ = match path {
        None => write!(
            svg,
            "<circle class=\"{class} s{style}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\">{inside}</circle>"
        ),
        Some(path) => write!(svg, "<path class=\"{class} s{style}\" d=\"{path}\">{inside}</path>"),
    };
}
