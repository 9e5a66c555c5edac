//! Lines and steps over an axis.

use super::legend::{self, Sample};
use super::plane::Plane;
use super::{Drawing, Scale, escape, significant};
use hwmodel::cast::toward_zero;
use std::fmt::Write as _;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Number of its style.
    pub style: usize,
    /// Points, ascending in x; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// Lines in one plane.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart<'a> {
    /// Description for screen readers.
    pub title: &'a str,
    /// Name of the horizontal axis.
    pub x_name: &'a str,
    /// Name of the vertical axis.
    pub y_name: &'a str,
    /// Horizontal axis.
    pub x: Scale,
    /// Vertical axis.
    pub y: Scale,
    /// Width of the picture.
    pub width: f64,
    /// Height of the drawing area.
    pub height: f64,
    /// Values marked on the vertical axis; round ones if there are none here.
    pub y_ticks: &'a [f64],
    /// Whether a value holds up to the next point, instead of changing evenly.
    pub steps: bool,
    /// Whether every point has a mark.
    pub marks: bool,
    /// The lines.
    pub lines: &'a [Line],
}

impl LineChart<'_> {
    /// Draws it.
    pub fn draw(&self) -> Drawing {
        let names: Vec<&str> = self.lines.iter().map(|line| line.name.as_str()).collect();
        let plane = Plane::new(self.width, self.height, &names, self.x, self.y);
        let mut svg = plane.begin_svg(self.title, self.x_name, self.y_name, self.y_ticks);
        let style = |index: usize| self.lines[index].style % super::STYLES;
        legend::draw(&mut svg, &names, plane.legend_range(), Sample::Line, style);
        let mut data = format!("{{\"kind\":\"line\",{},\"s\":[", plane.json());
        for (index, line) in self.lines.iter().enumerate() {
            let points: Vec<(f64, f64)> = line
                .points
                .iter()
                .copied()
                .filter(|&(x, y)| plane.px(x).is_finite() && plane.py(y).is_finite())
                .collect();
            let placed: Vec<(f64, f64)> =
                points.iter().map(|&(x, y)| (plane.px(x), plane.py(y))).collect();
            let _ = write!(svg, "<g class=\"series\" data-series=\"{index}\">");
            let _ = write!(
                svg,
                "<path class=\"line s{}\" d=\"{}\"/>",
                style(index),
                path(&placed, self.steps)
            );
            if self.marks || placed.len() == 1 {
                for (x, y) in &placed {
                    let _ = write!(
                        svg,
                        "<circle class=\"dot s{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>",
                        style(index)
                    );
                }
            }
            svg.push_str("</g>\n");
            if index > 0 {
                data.push(',');
            }
            let list = |values: Vec<String>| values.join(",");
            let _ = write!(
                data,
                "{{\"n\":{},\"c\":{},\"x\":[{}],\"y\":[{}]}}",
                json_text(&line.name),
                style(index),
                list(points.iter().map(|point| significant(point.0, 6)).collect()),
                list(points.iter().map(|point| significant(point.1, 5)).collect())
            );
        }
        svg.push_str("</svg>");
        let _ =
            write!(data, "],\"xn\":{},\"yn\":{}}}", json_text(self.x_name), json_text(self.y_name));
        Drawing { svg, data }
    }
}

/// The path through `points`, with differences of tenths to be short.
fn path(points: &[(f64, f64)], steps: bool) -> String {
    let tenths = |value: f64| toward_zero::<i64>((value * 10.0).round());
    let mut path = String::new();
    let Some(&(x, y)) = points.first() else { return path };
    let mut at = (tenths(x), tenths(y));
    let show = |value: i64| significant(value as f64 / 10.0, 9);
    let _ = write!(path, "M{} {}", show(at.0), show(at.1));
    for &(x, y) in &points[1..] {
        let to = (tenths(x), tenths(y));
        let (dx, dy) = (to.0 - at.0, to.1 - at.1);
        let _ = match (steps, dx, dy) {
            (_, 0, 0) => Ok(()),
            (_, _, 0) => write!(path, "h{}", show(dx)),
            (_, 0, _) => write!(path, "v{}", show(dy)),
            (true, ..) => write!(path, "h{}v{}", show(dx), show(dy)),
            (false, ..) => write!(path, "l{} {}", show(dx), show(dy)),
        };
        at = to;
    }
    path
}

/// `text` as a JSON string that may stand inside a `script` element.
pub(super) fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// `text` for a `title` element.
pub(super) fn title(text: &str) -> String {
    format!("<title>{}</title>", escape(text))
}

#[cfg(test)]
mod tests {
    use super::super::ScaleKind;
    use super::*;

    #[test]
    fn steps_hold_their_value_and_small_moves_are_short() {
        let points = [(0.0, 10.0), (5.0, 10.0), (7.5, 4.0), (7.51, 4.02)];
        assert_eq!(path(&points, true), "M0 10h5h2.5v-6");
        assert_eq!(path(&points, false), "M0 10h5l2.5 -6");
        assert_eq!(path(&[], true), "");
    }

    #[test]
    fn values_are_kept_beside_the_picture() {
        let lines = [
            Line {
                name: "a</script>".into(),
                style: 9,
                points: vec![(0.0, 1.0), (10.0, f64::NAN), (20.0, 2.0)],
            },
            Line { name: "b".into(), style: 1, points: vec![] },
        ];
        let chart = LineChart {
            title: "A & B",
            x_name: "step",
            y_name: "bits",
            x: Scale::between(0.0, 20.0, ScaleKind::Linear),
            y: Scale::between(0.0, 2.0, ScaleKind::Linear),
            width: 500.0,
            height: 200.0,
            y_ticks: &[],
            steps: false,
            marks: true,
            lines: &lines,
        };
        let drawing = chart.draw();
        let data: serde_json::Value = serde_json::from_str(&drawing.data).unwrap();
        assert_eq!(data["s"][0]["x"], serde_json::json!([0, 20]));
        assert_eq!(data["s"][0]["n"], "a</script>");
        assert!(!drawing.data.contains("</"));
        assert!(drawing.svg.contains("line s1\"") && drawing.svg.contains("A &amp; B"));
        assert_eq!(drawing.svg.matches("<circle").count(), 2);
        // A value v is drawn at a + b · v.
        let (a, b) = (data["y"]["a"].as_f64().unwrap(), data["y"]["b"].as_f64().unwrap());
        let at = format!("cy=\"{:.1}\"", a + b * 2.0);
        assert!(drawing.svg.contains(&at), "{at} {}", drawing.svg);
    }
}
