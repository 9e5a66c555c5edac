//! Checks rtl_stochastic.csv: a requantiser with the random numbers of a shift register.

use super::{BlockFile, Case, Checker, GoldenError, Report};
use hwmodel::array::{Product, Sums};
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{Lfsr, RandomAddress, RandomBits, RandomSource, Role};
use hwmodel::{Accumulator, Format, Overflow, Rounding, SimdLevel};
use std::fmt::Display;
use std::path::Path;

/// The longest shift of which the scalar definition holds exactly.
const MOST_SHIFT: i32 = 64;

/// Recomputes every output of a file in the layout of rtl_stochastic.csv.
///
/// The load comes from [`Lfsr::load`]; outputs from [`Requantiser::product`] at every SIMD level of this CPU, and from the register
/// clock by clock, begun at the load in the file.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_rtl_stochastic(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    let mut outputs = 0;
    for case in file.cases()? {
        checker.case();
        outputs += check_case(&case, &mut checker)?;
    }
    checker.announced(file, "n_outputs", outputs);
    checker.finish(file, &[])
}

fn wrong(case: &Case<'_>, error: impl Display) -> GoldenError {
    case.line.error(error.to_string())
}

/// Returns the outputs of the case.
fn check_case(case: &Case<'_>, checker: &mut Checker) -> Result<u64, GoldenError> {
    let [accumulators, outputs] = case.named(["accumulators", "outputs"])?;
    let bits = RandomBits::new(case.value("bits")?).map_err(|error| wrong(case, error))?;
    let lfsr = Lfsr::new(case.value("width")?, bits, case.value("steps")?)
        .map_err(|error| wrong(case, error))?;
    let shift: i32 = case.value("shift")?;
    if !(1..=MOST_SHIFT).contains(&shift) {
        return Err(wrong(case, format!("the shift is not 1 to {MOST_SHIFT} bits")));
    }
    let format = Format::new(case.value("wl_out")?, 0).map_err(|error| wrong(case, error))?;
    let (seed, step, layer) = (case.value("seed")?, case.value("step")?, case.value("layer")?);
    let address = RandomAddress {
        source: RandomSource::Lfsr(lfsr),
        ..RandomAddress::new(seed, step, layer, Role::Output)
    };
    let load: u32 = case.value("load")?;
    checker.equal(&case.line, "load", load, lfsr.load(address));

    checker.row(outputs);
    let sums = accumulators.rest(1, |line, at| line.value::<i64>(at, "accumulator"))?;
    let expected = outputs.list::<i64>(1, sums.len(), "word")?;
    for simd in checker.levels() {
        let rounding = Rounding::Stochastic;
        let requantiser =
            Requantiser { simd, format, rounding, overflow: Overflow::Saturate, address };
        let all = Sums::I64(sums.clone());
        let product = Product::from_sums(all, sums.len(), shift, Accumulator::default())
            .map_err(|error| wrong(case, error))?;
        let (words, _) = requantiser.product(&product, None).map_err(|error| wrong(case, error))?;
        for (index, &expected) in expected.iter().enumerate() {
            checker.equal(
                outputs,
                format_args!("word {index} ({simd})"),
                expected,
                words.get(index),
            );
        }
    }
    let mut state = load;
    for (index, (&sum, &expected)) in sums.iter().zip(&expected).enumerate() {
        // r is aligned to the top of the dropped bits; one that is longer loses its low bits.
        let random = u128::from(lfsr.number(state)) << shift.unsigned_abs() >> bits.get();
        let sum = i128::from(sum) + random.cast_signed();
        let (word, _) = Overflow::Saturate.apply(sum >> shift, format.word());
        let what = format_args!("word {index}, clock by clock");
        checker.equal(outputs, what, expected.into(), word);
        for _ in 0..lfsr.steps() {
            state = lfsr.step(state);
        }
    }
    Ok(sums.len() as u64)
}
