//! The plane with two axes that lines and dots are drawn in.

use super::legend;
use super::{Scale, ScaleKind, escape, tick_label};
use std::fmt::Write as _;

const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const BOTTOM: f64 = 44.0;

/// Sizes and axes.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) top: f64,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Plane {
    /// A plane `width` wide whose drawing area is `height` high, below a legend of `names`.
    pub(super) fn new(width: f64, height: f64, names: &[&str], x: Scale, y: Scale) -> Self {
        let top = 8.0 + legend::height(names, LEFT, width - RIGHT);
        Self { width, height: top + height + BOTTOM, top, x, y }
    }

    /// The same plane, `height` lower.
    pub(super) fn below(self, height: f64) -> Self {
        Self { height: self.height + height, top: self.top + height, ..self }
    }

    /// The drawing area: left, top, right, bottom.
    pub(super) fn area(&self) -> [f64; 4] {
        [LEFT, self.top, self.right(), self.bottom()]
    }

    pub(super) fn legend_range(&self) -> (f64, f64) {
        (LEFT, self.width - RIGHT)
    }

    fn right(&self) -> f64 {
        self.width - RIGHT
    }

    fn bottom(&self) -> f64 {
        self.height - BOTTOM
    }

    pub(super) fn px(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (self.right() - LEFT)
    }

    pub(super) fn py(&self, value: f64) -> f64 {
        self.bottom() - self.y.place(value) * (self.bottom() - self.top)
    }

    /// The opening tag with a title, and the axes with their names.
    pub(super) fn begin_svg(
        &self,
        title: &str,
        x_name: &str,
        y_name: &str,
        y_ticks: &[f64],
    ) -> String {
        let mut svg = begin_svg(self.width, self.height, title);
        let (right, bottom, top) = (self.right(), self.bottom(), self.top);
        svg.push_str("<g class=\"axes\">");
        let mut grid = String::new();
        let mut texts = String::new();
        for tick in self.x.about((right - LEFT) / 110.0) {
            let at = self.px(tick);
            let _ = write!(grid, "M{at:.1} {top:.1}V{bottom:.1}");
            let _ = write!(
                texts,
                "<text class=\"mid\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 17.0,
                tick_label(tick)
            );
        }
        let automatic = self.y.about((bottom - top) / 38.0);
        let y_ticks = if y_ticks.is_empty() { &automatic } else { y_ticks };
        for &tick in y_ticks {
            let at = self.py(tick);
            let _ = write!(grid, "M{LEFT} {at:.1}H{right:.1}");
            let _ = write!(
                texts,
                "<text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 7.0,
                at + 4.0,
                tick_label(tick)
            );
        }
        let _ = write!(
            svg,
            "<path class=\"mesh\" d=\"{grid}\"/><path class=\"axis\" d=\"M{LEFT} {top:.1}V{bottom:.1}H{right:.1}\"/>{texts}"
        );
        let _ = write!(
            svg,
            "<text class=\"mid name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            (LEFT + right) / 2.0,
            self.height - 8.0,
            escape(x_name)
        );
        let middle = (top + bottom) / 2.0;
        let _ = writeln!(
            svg,
            "<text class=\"mid name\" x=\"14\" y=\"{middle:.1}\" transform=\"rotate(-90 14 {middle:.1})\">{}</text></g>",
            escape(y_name)
        );
        svg
    }

    /// The drawing area and both axes as JSON: a value v is at `a` + `b` · t(v), t by `t`.
    pub(super) fn json(&self) -> String {
        let axis = |scale: &Scale, first: f64, last: f64| {
            let (low, high) = scale.ends();
            let slope = (last - first) / (high - low);
            let kind = match scale.kind() {
                ScaleKind::Linear => "lin",
                ScaleKind::Logarithmic => "log",
                ScaleKind::LogarithmicFromZero => "log1p",
            };
            let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
            format!(
                "{{\"a\":{:e},\"b\":{:e},\"t\":\"{kind}\"}}",
                finite(first - slope * low),
                finite(slope)
            )
        };
        format!(
            "\"box\":[{LEFT},{:.1},{:.1},{:.1}],\"x\":{},\"y\":{}",
            self.top,
            self.right(),
            self.bottom(),
            axis(&self.x, LEFT, self.right()),
            axis(&self.y, self.bottom(), self.top)
        )
    }
}

/// The opening tag of a picture, with its title for screen readers.
pub(super) fn begin_svg(width: f64, height: f64, title: &str) -> String {
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n"
    )
}

/// Width of the names of rows at the left of a picture.
pub(super) fn names_width<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    (longest as f64 * 6.4 + 14.0).clamp(50.0, 190.0)
}
