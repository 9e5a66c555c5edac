//! Checks a2q_bound.csv: A2Q's and A2Q+'s weights, norm bounds and accumulator widths.

use super::layout::elements;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::array::width::a2q::{ChannelDivisor, WeightQuantiser};
use hwmodel::array::width::{NormBound, channel_range, l1_norm, of_range};
use hwmodel::{BitWidth, Format};
use std::path::Path;

/// Largest relative difference of a divisor, which brevitas sums in float32.
const TOLERANCE: f64 = 1e-5;

/// Recomputes every channel of a file in the layout of a2q_bound.csv with [`hwmodel::array::width`].
///
/// Bounds, norms, ranges, widths and, for the file's divisor and zero point, the integer weights must be equal; the divisor of the
/// channel's norm and scale (`pre_scale`) is compared within 1e-5, its zero point within what float32 sums explain. The integers
/// that the quantiser gives with its own divisor must fit the accumulator.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_a2q_bound(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?)
}

pub(super) fn check(file: &BlockFile) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), &[]);
    let mut counts = Counts::default();
    for case in file.cases()? {
        checker.case();
        match case.text("kind")? {
            "a2q" => check_channels(&mut checker, &mut counts, &case, NormBound::A2q)?,
            "a2q_plus" => check_channels(&mut checker, &mut counts, &case, NormBound::A2qPlus)?,
            "integers" => check_integers(&mut checker, &mut counts, &case)?,
            other => return Err(case.line.error(format!("unknown kind `{other}`"))),
        }
    }
    for (key, count) in [
        ("n_channels", counts.channels),
        ("n_channels_where_the_formula_is_below_the_exact_bits", counts.formula_below),
        ("n_integer_cases_where_a2q_plus_bits_do_not_hold", counts.plus_below),
    ] {
        checker.announced(file, key, count);
    }
    checker.finish(file, &[])
}

/// What the header counts.
#[derive(Default)]
struct Counts {
    channels: u64,
    formula_below: u64,
    plus_below: u64,
}

fn input(case: &Case<'_>) -> Result<Format, GoldenError> {
    let bits = case.value("N")?;
    let format = match case.text("signed")? {
        "0" => Format::unsigned(bits, 0),
        "1" => Format::new(bits, 0),
        other => return Err(case.line.error(format!("signed={other} is neither 0 nor 1"))),
    };
    format.map_err(|error| case.line.error(error.to_string()))
}

fn check_integers(
    checker: &mut Checker,
    counts: &mut Counts,
    case: &Case<'_>,
) -> Result<(), GoldenError> {
    let [q, lines @ ..] = case.named([
        "q",
        "l1",
        "sum",
        "lowest",
        "highest",
        "bits_a2q",
        "bits_a2q_plus",
        "bits_exact",
    ])?;
    let input = input(case)?;
    let q: Vec<i32> = q.list(1, case.value("K")?, "integer weight")?;
    let norm = l1_norm(q.iter().copied());
    let (lowest, highest) = channel_range(input, q.iter().copied());
    let exact = of_range(lowest, highest);
    let plus = NormBound::A2qPlus.least_bits(norm, input);
    counts.plus_below += u64::from(plus < exact);
    let found = [
        norm.into(),
        q.iter().copied().map(i128::from).sum(),
        lowest,
        highest,
        NormBound::A2q.least_bits(norm, input).into(),
        plus.into(),
        exact.into(),
    ];
    for (line, found) in lines.into_iter().zip(found) {
        checker.row(line);
        line.expect_fields(2)?;
        checker.equal(line, line.tag(), line.value::<i128>(1, "integer")?, found);
    }
    Ok(())
}

/// Lines of a case, and what they hold for each channel.
struct Expected<'a, 'l> {
    pre_scale: &'l Line<'a>,
    zero_point: &'l Line<'a>,
    q: &'l Line<'a>,
    /// l1, lowest, highest, bits_formula, bits_exact.
    integers: [&'l Line<'a>; 5],
}

fn check_channels(
    checker: &mut Checker,
    counts: &mut Counts,
    case: &Case<'_>,
    bound: NormBound,
) -> Result<(), GoldenError> {
    let [w, g, s, pre_scale, zero_point, q, integers @ ..] = case.named([
        "w",
        "g",
        "s",
        "pre_scale",
        "pre_zero_point",
        "q",
        "l1",
        "lowest",
        "highest",
        "bits_formula",
        "bits_exact",
    ])?;
    let wrong = |error: &dyn std::fmt::Display| case.line.error(error.to_string());
    let quantiser = WeightQuantiser {
        bound,
        accumulator: BitWidth::new(case.value("P")?).map_err(|error| wrong(&error))?,
        input: input(case)?,
        weight: Format::new(case.value("M")?, 0).map_err(|error| wrong(&error))?,
    };
    let (channels, terms): (usize, usize) = (case.value("channels")?, case.value("K")?);
    let all = elements(&[channels, terms]).ok_or_else(|| wrong(&"the weights are too many"))?;
    let floats = |line: &Line<'_>, count: usize| {
        let values = line.rest(1, |line, index| line.float32(index, line.tag()))?;
        match values.len() == count {
            true => Ok(values),
            false => Err(line.error(format!("{} values, expected {count}", values.len()))),
        }
    };
    let limit = quantiser.bound.largest_norm(quantiser.accumulator, quantiser.input);
    checker.equal(&case.line, "bound", case.text("bound")?, &limit.to_string());
    let (weights, norms, scales) = (floats(w, all)?, floats(g, channels)?, floats(s, channels)?);
    let (divisors, offsets) = (floats(pre_scale, channels)?, floats(zero_point, channels)?);
    let raw: Vec<i32> = q.list(1, all, "integer weight")?;
    let expected = Expected { pre_scale, zero_point, q, integers };
    for line in [pre_scale, zero_point, q].into_iter().chain(integers) {
        checker.row(line);
    }
    for line in integers {
        line.expect_fields(channels.saturating_add(1))?;
    }
    for channel in 0..channels {
        counts.channels += 1;
        let of = channel * terms..(channel + 1) * terms;
        let given = Channel {
            weights: &weights[of.clone()],
            norm: norms[channel],
            scale: scales[channel],
            divisor: ChannelDivisor { divisor: divisors[channel], zero_point: offsets[channel] },
            raw: &raw[of],
        };
        let below = given.check(checker, &quantiser, &expected, channel)?;
        counts.formula_below += u64::from(below);
    }
    Ok(())
}

/// A channel of the file.
struct Channel<'a> {
    weights: &'a [f32],
    norm: f32,
    scale: f32,
    divisor: ChannelDivisor,
    raw: &'a [i32],
}

impl Channel<'_> {
    /// Compares everything; whether the width from the norm is below the exact one.
    fn check(
        &self,
        checker: &mut Checker,
        quantiser: &WeightQuantiser,
        expected: &Expected<'_, '_>,
        channel: usize,
    ) -> Result<bool, GoldenError> {
        let what = |name: &str| format!("{name} of channel {channel}");
        let found = quantiser.divisor(self.weights, self.norm, self.scale);
        let found = found.map_err(|error| expected.pre_scale.error(error.to_string()))?;
        let pair = |expected: f32, found: f32| (f64::from(expected), f64::from(found));
        let line = expected.pre_scale;
        let divisors = pair(self.divisor.divisor, found.divisor);
        checker.close(line, what("divisor"), divisors, TOLERANCE, 0.0);
        // The mean is a sum of weights that may cancel.
        let largest = self.weights.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
        let slack = TOLERANCE * f64::from(largest) / f64::from(self.divisor.divisor);
        let zero_points = pair(self.divisor.zero_point, found.zero_point);
        checker.close(expected.zero_point, what("zero point"), zero_points, TOLERANCE, slack);
        let integers = quantiser.integers(self.weights, self.divisor);
        for (index, (&expected_raw, &found)) in self.raw.iter().zip(&integers).enumerate() {
            let what = format_args!("weight {index} of channel {channel}");
            checker.equal(expected.q, what, expected_raw, found);
        }
        checker.equal(expected.q, what("bound"), true, quantiser.holds(self.raw));
        let own = quantiser.quantise(self.weights, self.norm, self.scale);
        let (_, own) = own.map_err(|error| expected.pre_scale.error(error.to_string()))?;
        checker.equal(
            expected.q,
            what("bound with the divisor found"),
            true,
            quantiser.holds(&own),
        );
        let norm = l1_norm(self.raw.iter().copied());
        let (lowest, highest) = channel_range(quantiser.input, self.raw.iter().copied());
        let formula = quantiser.bound.least_bits(norm, quantiser.input);
        let exact = of_range(lowest, highest);
        let found = [norm.into(), lowest, highest, formula.into(), exact.into()];
        for (line, found) in expected.integers.into_iter().zip(found) {
            let expected = line.value::<i128>(channel + 1, "integer")?;
            checker.equal(line, what(line.tag()), expected, found);
        }
        Ok(formula < exact)
    }
}
