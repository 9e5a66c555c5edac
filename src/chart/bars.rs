//! Stacked horizontal bars.

use super::legend::{self, Sample};
use super::line::title;
use super::plane::{begin_svg, names_width};
use super::{Drawing, Scale, ScaleKind, escape, tick_label};
use std::fmt::Write as _;

const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 44.0;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Its name.
    pub name: String,
    /// Its parts, by part of the chart, not negative.
    pub values: Vec<f64>,
}

/// Bars that are sums of the same parts.
#[derive(Debug, Clone)]
pub struct BarChart<'a> {
    /// Description for screen readers.
    pub title: &'a str,
    /// Name of the axis.
    pub x_name: &'a str,
    /// Names of the parts.
    pub parts: &'a [&'a str],
    /// Width of the picture.
    pub width: f64,
    /// The bars.
    pub bars: &'a [Bar],
    /// The text of a value in a tooltip.
    pub show: fn(f64) -> String,
    /// The largest value that the axis must show.
    pub reach: f64,
    /// One unit of the axis, in units of the values.
    pub unit: f64,
}

impl BarChart<'_> {
    /// Draws it. Parts that are 0 in all bars are left out.
    pub fn draw(&self) -> Drawing {
        let used: Vec<usize> = (0..self.parts.len())
            .filter(|&part| {
                self.bars.iter().any(|bar| bar.values.get(part).is_some_and(|&v| v > 0.0))
            })
            .collect();
        let names: Vec<&str> = used.iter().map(|&part| self.parts[part]).collect();
        let left = names_width(self.bars.iter().map(|bar| bar.name.as_str()));
        let range = (left, self.width - RIGHT);
        let top = 8.0 + legend::height(&names, range.0, range.1);
        let row = if self.bars.len() > 30 { 13.0 } else { 19.0 };
        let bottom = top + row * self.bars.len() as f64;
        let sum = |bar: &Bar| bar.values.iter().copied().filter(|v| v.is_finite()).sum::<f64>();
        let largest = self.bars.iter().map(sum).fold(self.reach, f64::max) / self.unit;
        let scale =
            Scale::between(0.0, if largest > 0.0 { largest } else { 1.0 }, ScaleKind::Linear);
        let px = |value: f64| left + scale.place(value / self.unit) * (range.1 - left);
        let mut svg = begin_svg(self.width, bottom + BOTTOM, self.title);
        legend::draw(&mut svg, &names, range, Sample::Area, |index| used[index] % super::STYLES);
        svg.push_str("<g class=\"axes\">");
        for tick in scale.about((range.1 - left) / 90.0) {
            let at = px(tick * self.unit);
            let _ = write!(
                svg,
                "<path class=\"mesh\" d=\"M{at:.1} {top:.1}V{bottom:.1}\"/><text class=\"mid\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 17.0,
                tick_label(tick)
            );
        }
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{left} {top:.1}V{bottom:.1}\"/><text class=\"mid name\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            (left + range.1) / 2.0,
            bottom + 36.0,
            escape(self.x_name)
        );
        for (index, bar) in self.bars.iter().enumerate() {
            let y = top + index as f64 * row;
            let _ = write!(
                svg,
                "<text class=\"end small\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left - 6.0,
                y + row / 2.0 + 4.0,
                escape(&bar.name)
            );
            let mut before = 0.0;
            for (series, &part) in used.iter().enumerate() {
                let value = bar.values.get(part).copied().filter(|v| v.is_finite()).unwrap_or(0.0);
                let (x, end) = (px(before), px(before + value));
                before += value;
                if end - x < 0.05 {
                    continue;
                }
                let share = 100.0 * value / sum(bar);
                let text = format!(
                    "{}, {}: {} ({share:.1} %)",
                    bar.name,
                    self.parts[part],
                    (self.show)(value)
                );
                let _ = write!(
                    svg,
                    "<g class=\"series\" data-series=\"{series}\"><rect class=\"area s{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">{}</rect></g>",
                    part % super::STYLES,
                    y + 2.0,
                    end - x,
                    row - 4.0,
                    title(&text)
                );
            }
            svg.push('\n');
        }
        svg.push_str("</svg>");
        Drawing { svg, data: "{\"kind\":\"shapes\"}".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_and_unused_ones_are_left_out() {
        let bars = [
            Bar { name: "conv1".into(), values: vec![1.0, 0.0, 3.0] },
            Bar { name: "a & b".into(), values: vec![0.0, 0.0, 2.0] },
        ];
        let chart = BarChart {
            title: "Energy",
            x_name: "energy, J",
            parts: &["MAC", "SRAM", "DRAM"],
            width: 534.0,
            bars: &bars,
            show: |value| format!("{value} J"),
            reach: 0.0,
            unit: 1.0,
        };
        let svg = chart.draw().svg;
        assert_eq!(svg.matches("<rect class=\"area").count(), 3 + 2);
        assert!(!svg.contains("SRAM"));
        // 460 units for 4 J.
        assert!(svg.contains("x=\"50.0\"") && svg.contains("x=\"165.0\""), "{svg}");
        assert!(
            svg.contains("width=\"345.0\"") && svg.contains("conv1, DRAM: 3 J (75.0 %)"),
            "{svg}"
        );
        assert!(svg.contains("a &amp; b"));
        assert!(!BarChart { bars: &[], ..chart }.draw().svg.contains("NaN"));
    }
}
