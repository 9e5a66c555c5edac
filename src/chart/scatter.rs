//! Scatter plots, with the Pareto front of the dots as a line.

use super::labels;
use super::legend::{self, Sample};
use super::line::title;
use super::marker;
use super::plane::Plane;
use super::{Drawing, Scale, escape};
use std::fmt::Write as _;

/// Height of a heading.
const HEADING: f64 = 26.0;
/// Labels that are tried at most: more could not be read.
const LABELS: usize = 60;

/// One dot.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// Place.
    pub x: f64,
    /// Place.
    pub y: f64,
    /// Text of the tooltip.
    pub text: String,
    /// A short name, written next to the dot where there is space.
    pub label: Option<String>,
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
    /// Places to join by steps: the front of these dots. Empty if it is not drawn.
    pub border: Vec<(f64, f64)>,
}

/// A scatter plot: groups of dots.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterChart<'a> {
    /// Description for screen readers; with `heading` also shown above the chart.
    pub title: &'a str,
    /// Whether the title is written above the picture.
    pub heading: bool,
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
    /// Places to join by steps: the common front of all clouds. Empty if there is none.
    pub border: &'a [(f64, f64)],
    /// Whether a step goes across before it goes up or down: where less is better across.
    pub across_first: bool,
}

impl ScatterChart<'_> {
    /// Draws it. An axis is logarithmic if its values are positive and more than a factor of 50 apart.
    pub fn draw(&self) -> Drawing {
        let names: Vec<&str> = self.clouds.iter().map(|cloud| cloud.name.as_str()).collect();
        let finite = |dot: &&Dot| dot.x.is_finite() && dot.y.is_finite();
        let dots = || self.clouds.iter().flat_map(|cloud| &cloud.dots).filter(finite);
        let xs: Vec<f64> = dots().map(|dot| dot.x).collect();
        let ys: Vec<f64> = dots().map(|dot| dot.y).collect();
        let heading = if self.heading { HEADING } else { 0.0 };
        let plane = Plane::new(self.width, self.height, &names, Scale::of(&xs), Scale::of(&ys));
        let plane = plane.below(heading);
        let mut svg = plane.begin_svg(self.title, self.x_name, self.y_name, &[]);
        if self.heading {
            let (left, _) = plane.legend_range();
            let _ = writeln!(
                svg,
                "<text class=\"heading\" x=\"{left}\" y=\"18\">{}</text>",
                escape(self.title)
            );
        }
        let style = |index: usize| self.clouds[index].style;
        let _ = write!(svg, "<g transform=\"translate(0 {heading})\">");
        legend::draw(&mut svg, &names, plane.legend_range(), Sample::Dot, style);
        svg.push_str("</g>\n");
        self.steps(&mut svg, &plane, self.border, "front");
        for (index, cloud) in self.clouds.iter().enumerate() {
            let _ = write!(svg, "<g class=\"series\" data-series=\"{index}\">");
            let class = format!("front s{}", cloud.style % super::STYLES);
            self.steps(&mut svg, &plane, &cloud.border, &class);
            // The front last, so that no other dot covers it.
            for front in [false, true] {
                for dot in cloud.dots.iter().filter(finite).filter(|dot| dot.front == front) {
                    let (radius, class) = if front { (5.0, "dot") } else { (3.4, "dot faint") };
                    let at = (plane.px(dot.x), plane.py(dot.y));
                    marker::draw(&mut svg, cloud.style, at, radius, class, &title(&dot.text));
                }
            }
            svg.push_str("</g>\n");
        }
        self.labels(&mut svg, &plane);
        svg.push_str("</svg>");
        Drawing { svg, data: "{\"kind\":\"shapes\"}".to_owned() }
    }

    /// A border through `places`.
    fn steps(&self, svg: &mut String, plane: &Plane, places: &[(f64, f64)], class: &str) {
        let [(x, y), others @ ..] = places else { return };
        if others.is_empty() {
            return;
        }
        let _ = write!(svg, "<path class=\"{class}\" d=\"M{:.1} {:.1}", plane.px(*x), plane.py(*y));
        for &(x, y) in others {
            let (x, y) = (plane.px(x), plane.py(y));
            let _ = match self.across_first {
                true => write!(svg, "H{x:.1}V{y:.1}"),
                false => write!(svg, "V{y:.1}H{x:.1}"),
            };
        }
        svg.push_str("\"/>\n");
    }

    /// The labels that have space.
    fn labels(&self, svg: &mut String, plane: &Plane) {
        let at = |dot: &Dot| (plane.px(dot.x), plane.py(dot.y));
        let dots = || {
            let all = self.clouds.iter().flat_map(|cloud| &cloud.dots);
            all.filter(|dot| dot.x.is_finite() && dot.y.is_finite())
        };
        let labels: Vec<((f64, f64), &str)> =
            dots().filter_map(|dot| Some((at(dot), dot.label.as_deref()?))).take(LABELS).collect();
        let all: Vec<(f64, f64)> = dots().map(at).collect();
        let places = labels::places(&labels, &all, plane.area());
        for ((_, text), place) in labels.iter().zip(places) {
            let Some(place) = place else { continue };
            let class = if place.ends { "small end" } else { "small" };
            let _ = writeln!(
                svg,
                "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                place.x,
                place.y,
                escape(text)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(x: f64, y: f64, front: bool) -> Dot {
        Dot { x, y, text: format!("<{x}>"), label: front.then(|| format!("wl {x}")), front }
    }

    fn chart<'a>(clouds: &'a [Cloud], border: &'a [(f64, f64)]) -> ScatterChart<'a> {
        ScatterChart {
            title: "Front & more",
            heading: false,
            x_name: "energy",
            y_name: "top-1",
            width: 500.0,
            height: 200.0,
            clouds,
            border,
            across_first: true,
        }
    }

    #[test]
    fn dots_of_the_front_stand_out() {
        let clouds = [Cloud {
            name: "designs".into(),
            style: 0,
            dots: vec![dot(1.0, 0.5, true), dot(2.0, 0.4, false), dot(f64::NAN, 1.0, true)],
            border: Vec::new(),
        }];
        let svg = chart(&clouds, &[(1.0, 0.5), (2.0, 0.6)]).draw().svg;
        assert_eq!(svg.matches("<circle").count(), 2);
        assert_eq!(svg.matches("class=\"dot faint").count(), 1);
        assert!(svg.contains("<title>&lt;1&gt;</title>") && svg.contains("class=\"front\""));
        assert!(svg.contains(">wl 1</text>") && !svg.contains("heading"));
        let none = chart(&[], &[]).draw().svg;
        assert!(!none.contains("NaN") && !none.contains("inf"));
    }

    #[test]
    fn each_cloud_has_its_border_and_more_clouds_than_colours_have_other_shapes() {
        let cloud = |style: usize| Cloud {
            name: format!("wl = {style}"),
            style,
            dots: vec![dot(style as f64 + 1.0, 0.5, true), dot(style as f64 + 2.0, 0.6, true)],
            border: vec![(style as f64 + 1.0, 0.5), (style as f64 + 2.0, 0.6)],
        };
        let clouds: Vec<Cloud> = (0..25).map(cloud).collect();
        let with_heading = ScatterChart { heading: true, ..chart(&clouds, &[]) };
        let svg = with_heading.draw().svg;
        assert_eq!(svg.matches("class=\"front s1\"").count(), 3);
        // Two dots and a sample in the legend, of eight clouds.
        assert_eq!(svg.matches("<circle class=\"dot").count(), 8 * 3);
        assert_eq!(svg.matches("<path class=\"dot").count(), 17 * 3);
        assert!(svg.contains("class=\"heading\"") && svg.contains(">Front &amp; more</text>"));
        let upwards = ScatterChart { across_first: false, ..chart(&clouds[..1], &[]) }.draw().svg;
        let across = chart(&clouds[..1], &[]).draw().svg;
        let path =
            |svg: &str| svg.split("class=\"front s0\" d=\"").nth(1).unwrap()[..40].to_owned();
        assert!(path(&across).find('H') < path(&across).find('V'), "{}", path(&across));
        assert!(path(&upwards).find('V') < path(&upwards).find('H'), "{}", path(&upwards));
    }
}
