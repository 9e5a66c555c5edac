//! What the circuit must give: sums, overflows, words and cycles, by hwmodel's definitions.

use super::cycles::CycleCounts;
use super::error::RtlError;
use super::parameters::{Twin, aligned_bias};
use super::product::Product;
use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::number::accumulator::{BiasOrder, Summation};
use hwmodel::number::quantise::{Cast, Converted};
use hwmodel::number::requantise::Requantiser;
use hwmodel::{FixedTensor, Rounding, SimdLevel};
use rayon::prelude::*;

/// Results of a product, `[group, m, n]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The accumulator after each fold of K, `[group, m, n, fold]`; one fold where sums stay in the array.
    pub fold_sums: Vec<i128>,
    /// Folds of K.
    pub folds: usize,
    /// The accumulator after the last product.
    pub sums: Vec<i128>,
    /// The accumulator after the bias; the same where it is not added last.
    pub biased: Vec<i128>,
    /// Additions that left the accumulator, that of a bias added last included.
    pub events: Vec<u32>,
    /// k of the first of them; K for that of the bias.
    pub first_k: Vec<Option<u32>>,
    /// Requantised words.
    pub words: Vec<i64>,
    /// Whether the rounded value was outside the word.
    pub clamped: Vec<bool>,
    /// Cycles of the machine.
    pub cycles: CycleCounts,
}

struct One {
    fold_sums: Vec<i128>,
    biased: i128,
    events: u64,
    first_k: Option<usize>,
    word: i128,
    clamped: bool,
}

impl Expected {
    /// Every output of `product` on `twin`, addition by addition; compared with the fast kernels of the MAC array.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn new(twin: &Twin, product: &Product, simd: SimdLevel) -> Result<Self, RtlError> {
        let (m, n) = (product.m, product.n);
        let bias = aligned_bias(product);
        let fold_terms = if twin.keeps_sums() { product.k } else { twin.rows };
        let ones: Vec<One> = (0..product.groups() * m * n)
            .into_par_iter()
            .map(|at| one(product, &bias, fold_terms, [at / (m * n), at / n % m, at % n]))
            .collect();
        let mut all = Self {
            fold_sums: Vec::with_capacity(ones.len()),
            folds: product.k.div_ceil(fold_terms),
            sums: ones.iter().map(|one| one.fold_sums.last().copied().unwrap_or(0)).collect(),
            biased: ones.iter().map(|one| one.biased).collect(),
            events: ones.iter().map(|one| u32::try_from(one.events).unwrap_or(u32::MAX)).collect(),
            first_k: ones.iter().map(|one| one.first_k.map(hwmodel::cast::exact)).collect(),
            words: ones.iter().map(|one| hwmodel::cast::exact(one.word)).collect(),
            clamped: ones.iter().map(|one| one.clamped).collect(),
            cycles: CycleCounts::of(twin),
        };
        ones.iter().for_each(|one| all.fold_sums.extend(&one.fold_sums));
        all.check(product, simd)?;
        Ok(all)
    }

    /// Compares sums, events and words with the fast kernels.
    fn check(&self, product: &Product, simd: SimdLevel) -> Result<(), RtlError> {
        let (m, n, k) = (product.m, product.n, product.k);
        let array = MacArray { simd, accumulator: product.accumulator };
        let differs = |what: String| Err(RtlError::Disagreement(what));
        for group in 0..product.groups() {
            let bias = match &product.bias {
                Some(bias) => {
                    let raw: Vec<i64> =
                        (group * n..(group + 1) * n).map(|i| bias.data().get(i)).collect();
                    Some(FixedTensor::from_raw(&[n], bias.format(), &raw)?)
                }
                None => None,
            };
            let b = &product.b[group];
            // The kernels take filters, [n, k].
            let filters: Vec<i64> = (0..n * k).map(|i| b.data().get(i % k * n + i / k)).collect();
            let filters = FixedTensor::from_raw(&[n, 1, 1, k], b.format(), &filters)?;
            let a = &product.a[group];
            let raw: Vec<i64> = (0..m * k).map(|i| a.data().get(i)).collect();
            let rows = FixedTensor::from_raw(&[m, 1, 1, k], a.format(), &raw)?;
            let point = Convolution2d::square(1, 1, 0);
            let fast = array.convolve_biased(&rows, &filters, point, bias.as_ref())?;
            let own = group * m * n..(group + 1) * m * n;
            for (at, &biased) in self.biased[own.clone()].iter().enumerate() {
                let fast = fast.sums().get(at);
                if fast != biased {
                    return differs(format!("sum {at} of group {group} is {biased} and {fast}"));
                }
            }
            let events: u64 =
                self.events[own.clone()].iter().map(|&events| u64::from(events)).sum();
            let report = fast.report();
            let counted = report.accumulator_events - report.level_events.cast;
            if events != counted {
                return differs(format!("{events} and {counted} accumulator events"));
            }
            if product.output.scales.is_none() && product.groups() == 1 {
                let output = &product.output;
                let requantiser = Requantiser {
                    simd,
                    format: output.format,
                    rounding: output.rounding,
                    overflow: output.overflow,
                    address: output.address,
                };
                let (words, _) = requantiser.product(&fast, None)?;
                if words.to_i64() != self.words {
                    return differs("requantised words".to_owned());
                }
            }
        }
        Ok(())
    }
}

/// Output [group, row, column].
fn one(
    product: &Product,
    bias: &[i128],
    fold_terms: usize,
    [group, row, column]: [usize; 3],
) -> One {
    let (n, k) = (product.n, product.k);
    let (a, b) = (product.a[group].data(), product.b[group].data());
    let channel = group * n + column;
    let accumulator = &product.accumulator;
    let mut summation = Summation::new(accumulator, product.product_fl());
    if let (Some(bias), BiasOrder::First) = (&product.bias, accumulator.bias) {
        let raw = bias.data().get(channel).into();
        summation = summation.starting_at(raw, bias.format().fl(), product.product_fl());
    }
    let (mut fold_sums, mut first_k, mut events) = (Vec::new(), None, 0);
    for term in 0..k {
        summation.add(i128::from(a.get(row * k + term)) * i128::from(b.get(term * n + column)));
        let after = summation.events().outer;
        if after > events && first_k.is_none() {
            first_k = Some(term);
        }
        events = after;
        if (term + 1) % fold_terms == 0 || term + 1 == k {
            fold_sums.push(summation.value());
        }
    }
    let mut biased = summation.value();
    if let (Some(&bias), BiasOrder::Last) = (bias.get(channel), accumulator.bias) {
        let outside;
        (biased, outside) = accumulator.width.fit(accumulator.overflow, biased + bias);
        if outside {
            events += 1;
            first_k = first_k.or(Some(k));
        }
    }
    let output = &product.output;
    let element = row * product.columns() + channel;
    let shift = product.shift(channel);
    let random = match output.rounding {
        Rounding::Stochastic if shift > 0 => {
            output.address.numbers(element as u64, shift.unsigned_abs()).next()
        }
        _ => 0,
    };
    let value = match &output.scales {
        Some(scales) => scales[channel].product(biased),
        None => biased,
    };
    let (rounding, overflow) = (output.rounding, output.overflow);
    let cast = Cast { fl: 0, word: output.format.word(), rounding, overflow };
    let Converted { raw, outside } = cast.of_raw(value, shift, random);
    One { fold_sums, biased, events, first_k, word: raw, clamped: outside }
}
