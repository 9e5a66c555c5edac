//! `hwsim quantise`.

use super::arguments::{FormatArguments, fixed_type, named, one_of_each};
use super::errors::Failure;
use super::files::Files;
use super::{output, setup, table};
use anyhow::{Context as _, anyhow};
use hwmodel::cast::nearest_f32;
use hwmodel::number::quantise::{Decimal, QuantiseCounts, Quantiser, quantise_decimals};
use hwmodel::random::{self, RandomAddress, Role};
use hwmodel::{Format, Overflow, Rounding, SimdLevel};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr as _;
use std::time::Instant;

/// Floats to raw integers of ⟨WL, FL⟩, counted and timed.
#[derive(Debug, clap::Args)]
pub(super) struct QuantiseArguments {
    /// Format, as in 8,4, u8,4 (unsigned), 8,4,narrow or ap_fixed<16,6,AP_RND,AP_SAT>, whose modes then hold, in place of --wl
    /// and --fl.
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with_all = ["wl", "fl"])]
    number_format: Option<String>,
    /// Word length in bits, 1 to 32.
    #[arg(long, default_value_t = 8)]
    wl: u32,
    /// Fractional length in bits.
    #[arg(long, default_value_t = 4, allow_negative_numbers = true)]
    fl: i32,
    /// Rounding mode, by its name or as ap_fixed, ac_fixed or QONNX call it [default: nearest-even].
    #[arg(long, value_name = "WORD", value_parser = named(Rounding::NAMES.to_vec(), Rounding::from_str))]
    rounding: Option<Rounding>,
    /// What a value outside the format does [default: saturate].
    #[arg(long, value_name = "WORD", value_parser = named(Overflow::NAMES.to_vec(), Overflow::from_str))]
    overflow: Option<Overflow>,
    /// Normally distributed random values, as many, with a standard deviation of a quarter of the format's range.
    #[arg(long, conflicts_with = "input", default_value_t = 1 << 22, value_parser = clap::value_parser!(u32).range(1..))]
    elements: u32,
    /// Values in place of random ones: a text file of decimal numbers separated by white space or commas; each is quantised
    /// exactly as written.
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the raw integers as text, one a line.
    #[arg(short, long, alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seed of the random values and of stochastic rounding.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Repeats of the quantisation; the best time counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    form: FormatArguments,
}

#[derive(Debug, Serialize)]
struct QuantiseResult {
    elements: u64,
    format: Format,
    rounding: Rounding,
    #[serde(skip_serializing_if = "is_saturate")]
    overflow: Overflow,
    /// Elements per second of the best repeat, in 10^6.
    melements_per_s: f64,
    /// Wall time of the best repeat.
    seconds: f64,
    saturated_high: u64,
    saturated_low: u64,
    flushed_to_zero: u64,
    nonzero: u64,
    simd: &'static str,
    threads: usize,
    #[serde(skip)]
    repeats: u32,
}

pub(super) fn run(arguments: &QuantiseArguments) -> Result<ExitCode, Failure> {
    setup::threads(arguments.threads)?;
    let simd = setup::simd()?;
    let quantiser = arguments.quantiser(simd)?;
    let format = quantiser.format;
    Files::default()
        .input("--in", &arguments.input)
        .output("--output", &arguments.output)
        .check()?;
    let values = match &arguments.input {
        None => Values::Floats(random(arguments, format)),
        Some(path) => Values::Decimals(read(path)?),
    };
    let mut seconds = f64::INFINITY;
    let mut last = None;
    for _ in 0..arguments.repeat {
        drop(last.take());
        let start = Instant::now();
        let result = match &values {
            Values::Floats(values) => quantiser.slice(values)?,
            Values::Decimals(values) => quantise_decimals(&quantiser, values)?,
        };
        seconds = seconds.min(start.elapsed().as_secs_f64());
        last = Some(result);
    }
    let (raw, counts) = last.ok_or_else(|| anyhow!("no repeat was asked for"))?;
    let mut outputs = output::Attempts::default();
    if let Some(path) = &arguments.output {
        let lines = raw.to_i64().iter().map(|raw| format!("{raw}\n")).collect::<String>();
        outputs.add(output::write(path, &lines));
    }
    let QuantiseCounts {
        elements, saturated_high, saturated_low, flushed_to_zero, nonzero, ..
    } = counts;
    let result = QuantiseResult {
        elements,
        format,
        rounding: quantiser.rounding,
        overflow: quantiser.overflow,
        melements_per_s: elements as f64 / seconds / 1e6,
        seconds,
        saturated_high,
        saturated_low,
        flushed_to_zero,
        nonzero,
        simd: match values {
            Values::Floats(_) => simd.name(),
            Values::Decimals(_) => "exact decimals",
        },
        threads: rayon::current_num_threads(),
        repeats: arguments.repeat,
    };
    outputs.add(arguments.form.print(&result, render));
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Results of earlier versions do not name it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "called by serde")]
fn is_saturate(overflow: &Overflow) -> bool {
    *overflow == Overflow::Saturate
}

impl QuantiseArguments {
    /// # Errors
    /// If the format is impossible, or format and flags both state a mode.
    fn quantiser(&self, simd: SimdLevel) -> Result<Quantiser, Failure> {
        let fixed = match &self.number_format {
            Some(text) => fixed_type(text, "--number-format")?,
            None => Format::new(self.wl, self.fl)
                .context("format (--wl, --fl)")
                .map_err(Failure::Usage)?
                .into(),
        };
        let (rounding, overflow) =
            one_of_each(&fixed, "--number-format", self.rounding, self.overflow)?;
        let address = RandomAddress::new(self.seed, 0, 0, Role::Activation);
        Ok(Quantiser { simd, format: fixed.format, rounding, overflow, address })
    }
}

fn render(result: &QuantiseResult) -> String {
    let mut text = format!("{} values to {}, {}", result.elements, result.format, result.rounding);
    if result.overflow != Overflow::Saturate {
        let _ = write!(text, ", {}", result.overflow);
    }
    text.push('\n');
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<24}{value}");
    };
    line("rate", format!("{} elements/s", table::scaled(result.melements_per_s * 1e6)));
    line("time", format!("{}, best of {}", table::seconds(result.seconds), result.repeats));
    line("saturated high", result.saturated_high.to_string());
    line("saturated low", result.saturated_low.to_string());
    line("flushed to zero", result.flushed_to_zero.to_string());
    line("non-zero", result.nonzero.to_string());
    line("instructions", format!("{}, {} threads", result.simd, result.threads));
    text
}

/// What is quantised.
enum Values {
    Floats(Vec<f32>),
    /// Numbers as they were written: none of them is rounded to a float first.
    Decimals(Vec<Decimal>),
}

fn random(arguments: &QuantiseArguments, format: Format) -> Vec<f32> {
    let deviation = format.step() * format.largest_magnitude() as f64 / 4.0;
    let mut generator = random::generator(arguments.seed, &[]);
    let normal = || nearest_f32(random::normal(&mut generator) * deviation);
    std::iter::repeat_with(normal).take(arguments.elements as usize).collect()
}

fn read(path: &Path) -> Result<Vec<Decimal>, Failure> {
    let what = || format!("values `{}`", path.display());
    let text = std::fs::read_to_string(path).with_context(what)?;
    let numbers = text.split(|c: char| c.is_whitespace() || c == ',').filter(|s| !s.is_empty());
    let values = numbers.enumerate().map(|(index, number)| {
        number.parse().with_context(|| format!("{}: element {index}", what()))
    });
    let values = values.collect::<Result<Vec<Decimal>, _>>()?;
    if values.is_empty() {
        return Err(Failure::usage(anyhow!(
            "{}: the file has no numbers: write them separated by white space or commas",
            what()
        )));
    }
    Ok(values)
}
