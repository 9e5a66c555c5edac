//! `hwsim formats`.

use super::arguments::OutputArguments;
use super::errors::Failure;
use super::output;
use hwmodel::number::format_text::{FixedType, Notation};
use serde::Serialize;
use std::fmt::Write as _;
use std::process::ExitCode;

/// A format in every notation, with its words and values.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/command-line.md explains the notations.")]
pub(super) struct FormatsArguments {
    /// Formats, as in 8,4, u8,4, ap_fixed<16,6,AP_RND,AP_SAT>, ac_fixed<8,3,false>, fixed<16,6> or UINT4.
    #[arg(required = true, value_name = "FORMAT")]
    formats: Vec<String>,
    #[command(flatten)]
    output: OutputArguments,
}

/// One format; a notation that cannot say it is absent.
#[derive(Debug, Serialize)]
struct Described {
    wl: u32,
    fl: i32,
    signed: bool,
    narrow: bool,
    /// Rounding mode that it states.
    rounding: Option<String>,
    /// Overflow mode that it states.
    overflow: Option<String>,
    least_raw: i64,
    largest_raw: i64,
    /// The value of one unit in the last place.
    step: f64,
    least: f64,
    largest: f64,
    wl_fl: Option<String>,
    ap_fixed: Option<String>,
    ac_fixed: Option<String>,
    hls4ml: Option<String>,
    qonnx: Option<String>,
}

pub(super) fn run(arguments: &FormatsArguments) -> Result<ExitCode, Failure> {
    let read = |text: &String| text.parse().map_err(Failure::usage);
    let formats = arguments.formats.iter().map(read).collect::<Result<Vec<FixedType>, _>>()?;
    let described: Vec<Described> = formats.iter().map(Described::of).collect();
    let table = |_: &Vec<Described>| {
        let each = formats.iter().zip(&described);
        each.map(|(fixed, described)| render(fixed, described)).collect::<Vec<_>>().join("\n")
    };
    let mut outputs = output::Attempts::default();
    outputs.add(arguments.output.emit_rows(&described, &described, table));
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

impl Described {
    fn of(fixed: &FixedType) -> Self {
        let FixedType { format, rounding, overflow } = fixed;
        let text = |notation| fixed.text(notation).ok();
        Self {
            wl: format.wl(),
            fl: format.fl(),
            signed: format.is_signed(),
            narrow: format.is_narrow(),
            rounding: rounding.map(|mode| mode.to_string()),
            overflow: overflow.map(|mode| mode.to_string()),
            least_raw: format.min_raw(),
            largest_raw: format.max_raw(),
            step: format.step(),
            least: format.min_value(),
            largest: format.max_value(),
            wl_fl: text(Notation::WlFl),
            ap_fixed: text(Notation::ApFixed),
            ac_fixed: text(Notation::AcFixed),
            hls4ml: text(Notation::Hls4ml),
            qonnx: text(Notation::Qonnx),
        }
    }
}

fn render(fixed: &FixedType, described: &Described) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {} to {} in steps of {}, raw {} to {}",
        fixed.format,
        described.least,
        described.largest,
        described.step,
        described.least_raw,
        described.largest_raw
    );
    for notation in Notation::ALL {
        let text = fixed.text(notation).unwrap_or_else(|error| format!("- ({error})"));
        let _ = writeln!(out, "  {:<10}{text}", notation.name());
    }
    out
}
