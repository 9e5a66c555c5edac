//! Dots in a plane, and the border of those that no other beats.

use super::legend::{self, Sample};
use super::line::title;
use super::plane::Plane;
use super::{Drawing, Scale};
use std::fmt::Write as _;

/// One dot.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// Place.
    pub x: f64,
    /// Place.
    pub y: f64,
    /// What it is, for a tooltip.
    pub text: String,
    /// Whether it stands out.
    pub front: bool,
}

/// Dots of one style.
#[derive(Debug, Clone, PartialEq)]
pub struct Cloud {
    /// Name in the legend.
    pub name: String,
    /// Number of its style.
    pub style: usize,
    /// The dots; those that are not finite are left out.
    pub dots: Vec<Dot>,
}

/// Clouds of dots.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterChart<'a> {
    /// What it shows, for those who do not see it.
    pub title: &'a str,
    /// Name of the horizontal axis.
    pub x_name: &'a str,
    /// Name of the vertical axis.
    pub y_name: &'a str,
    /// Width of the picture.
    pub width: f64,
    /// Height of the drawing area.
    pub height: f64,
    /// The clouds.
    pub clouds: &'a [Cloud],
    /// Places to join by steps, first across and then up or down: the front.
    pub border: &'a [(f64, f64)],
}

impl ScatterChart<'_> {
    /// Draws it. An axis is logarithmic if its values are positive and more than a factor of 50 apart.
    pub fn draw(&self) -> Drawing {
        let names: Vec<&str> = self.clouds.iter().map(|cloud| cloud.name.as_str()).collect();
        let dots = || {
            let all = self.clouds.iter().flat_map(|cloud| &cloud.dots);
            all.filter(|dot| dot.x.is_finite() && dot.y.is_finite())
        };
        let xs: Vec<f64> = dots().map(|dot| dot.x).collect();
        let ys: Vec<f64> = dots().map(|dot| dot.y).collect();
        let plane = Plane::new(self.width, self.height, &names, Scale::of(&xs), Scale::of(&ys));
        let mut svg = plane.open(self.title, self.x_name, self.y_name, &[]);
        let style = |index: usize| self.clouds[index].style % super::STYLES;
        legend::draw(&mut svg, &names, plane.legend_range(), Sample::Dot, style);
        if self.border.len() > 1 {
            let (x, y) = self.border[0];
            let _ = write!(svg, "<path class=\"front\" d=\"M{:.1} {:.1}", plane.px(x), plane.py(y));
            for &(x, y) in &self.border[1..] {
                let _ = write!(svg, "H{:.1}V{:.1}", plane.px(x), plane.py(y));
            }
            svg.push_str("\"/>\n");
        }
        for (index, cloud) in self.clouds.iter().enumerate() {
            let _ = write!(svg, "<g class=\"series\" data-series=\"{index}\">");
            for dot in cloud.dots.iter().filter(|dot| dot.x.is_finite() && dot.y.is_finite()) {
                let (x, y) = (plane.px(dot.x), plane.py(dot.y));
                let (radius, class) = if dot.front { (5.0, "dot") } else { (3.4, "dot faint") };
                let _ = write!(
                    svg,
                    "<circle class=\"{class} s{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\">{}</circle>",
                    style(index),
                    title(&dot.text)
                );
            }
            svg.push_str("</g>\n");
        }
        svg.push_str("</svg>");
        Drawing { svg, data: "{\"kind\":\"shapes\"}".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_the_front_stand_out() {
        let dot = |x, y, front| Dot { x, y, text: format!("<{x}>"), front };
        let clouds = [Cloud {
            name: "designs".into(),
            style: 0,
            dots: vec![dot(1.0, 0.5, true), dot(2.0, 0.4, false), dot(f64::NAN, 1.0, true)],
        }];
        let chart = ScatterChart {
            title: "Front",
            x_name: "energy",
            y_name: "top-1",
            width: 500.0,
            height: 200.0,
            clouds: &clouds,
            border: &[(1.0, 0.5), (2.0, 0.6)],
        };
        let svg = chart.draw().svg;
        assert_eq!(svg.matches("<circle").count(), 2);
        assert_eq!(svg.matches("class=\"dot faint").count(), 1);
        assert!(svg.contains("<title>&lt;1&gt;</title>") && svg.contains("class=\"front\""));
        let none = ScatterChart { clouds: &[], border: &[], ..chart }.draw().svg;
        assert!(!none.contains("NaN") && !none.contains("inf"));
    }
}
