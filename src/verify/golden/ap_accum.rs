//! Checks ap_accum.csv: dot products with hls4ml's accum_t.

use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::array::MacArray;
use hwmodel::number::accumulator::{AccumulatorEvents, BiasOrder, Cast, Summation};
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use std::fmt::Display;
use std::path::Path;

/// Recomputes every value of a file in the layout of ap_accum.csv.
///
/// The results and their overflow counts come from [`MacArray::linear_biased`] and [`Requantiser::product`] at every SIMD
/// level of this CPU, what the accumulator holds on the way from [`Summation`]. The `resource` strategy adds the same products
/// in another order, so its operands are permuted.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_ap_accum(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    let (mut steps, mut events) = (0, 0);
    for case in file.cases()? {
        checker.case();
        let layer = Layer::read(&case)?;
        steps += (layer.inputs * layer.outputs) as u64;
        events += layer.check(&case, &mut checker)?;
    }
    checker.announced(file, "n_steps", steps);
    checker.announced(file, "n_overflow_events", events);
    checker.finish(file, &[])
}

/// A dense layer.
struct Layer {
    inputs: usize,
    outputs: usize,
    reuse: usize,
    x: FixedTensor,
    /// `[in][out]`.
    w: Vec<i64>,
    weight: Format,
    bias: FixedTensor,
    accumulator: Accumulator,
    result: (Format, Rounding, Overflow),
}

/// A type as the file writes it: `signed:W:I[:Q:O[:N]]`.
fn parts<'a>(case: &Case<'a>, key: &str) -> Result<Vec<&'a str>, GoldenError> {
    Ok(case.text(key)?.split(':').collect())
}

fn wrong(case: &Case<'_>, error: impl Display) -> GoldenError {
    case.line.error(error.to_string())
}

/// The format of a type.
fn format(case: &Case<'_>, key: &str) -> Result<Format, GoldenError> {
    let parts = parts(case, key)?;
    let [signed, bits, integer] = parts
        .get(..3)
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(|| wrong(case, format_args!("`{key}` is not signed:W:I")))?;
    let bits: i32 = bits.parse().map_err(|error| wrong(case, error))?;
    let integer: i32 = integer.parse().map_err(|error| wrong(case, error))?;
    let (wl, fl) = (bits.unsigned_abs(), bits - integer);
    let made = if signed == "1" { Format::new(wl, fl) } else { Format::unsigned(wl, fl) };
    made.map_err(|error| wrong(case, error))
}

/// Rounding and overflow of a type.
fn modes(case: &Case<'_>, key: &str) -> Result<(Rounding, Overflow), GoldenError> {
    let parts = parts(case, key)?;
    let part = |index: usize| parts.get(index).copied().unwrap_or("0");
    let rounding = format!("AP_{}", part(3)).parse().map_err(|error| wrong(case, error))?;
    let bits: u8 = part(5).parse().map_err(|error| wrong(case, error))?;
    let overflow = match part(4) {
        "SAT" => Overflow::Saturate,
        "SAT_ZERO" => Overflow::SaturateZero,
        "SAT_SYM" => Overflow::SaturateSymmetric,
        "WRAP" if bits == 0 => Overflow::Wrap,
        "WRAP" => Overflow::WrapSaturated { bits },
        "WRAP_SM" => Overflow::WrapSignMagnitude { bits },
        other => return Err(wrong(case, format_args!("`{other}` is not an overflow mode"))),
    };
    Ok((rounding, overflow))
}

impl Layer {
    fn read(case: &Case<'_>) -> Result<Self, GoldenError> {
        let (inputs, outputs) = (case.value("n_in")?, case.value("n_out")?);
        let [x, w, b, ..] = named(case)?;
        let tensor = |line: &Line<'_>, format, count: usize| {
            let raw = line.list::<i64>(1, count, "integer")?;
            FixedTensor::from_raw(&[1, count], format, &raw)
                .map_err(|error| line.error(error.to_string()))
        };
        let of_sum = parts(case, "acc")?;
        let (bits, integer): (i32, i32) = match of_sum.get(1..3) {
            Some([bits, integer]) => (
                bits.parse().map_err(|error| wrong(case, error))?,
                integer.parse().map_err(|error| wrong(case, error))?,
            ),
            _ => return Err(wrong(case, "`acc` is not signed:W:I:Q:O:N")),
        };
        let (rounding, overflow) = modes(case, "acc")?;
        let width =
            AccumulatorWidth::bits(bits.unsigned_abs()).map_err(|error| wrong(case, error))?;
        let (result_rounding, result_overflow) = modes(case, "y")?;
        Ok(Self {
            inputs,
            outputs,
            reuse: case.value("reuse")?,
            x: tensor(x, format(case, "x")?, inputs)?,
            w: w.list::<i64>(1, inputs * outputs, "integer")?,
            weight: format(case, "w")?,
            bias: tensor(b, format(case, "b")?, outputs)?,
            accumulator: Accumulator {
                fl: Some(bits - integer),
                rounding: Some(rounding),
                cast: Some(Cast::Term),
                bias: BiasOrder::First,
                ..Accumulator::new(width, overflow)
            },
            result: (format(case, "y")?, result_rounding, result_overflow),
        })
    }

    /// Input `term` of output `output`: x and w.
    fn factors(&self, output: usize, term: usize) -> (i64, i64) {
        (self.x.data().get(term), self.w[term * self.outputs + output])
    }

    /// The order in which hls4ml's `resource` strategy adds the products of an output.
    fn resource_order(&self, output: usize) -> Vec<usize> {
        let (inputs, reuse) = (self.inputs, self.reuse);
        let mut order: Vec<usize> = (0..inputs).collect();
        if reuse <= inputs {
            order.sort_by_key(|term| term % reuse);
        } else if !reuse.is_multiple_of(inputs) {
            // In each of `reuse` cycles at most one product of an output, by its place among all weights.
            order.sort_by_key(|term| (output * inputs + term) % reuse);
        }
        order
    }

    /// Returns the overflows that the case lists.
    fn check(&self, case: &Case<'_>, checker: &mut Checker) -> Result<u64, GoldenError> {
        let [_, _, _, start, prod, acc, ovf_prod, ovf_add, y_latency, y_resource] = named(case)?;
        let product_fl = self.x.format().fl() + self.weight.fl();
        let (mut starts, mut casts, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        for output in 0..self.outputs {
            let bias = (i128::from(self.bias.data().get(output)), self.bias.format().fl());
            let begin = Summation::new(&self.accumulator, product_fl)
                .starting_at(bias.0, bias.1, product_fl);
            starts.push(begin.value());
            let mut sum = begin;
            for term in 0..self.inputs {
                let (x, w) = self.factors(output, term);
                let product = i128::from(x) * i128::from(w);
                // Alone in an accumulator, a product is what its cast makes of it.
                let mut alone = Summation::new(&self.accumulator, product_fl);
                alone.add(product);
                casts.push(alone.value());
                sum.add(product);
                sums.push(sum.value());
            }
        }
        for (line, found) in [(start, &starts), (prod, &casts), (acc, &sums)] {
            checker.row(line);
            let expected = line.list::<i128>(1, found.len(), "integer")?;
            for (index, (expected, &found)) in expected.into_iter().zip(found).enumerate() {
                checker.equal(line, format_args!("value {index}"), expected, found);
            }
        }
        for line in [ovf_prod, ovf_add, y_latency, y_resource] {
            checker.row(line);
        }
        let mut total = 0;
        for output in 0..self.outputs {
            let ascending: Vec<usize> = (0..self.inputs).collect();
            let listed = |line: &Line<'_>| line.value::<u64>(1 + output, "count of overflows");
            let (of_casts, of_sums) = (listed(ovf_prod)?, listed(ovf_add)?);
            total += of_casts + of_sums;
            for simd in checker.levels() {
                let (y, events) = self.output(case, output, &ascending, simd)?;
                let expected = y_latency.value::<i64>(1 + output, "integer")?;
                checker.equal(y_latency, format_args!("output {output} ({simd})"), expected, y);
                let what = format_args!("overflows of output {output} ({simd})");
                checker.equal(ovf_prod, what, of_casts, events.cast);
                checker.equal(ovf_add, what, of_sums, events.outer);
                let (y, _) = self.output(case, output, &self.resource_order(output), simd)?;
                let expected = y_resource.value::<i64>(1 + output, "integer")?;
                checker.equal(y_resource, format_args!("output {output} ({simd})"), expected, y);
            }
        }
        Ok(total)
    }

    /// One output, its products added in `order`, and the overflows but those of the bias.
    fn output(
        &self,
        case: &Case<'_>,
        output: usize,
        order: &[usize],
        simd: SimdLevel,
    ) -> Result<(i64, AccumulatorEvents), GoldenError> {
        let (x, w): (Vec<i64>, Vec<i64>) =
            order.iter().map(|&term| self.factors(output, term)).unzip();
        let tensor = |format, raw: &[i64]| {
            FixedTensor::from_raw(&[1, raw.len()], format, raw).map_err(|error| wrong(case, error))
        };
        let (x, w) = (tensor(self.x.format(), &x)?, tensor(self.weight, &w)?);
        let bias = FixedTensor::from_raw(&[1], self.bias.format(), &[self.bias.data().get(output)])
            .map_err(|error| wrong(case, error))?;
        let array = MacArray { simd, accumulator: self.accumulator };
        let product =
            array.linear_biased(&x, &w, Some(&bias)).map_err(|error| wrong(case, error))?;
        let product_fl = x.format().fl() + w.format().fl();
        let of_bias = Summation::new(&self.accumulator, product_fl)
            .starting_at(bias.data().get(0).into(), bias.format().fl(), product_fl)
            .events();
        let (format, rounding, overflow) = self.result;
        let address = RandomAddress::new(0, 0, 0, Role::Output);
        let requantiser = Requantiser { simd, format, rounding, overflow, address };
        let (y, _) = requantiser.product(&product, None).map_err(|error| wrong(case, error))?;
        Ok((y.get(0), product.report().level_events.since(of_bias)))
    }
}

fn named<'a, 'b>(case: &'b Case<'a>) -> Result<[&'b Line<'a>; 10], GoldenError> {
    case.named([
        "x",
        "w",
        "b",
        "start",
        "prod",
        "acc",
        "ovf_prod",
        "ovf_add",
        "y_latency",
        "y_resource",
    ])
}
