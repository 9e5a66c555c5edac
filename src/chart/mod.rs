//! Charts as SVG: scales, ticks and a few kinds of charts, without fonts, scripts or other crates.
//!
//! A chart is text in user units with `class` attributes instead of colours, so that the page around it decides how it
//! looks on screen, in the dark and on paper; [`standalone`] adds colours for a file. [`Drawing::data`] has the values for the page's script.

mod bars;
mod heat;
mod labels;
mod legend;
mod line;
mod marker;
mod plane;
mod scale;
mod scatter;
mod standalone;
mod text;

pub use bars::{Bar, BarChart};
pub use heat::{HeatMap, HeatRow};
pub use line::{Line, LineChart};
pub use scale::{Scale, ScaleKind};
pub use scatter::{Cloud, Dot, ScatterChart};
pub use standalone::standalone;
pub use text::{Prefix, escape, significant, tick_label};

/// Styles of series, `s0` to `s7`, that a page defines; further series start again at `s0`.
pub const STYLES: usize = 8;

/// A finished chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The `svg` element.
    pub svg: String,
    /// The values as JSON.
    pub data: String,
}
