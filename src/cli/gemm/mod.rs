//! `hwsim gemm`.

mod matrix_file;
mod observe;
mod output_words;

use super::arguments::{AccumulatorArguments, FormatArguments, fixed_type};
use super::errors::Failure;
use super::files::Files;
use super::{output, setup, table};
use anyhow::{Context as _, anyhow};
use hwmodel::array::{Convolution2d, MacArray, Product, width};
use hwmodel::float32::{self, Shapes, Values};
use hwmodel::number::accumulator::{AccumulatorEvents, AccumulatorWidth};
use hwmodel::random;
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, SimdLevel};
use matrix_file::Word;
use observe::ObserveArguments;
use output_words::{OutputWords, RequantiseArguments};
use rand_core::Rng;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// One bit-accurate matrix product C [m, n] = A [m, k] · B [k, n], timed.
#[derive(Debug, clap::Args)]
pub(super) struct GemmArguments {
    /// Rows of A and C.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    m: u32,
    /// Columns of B and C.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Terms of a sum: columns of A, rows of B.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// Format of A, as in 8,4, u8,4 or ap_fixed<16,6>, in place of --wl-a and --fl-a; its modes are not used, since raw
    /// integers are read or drawn.
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with_all = ["wl_a", "fl_a"])]
    format_a: Option<String>,
    /// Format of B, as --format-a.
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with_all = ["wl_b", "fl_b"])]
    format_b: Option<String>,
    /// Word length of A in bits, 1 to 32.
    #[arg(long, default_value_t = 8)]
    wl_a: u32,
    /// Fractional length of A in bits.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    fl_a: i32,
    /// Word length of B in bits, 1 to 32.
    #[arg(long, default_value_t = 8)]
    wl_b: u32,
    /// Fractional length of B in bits.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    fl_b: i32,
    #[command(flatten)]
    accumulator: AccumulatorArguments,
    #[command(flatten)]
    requantise: RequantiseArguments,
    /// Repeats of the product; the best time counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Seed of the random operands: uniform over the whole range of their words.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Raw integers of A in place of random ones, row-major: a text file, separated by white space or commas, or a .hex file
    /// of words as $readmemh reads them.
    #[arg(long, value_name = "FILE")]
    a: Option<PathBuf>,
    /// Raw integers of B, as --a.
    #[arg(long, value_name = "FILE")]
    b: Option<PathBuf>,
    /// What the accumulators begin with, in place of 0: raw sums as --a, one an output [m, n] or one a column [n]; words of a
    /// .hex file have the accumulator's bits, 64 if it is exact.
    #[arg(long, value_name = "FILE")]
    initial: Option<PathBuf>,
    /// Write the accumulators of C: text, a line a row, or a .hex file, a line a word of the accumulator's bits.
    #[arg(short, long, alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    observe: ObserveArguments,
    /// Also time the float32 product of the same values.
    #[arg(long)]
    float32: bool,
    #[command(flatten)]
    format: FormatArguments,
}

#[derive(Debug, Serialize)]
struct GemmResult {
    m: usize,
    n: usize,
    k: usize,
    a: Format,
    b: Format,
    accumulator: Accumulator,
    /// Multiply-accumulates per second of the best repeat, in 10^9.
    gmacs_per_s: f64,
    /// Wall time of the best repeat.
    seconds: f64,
    /// Wall time of every repeat.
    repeats: Vec<f64>,
    macs: u64,
    nonzero_macs: u64,
    accumulator_events: u64,
    /// The same by level, where the accumulator has more than one register with the fractional length of the products.
    #[serde(skip_serializing_if = "Option::is_none")]
    level_events: Option<AccumulatorEvents>,
    stepped_outputs: u64,
    /// Smallest two's complement accumulator that the bound of these operands proves sufficient.
    proven_bits: u32,
    /// FNV-1a (64 bits, hexadecimal) of the sums, row-major, each as 16 bytes, little-endian.
    checksum: String,
    simd: &'static str,
    threads: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    float32_gmacs_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<OutputWords>,
}

pub(super) fn run(arguments: &GemmArguments) -> Result<ExitCode, Failure> {
    setup::threads(arguments.threads)?;
    let simd = setup::simd()?;
    let [m, n, k] = [arguments.m, arguments.n, arguments.k].map(|size| size as usize);
    let format = |wl, fl, which| {
        Format::new(wl, fl).with_context(|| format!("format of {which}")).map_err(Failure::Usage)
    };
    let a_format = match &arguments.format_a {
        Some(text) => fixed_type(text, "--format-a")?.format,
        None => format(arguments.wl_a, arguments.fl_a, "A (--wl-a, --fl-a)")?,
    };
    let b_format = match &arguments.format_b {
        Some(text) => fixed_type(text, "--format-b")?.format,
        None => format(arguments.wl_b, arguments.fl_b, "B (--wl-b, --fl-b)")?,
    };
    let requantiser = arguments.requantise.requantiser(simd, arguments.seed)?;
    for (rows, columns) in [(m, k), (k, n), (m, n)] {
        // 2^31 elements are 16 GiB of accumulators.
        if rows * columns > 1 << 31 {
            let message =
                anyhow!("a {rows} × {columns} matrix is too large: at most 2^31 elements");
            return Err(Failure::Usage(message));
        }
    }
    let files = Files::default()
        .input("--a", &arguments.a)
        .input("--b", &arguments.b)
        .input("--initial", &arguments.initial)
        .output("--output", &arguments.output)
        .output("--output-words", arguments.requantise.file());
    arguments.observe.files(files).check()?;
    let operand = |file: &Option<PathBuf>, shape, format, which| match file {
        None => Ok(random_operand(shape, format, arguments.seed, which)),
        Some(path) => read_operand(path, shape, format),
    };
    let a = operand(&arguments.a, [m, k], a_format, 0)?;
    let b = operand(&arguments.b, [k, n], b_format, 1)?;
    let exact = Accumulator::new(AccumulatorWidth::Exact, Overflow::Saturate);
    let mut accumulator = arguments.accumulator;
    accumulator.accumulator_overflow =
        accumulator.accumulator_overflow.or(arguments.requantise.older_accumulator_overflow());
    let accumulator = arguments.observe.over(accumulator.over(exact)?)?;
    let array = MacArray { simd, accumulator };
    let initial = match &arguments.initial {
        None => Vec::new(),
        Some(path) => {
            let bits = match accumulator.width {
                AccumulatorWidth::Bits(bits) => bits.get(),
                AccumulatorWidth::Exact => 64,
            };
            matrix_file::read(path, Word { bits, signed: true }, "initial sums")?
        }
    };

    let mut repeats = Vec::new();
    let mut product = None;
    for _ in 0..arguments.repeat {
        drop(product.take());
        let start = Instant::now();
        product = Some(match &arguments.initial {
            None => array.matmul(&a, &b)?,
            Some(path) => {
                let what = || format!("initial sums `{}`", path.display());
                array.matmul_from(&a, &b, &initial).with_context(what)?
            }
        });
        repeats.push(start.elapsed().as_secs_f64());
    }
    let product = product.ok_or_else(|| anyhow!("no repeat was asked for"))?;
    let rate = |seconds: f64| (m * n * k) as f64 / seconds / 1e9;
    let seconds = repeats.iter().copied().fold(f64::INFINITY, f64::min);
    let float32_gmacs_per_s = arguments
        .float32
        .then(|| time_float32(simd, &a, &b, [m, n, k], arguments.repeat).map(rate))
        .transpose()?;
    let words = requantiser.map(|to| to.product(&product, None)).transpose()?;
    let result = GemmResult {
        m,
        n,
        k,
        a: a_format,
        b: b_format,
        accumulator,
        gmacs_per_s: rate(seconds),
        seconds,
        repeats,
        macs: product.report().macs,
        nonzero_macs: product.report().nonzero_macs,
        accumulator_events: product.report().accumulator_events,
        level_events: (!accumulator.is_one_level()).then_some(product.report().level_events),
        stepped_outputs: product.report().stepped_outputs,
        proven_bits: proven_bits(product.bound()),
        checksum: format!("{:016x}", checksum(&product)),
        simd: simd.name(),
        threads: rayon::current_num_threads(),
        float32_gmacs_per_s,
        output: requantiser
            .zip(words.as_ref())
            .map(|(to, (words, report))| OutputWords::new(&to, words, report.counts, &product)),
    };
    let mut outputs = output::Attempts::default();
    let bits = sum_bits(&product, [a_format, b_format], &initial);
    if let Some(path) = &arguments.output {
        let text = matrix_file::text(path, [m, n], bits, |index| product.sums().get(index));
        outputs.add(output::write(path, &text));
    }
    if let (Some(path), Some((words, _)), Some(to)) =
        (arguments.requantise.file(), &words, &requantiser)
    {
        let word = |index| i128::from(words.get(index));
        outputs.add(output::write(path, &matrix_file::text(path, [m, n], to.format.wl(), word)));
    }
    arguments.observe.write(&array, [&a, &b], &initial, bits, &mut outputs)?;
    outputs.add(arguments.format.print(&result, render));
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Bits of a two's complement word that holds every integer up to `bound` in magnitude.
fn proven_bits(bound: u128) -> u32 {
    u128::BITS - bound.leading_zeros() + 1
}

fn random_operand(shape: [usize; 2], format: Format, seed: u64, which: u64) -> FixedTensor {
    let mut generator = random::generator(seed, &[which]);
    let unused = 32 - format.wl();
    let draw = |_| {
        let bits = generator.next_u32();
        let raw = match format.is_signed() {
            true => i64::from((bits as i32) >> unused),
            false => i64::from(bits >> unused),
        };
        // A narrow word has one raw integer less.
        raw.clamp(format.min_raw(), format.max_raw())
    };
    let raw: Vec<i64> = (0..shape[0] * shape[1]).map(draw).collect();
    FixedTensor::from_raw(&shape, format, &raw).expect("in the range of the word")
}

fn read_operand(path: &Path, shape: [usize; 2], format: Format) -> Result<FixedTensor, Failure> {
    let word = Word { bits: format.wl(), signed: format.is_signed() };
    let raw = matrix_file::read(path, word, "operand")?;
    let what = || format!("operand `{}`", path.display());
    Ok(FixedTensor::from_raw(&shape, format, &raw).with_context(what)?)
}

/// Bits of a sum in a `.hex` file: the accumulator's; of an exact one the fewest that hold the sums of any words of the formats,
/// and these initial sums.
fn sum_bits(product: &Product, [a, b]: [Format; 2], initial: &[i64]) -> u32 {
    match product.accumulator().width {
        AccumulatorWidth::Bits(bits) => bits.get(),
        AccumulatorWidth::Exact => {
            // An own fractional length shifts the products to the left, or to the right.
            let left = product.fl().saturating_sub(a.fl() + b.fl()).max(0).unsigned_abs();
            let products = width::any_words(a, b, None, product.terms() as u64) + left;
            let signed = |&sum: &i64| i64::BITS + 1 - (sum ^ (sum >> 63)).leading_zeros();
            let largest = initial.iter().map(signed).max();
            largest.map_or(products, |bits| products.max(bits) + 1).min(128)
        }
    }
}

/// The best time in seconds of the float32 product.
fn time_float32(
    simd: SimdLevel,
    a: &FixedTensor,
    b: &FixedTensor,
    [m, n, k]: [usize; 3],
    repeat: u32,
) -> Result<f64, Failure> {
    let (a, b) = (a.to_f32(simd), b.to_f32(simd));
    // The float product takes the right operand as filters, [n, 1, 1, k].
    let filters: Vec<f32> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
    let shapes = Shapes::new(&[m, 1, 1, k], &[n, 1, 1, k], Convolution2d::square(1, 1, 0))?;
    let mut best = f64::INFINITY;
    for _ in 0..repeat {
        let start = Instant::now();
        let y = float32::forward(simd, &shapes, Values::Float(&a), Values::Float(&filters))?;
        best = best.min(start.elapsed().as_secs_f64());
        std::hint::black_box(y);
    }
    Ok(best)
}

fn checksum(product: &Product) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for index in 0..product.sums().len() {
        for byte in product.sums().get(index).to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}

fn render(result: &GemmResult) -> String {
    let GemmResult { m, n, k, .. } = result;
    let mut text = format!(
        "C [{m}, {n}] = A [{m}, {k}] {} · B [{k}, {n}] {}, accumulator {}\n",
        result.a,
        result.b,
        if result.accumulator.is_one_level() {
            format!("{} ({})", result.accumulator.width, result.accumulator.overflow)
        } else {
            result.accumulator.to_string()
        }
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<24}{value}");
    };
    line("rate", format!("{}MAC/s", table::scaled(result.gmacs_per_s * 1e9)));
    line("time", format!("{}, best of {}", table::seconds(result.seconds), result.repeats.len()));
    if let Some(rate) = result.float32_gmacs_per_s {
        line("float32 rate", format!("{}MAC/s", table::scaled(rate * 1e9)));
    }
    line("MACs", result.macs.to_string());
    line("non-zero MACs", result.nonzero_macs.to_string());
    line("accumulator events", result.accumulator_events.to_string());
    if let Some(AccumulatorEvents { inner, cast, outer, stored }) = result.level_events {
        line("  inner additions", inner.to_string());
        line("  casts", cast.to_string());
        line("  outer additions", outer.to_string());
        line("  stored sums", stored.to_string());
    }
    line("stepped outputs", result.stepped_outputs.to_string());
    line("proven accumulator", format!("{} bits", result.proven_bits));
    line("checksum", result.checksum.clone());
    if let Some(words) = &result.output {
        words.render(&mut line);
    }
    line("instructions", format!("{}, {} threads", result.simd, result.threads));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_hold_a_bound() {
        // 127 fits 8 bits, 128 needs 9, 0 fits 1.
        assert_eq!([0, 127, 128].map(proven_bits), [1, 8, 9]);
    }

    #[test]
    fn random_words_fill_their_range() {
        let format = Format::new(3, 0).unwrap();
        let raw = random_operand([20, 20], format, 1, 0).data().to_i32();
        let (low, high) = (raw.iter().min().unwrap(), raw.iter().max().unwrap());
        assert_eq!((*low, *high), (-4, 3));
    }
}
