//! Heat maps: one row of colours for each series.

use super::line::json_text;
use super::plane::{begin_svg, names_width};
use super::{Drawing, Scale, ScaleKind, escape, significant, tick_label};
use hwmodel::cast::toward_zero;
use std::fmt::Write as _;

/// Colours that a page defines, `h0` (low) to `h15` (high).
const COLOURS: usize = 16;
const RIGHT: f64 = 90.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 44.0;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatRow {
    /// Its name.
    pub name: String,
    /// Values by column; NaN where there is none.
    pub values: Vec<f64>,
}

/// Rows over columns of equal width.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap<'a> {
    /// Description for screen readers.
    pub title: &'a str,
    /// Name of the horizontal axis.
    pub x_name: &'a str,
    /// Name of the quantity.
    pub value_name: &'a str,
    /// First value of the horizontal axis in each column: multiples of the second from 0.
    pub x: &'a [f64],
    /// Values of the first and the last colour.
    pub range: (f64, f64),
    /// Width of the picture.
    pub width: f64,
    /// The rows.
    pub rows: &'a [HeatRow],
}

impl HeatMap<'_> {
    /// The colour of `value`.
    fn colour(&self, value: f64) -> Option<usize> {
        let (low, high) = self.range;
        let place = if high > low { (value - low) / (high - low) } else { 0.0 };
        let level = toward_zero::<usize>(place.clamp(0.0, 1.0) * COLOURS as f64);
        value.is_finite().then_some(level.min(COLOURS - 1))
    }

    /// Draws it.
    pub fn draw(&self) -> Drawing {
        let row_height = if self.rows.len() > 30 { 11.0 } else { 14.0 };
        let columns = self.x.len().max(1);
        let left = names_width(self.rows.iter().map(|row| row.name.as_str()));
        let cell = (self.width - left - RIGHT) / columns as f64;
        let bottom = TOP + row_height * self.rows.len() as f64;
        let mut svg = begin_svg(self.width, bottom + BOTTOM, self.title);
        let mut paths = vec![String::new(); COLOURS];
        for (index, row) in self.rows.iter().enumerate() {
            let y = TOP + (index as f64 + 0.5) * row_height;
            let _ = write!(
                svg,
                "<text class=\"end small\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left - 6.0,
                y + 3.5,
                escape(&row.name)
            );
            let mut column = 0;
            while column < row.values.len().min(columns) {
                let colour = self.colour(row.values[column]);
                let same = row.values[column..columns.min(row.values.len())].iter();
                let run = same.take_while(|&&value| self.colour(value) == colour).count();
                if let Some(colour) = colour {
                    let (x, length) = (left + column as f64 * cell, run as f64 * cell);
                    let _ = write!(paths[colour], "M{x:.1} {y:.1}h{length:.1}");
                }
                column += run;
            }
        }
        svg.push('\n');
        for (colour, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let _ = write!(
                svg,
                "<path class=\"cell h{colour}\" stroke-width=\"{:.1}\" d=\"{path}\"/>",
                row_height - 1.0
            );
        }
        self.axis(&mut svg, left, cell, bottom);
        self.colour_bar(&mut svg);
        svg.push_str("</svg>");
        Drawing { svg, data: self.data(left, cell, row_height) }
    }

    fn axis(&self, svg: &mut String, left: f64, cell: f64, bottom: f64) {
        // Columns begin at 0 and are equally wide.
        let width = self.x.get(1).copied().unwrap_or(1.0);
        let scale = Scale::between(0.0, width * self.x.len().max(1) as f64, ScaleKind::Linear);
        for tick in scale.about(8.0) {
            let x = left + tick / width * cell;
            let _ = write!(
                svg,
                "<text class=\"mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 16.0,
                tick_label(tick)
            );
        }
        let _ = writeln!(
            svg,
            "<text class=\"mid name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            (left + self.width - RIGHT) / 2.0,
            bottom + 36.0,
            escape(self.x_name)
        );
    }

    fn colour_bar(&self, svg: &mut String) {
        let x = self.width - RIGHT + 26.0;
        let height = (14.0 * self.rows.len() as f64).clamp(60.0, 160.0);
        let level = height / COLOURS as f64;
        for colour in 0..COLOURS {
            let top = TOP + height - (colour + 1) as f64 * level;
            let _ = write!(
                svg,
                "<path class=\"cell h{colour}\" stroke-width=\"{:.2}\" d=\"M{x:.1} {:.1}h12\"/>",
                level + 0.3,
                top + level / 2.0
            );
        }
        let (low, high) = self.range;
        for (value, y) in
            [(high, TOP + 9.0), ((low + high) / 2.0, TOP + height / 2.0 + 4.0), (low, TOP + height)]
        {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                x + 17.0,
                tick_label(value)
            );
        }
        svg.push('\n');
    }

    fn data(&self, left: f64, cell: f64, row_height: f64) -> String {
        let list = |values: &[f64]| {
            let text = |&value: &f64| match value.is_finite() {
                true => significant(value, 4),
                false => "null".to_owned(),
            };
            values.iter().map(text).collect::<Vec<_>>().join(",")
        };
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| format!("{{\"n\":{},\"y\":[{}]}}", json_text(&row.name), list(&row.values)))
            .collect();
        format!(
            "{{\"kind\":\"heat\",\"left\":{left},\"top\":{TOP},\"cell\":{},\"row\":{row_height},\"x\":[{}],\"s\":[{}],\"xn\":{},\"yn\":{}}}",
            significant(cell, 9),
            list(self.x),
            rows.join(","),
            json_text(self.x_name),
            json_text(self.value_name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_are_one_stroke_and_gaps_stay_empty() {
        let rows = [
            HeatRow { name: "conv1".into(), values: vec![8.0, 8.0, 32.0, 32.0] },
            HeatRow { name: "fc<1>".into(), values: vec![0.0, f64::NAN, 40.0] },
        ];
        let map = HeatMap {
            title: "Word length",
            x_name: "step",
            value_name: "bits",
            x: &[0.0, 10.0, 20.0, 30.0],
            range: (0.0, 32.0),
            width: 600.0,
            rows: &rows,
        };
        assert_eq!(map.colour(8.0), Some(4));
        assert_eq!(
            (map.colour(40.0), map.colour(-1.0), map.colour(f64::NAN)),
            (Some(15), Some(0), None)
        );
        let drawing = map.draw();
        // 115 units a column.
        assert!(drawing.svg.contains("d=\"M50.0 15.0h230.0\""), "{}", drawing.svg);
        assert!(drawing.svg.contains("d=\"M280.0 15.0h230.0M280.0 29.0h115.0\""));
        assert!(drawing.svg.contains("fc&lt;1&gt;"));
        let data: serde_json::Value = serde_json::from_str(&drawing.data).unwrap();
        assert_eq!(data["s"][1]["y"], serde_json::json!([0, null, 40]));
        let empty = HeatMap { x: &[], rows: &[], ..map };
        assert!(!empty.draw().svg.contains("NaN"));
    }
}
