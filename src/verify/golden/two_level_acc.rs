//! Checks two_level_acc.csv: sums in blocks, accumulators with their own fractional length, sums stored between K-tiles.

use super::layout::elements;
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::array::{MacArray, StepState};
use hwmodel::number::accumulator::{AccumulatorEvents, Cast, InnerAccumulator, StoredSums};
use hwmodel::{
    Accumulator, AccumulatorWidth, BitWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel,
};
use std::num::NonZeroU32;
use std::path::Path;

/// Recomputes every value of a file in the layout of two_level_acc.csv.
///
/// Results and overflow counts come from [`MacArray::matmul`] at every SIMD level of this CPU, what the registers hold
/// on the way from [`MacArray::step_output`]. Stored sums whose shift changes from tile to tile, which no accumulator has,
/// come from [`StoredSums::run`].
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_two_level_acc(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    let (mut outputs, mut events) = (0, 0);
    for case in file.cases()? {
        checker.case();
        events += match case.text("kind")? {
            "blocked" => blocked(&case, &mut checker)?,
            "own" => own(&case, &mut checker)?,
            "tile" => tile(&case, &mut checker)?,
            other => return Err(case.line.error(format!("`{other}` is not a kind of case"))),
        };
        outputs += case.value::<u64>("outputs")?;
    }
    checker.announced(file, "n_outputs", outputs);
    checker.announced(file, "n_overflow_events", events);
    checker.finish(file, &[])
}

/// A row times each column of a matrix.
struct Operands<'a> {
    line: &'a Line<'a>,
    a: FixedTensor,
    w: FixedTensor,
    terms: usize,
    columns: usize,
}

impl<'a> Operands<'a> {
    /// The operands of a case with fractional lengths `fla` and `flw`.
    fn read(
        case: &'a Case<'_>,
        [a, w]: [&Line<'_>; 2],
        [fla, flw]: [i32; 2],
    ) -> Result<Self, GoldenError> {
        let (terms, columns) = (case.value("K")?, case.value("outputs")?);
        let tensor = |line: &Line<'_>, wl, fl, shape: [usize; 2]| {
            let wrong = |error: &dyn std::fmt::Display| line.error(error.to_string());
            let format = Format::new(wl, fl).map_err(|error| wrong(&error))?;
            let count = elements(&shape).ok_or_else(|| line.error("the matrix is too large"))?;
            let raw = line.list::<i32>(1, count, "integer")?;
            FixedTensor::from_raw(&shape, format, &raw).map_err(|error| wrong(&error))
        };
        Ok(Self {
            line: &case.line,
            a: tensor(a, case.value("wla")?, fla, [1, terms])?,
            w: tensor(w, case.value("wlw")?, flw, [terms, columns])?,
            terms,
            columns,
        })
    }

    /// Compares the results of `accumulator` at every level, and the overflows of each output by `count`.
    fn check(
        &self,
        checker: &mut Checker,
        accumulator: Accumulator,
        results: (&Line<'_>, &[i128]),
        counts: &[(&Line<'_>, Count)],
    ) -> Result<(), GoldenError> {
        for simd in checker.levels() {
            let array = MacArray { simd, accumulator };
            let product = self.found(array.matmul(&self.a, &self.w))?;
            for (index, &expected) in results.1.iter().enumerate() {
                let what = format_args!("sum {index} ({simd})");
                checker.equal(results.0, what, expected, product.sums().get(index));
            }
            let mut events = AccumulatorEvents::default();
            for column in 0..self.columns {
                let of_column = self.found(array.matmul(&self.a, &self.column(column)?))?;
                let found = of_column.report().level_events;
                events += found;
                for (line, count) in counts {
                    let expected = line.value::<u64>(1 + column, "count of overflows")?;
                    let what = format_args!("overflows of output {column} ({simd})");
                    checker.equal(line, what, expected, count(&found));
                }
            }
            let total = product.report().level_events.total();
            checker.equal(self.line, "overflows of all outputs", events.total(), total);
        }
        Ok(())
    }

    /// Every state of the accumulator of each output.
    fn states(&self, accumulator: Accumulator) -> Result<Vec<Vec<StepState>>, GoldenError> {
        let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
        (0..self.columns)
            .map(|column| self.found(array.step_output(&self.a, &self.w, 0, column)))
            .collect()
    }

    fn column(&self, column: usize) -> Result<FixedTensor, GoldenError> {
        let place = |term: usize| term * self.columns + column;
        let raw: Vec<i64> = (0..self.terms).map(|term| self.w.data().get(place(term))).collect();
        self.found(FixedTensor::from_raw(&[self.terms, 1], self.w.format(), &raw))
    }

    fn found<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Result<T, GoldenError> {
        result.map_err(|error| self.line.error(error.to_string()))
    }
}

type Count = fn(&AccumulatorEvents) -> u64;

/// Compares a list with what the line says.
fn listed(
    checker: &mut Checker,
    line: &Line<'_>,
    found: impl IntoIterator<Item = i128>,
) -> Result<(), GoldenError> {
    checker.row(line);
    let found: Vec<i128> = found.into_iter().collect();
    let expected = line.list::<i128>(1, found.len(), "integer")?;
    for (index, (expected, found)) in expected.into_iter().zip(found).enumerate() {
        checker.equal(line, format_args!("value {index}"), expected, found);
    }
    Ok(())
}

fn total(line: &Line<'_>, outputs: usize) -> Result<u64, GoldenError> {
    let counts = line.list::<u64>(1, outputs, "count of overflows")?;
    Ok(counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count)))
}

fn sums(line: &Line<'_>, outputs: usize) -> Result<Vec<i128>, GoldenError> {
    line.list::<i128>(1, outputs, "sum")
}

fn width(case: &Case<'_>, key: &str) -> Result<AccumulatorWidth, GoldenError> {
    AccumulatorWidth::bits(case.value(key)?).map_err(|error| case.line.error(error.to_string()))
}

fn overflow(case: &Case<'_>, key: &str) -> Result<Overflow, GoldenError> {
    match case.text(key)? {
        "wrap" => Ok(Overflow::Wrap),
        "sat" => Ok(Overflow::Saturate),
        other => Err(case.line.error(format!("`{other}` is not an overflow mode"))),
    }
}

/// The rounding mode that the conventions call `name`.
fn rounding(case: &Case<'_>) -> Result<Rounding, GoldenError> {
    Ok(match case.text("rounding")? {
        "floor" => Rounding::Floor,
        "ceil" => Rounding::Ceiling,
        "to_zero" => Rounding::TowardZero,
        "away" => Rounding::AwayFromZero,
        "half_up" => Rounding::HalfUp,
        "half_down" => Rounding::HalfDown,
        "half_zero" => Rounding::NearestZero,
        "half_away" => Rounding::NearestAway,
        "half_even" => Rounding::NearestEven,
        "half_odd" => Rounding::NearestOdd,
        other => return Err(case.line.error(format!("`{other}` is not a rounding mode"))),
    })
}

/// Blocks of products in one width, their sums in another.
fn blocked(case: &Case<'_>, checker: &mut Checker) -> Result<u64, GoldenError> {
    let [a, w, inner, outer, ovf_inner, ovf_outer, exact] =
        case.named(["a", "w", "inner", "outer", "ovf_inner", "ovf_outer", "exact"])?;
    let operands = Operands::read(case, [a, w], [0; 2])?;
    let terms: NonZeroU32 = case.value("block")?;
    let level = InnerAccumulator {
        terms,
        width: width(case, "P1")?,
        overflow: overflow(case, "overflow1")?,
    };
    let outer_level = Accumulator::new(width(case, "P2")?, overflow(case, "overflow2")?);
    let accumulator = Accumulator { inner: Some(level), ..outer_level };
    let states = operands.states(accumulator)?;
    let ends = || {
        states.iter().flat_map(|states| states.chunks(terms.get() as usize)).flat_map(<[_]>::last)
    };
    listed(checker, inner, ends().map(|state| state.inner))?;
    listed(checker, outer, ends().map(|state| state.sum))?;
    let last: Vec<i128> = states.iter().flat_map(|states| states.last()).map(|s| s.sum).collect();
    let counts: [(&Line<'_>, Count); 2] =
        [(ovf_inner, |events| events.inner), (ovf_outer, |events| events.outer)];
    operands.check(checker, accumulator, (outer, &last), &counts)?;
    operands.check(
        checker,
        Accumulator::default(),
        (exact, &sums(exact, operands.columns)?),
        &[],
    )?;
    Ok(total(ovf_inner, operands.columns)? + total(ovf_outer, operands.columns)?)
}

/// An accumulator with its own fractional length.
fn own(case: &Case<'_>, checker: &mut Checker) -> Result<u64, GoldenError> {
    let [a, w, acc, ovf_cast, ovf_add, exact] =
        case.named(["a", "w", "acc", "ovf_cast", "ovf_add", "exact"])?;
    let operands = Operands::read(case, [a, w], [case.value("fla")?, case.value("flw")?])?;
    let terms: NonZeroU32 = case.value("block")?;
    let (cast, inner) = match case.text("variant")? {
        "product" => (Cast::Term, None),
        "sum" => (Cast::Sum, None),
        "block" => {
            let (width, overflow) = (AccumulatorWidth::Exact, Overflow::default());
            (Cast::Term, Some(InnerAccumulator { terms, width, overflow }))
        }
        other => return Err(case.line.error(format!("`{other}` is not a variant"))),
    };
    let accumulator = Accumulator {
        fl: Some(case.value("fl")?),
        rounding: Some(rounding(case)?),
        cast: Some(cast),
        inner,
        ..Accumulator::new(width(case, "P")?, overflow(case, "overflow")?)
    };
    let states = operands.states(accumulator)?;
    let ends =
        states.iter().flat_map(|states| states.chunks(terms.get() as usize)).flat_map(<[_]>::last);
    listed(checker, acc, ends.map(|state| state.sum))?;
    let last: Vec<i128> = states.iter().flat_map(|states| states.last()).map(|s| s.sum).collect();
    let counts: [(&Line<'_>, Count); 2] =
        [(ovf_cast, |events| events.cast), (ovf_add, |events| events.outer)];
    operands.check(checker, accumulator, (acc, &last), &counts)?;
    operands.check(
        checker,
        Accumulator::default(),
        (exact, &sums(exact, operands.columns)?),
        &[],
    )?;
    Ok(total(ovf_cast, operands.columns)? + total(ovf_add, operands.columns)?)
}

/// Partial sums that are stored between K-tiles.
fn tile(case: &Case<'_>, checker: &mut Checker) -> Result<u64, GoldenError> {
    let [a, w, shift, tile_sum, stored_words, out, out_last_exact, saturations, exact] = case
        .named([
            "a",
            "w",
            "shift",
            "tile_sum",
            "stored",
            "out",
            "out_last_exact",
            "saturations",
            "exact",
        ])?;
    let operands = Operands::read(case, [a, w], [0; 2])?;
    let terms: NonZeroU32 = case.value("tile")?;
    let tiles = operands.terms.div_ceil(terms.get() as usize);
    let shifts = shift.list::<u32>(1, tiles, "shift")?;
    let bits: u32 = case.value("bits")?;
    let bits = BitWidth::new(bits).map_err(|error| case.line.error(error.to_string()))?;
    let stored = StoredSums {
        rounding: rounding(case)?,
        group: case.value("group")?,
        shift: shifts.first().copied().unwrap_or(0),
        ..StoredSums::new(terms, bits)
    };
    // A block of a tile's length holds the tile's sum.
    let (width, overflow) = (AccumulatorWidth::Exact, Overflow::default());
    let whole = Accumulator {
        inner: Some(InnerAccumulator { terms, width, overflow }),
        ..Accumulator::default()
    };
    let tile_sums: Vec<Vec<i128>> = operands
        .states(whole)?
        .iter()
        .map(|states| {
            states.chunks(terms.get() as usize).flat_map(<[_]>::last).map(|s| s.inner).collect()
        })
        .collect();
    listed(checker, tile_sum, tile_sums.iter().flatten().copied())?;
    let runs: Vec<_> =
        tile_sums.iter().map(|sums| stored.run(sums.iter().copied(), &shifts)).collect();
    listed(checker, stored_words, runs.iter().flat_map(|run| run.words.iter().copied()))?;
    listed(checker, out, runs.iter().map(|run| run.sum))?;
    listed(checker, out_last_exact, runs.iter().map(|run| run.last_exact))?;
    listed(checker, saturations, runs.iter().map(|run| run.saturations.into()))?;
    if shifts.iter().all(|&shift| shift == stored.shift) {
        let accumulator = |last_exact| Accumulator {
            stored: Some(StoredSums { last_exact, ..stored }),
            ..Accumulator::default()
        };
        let results = sums(out, operands.columns)?;
        let count: (&Line<'_>, Count) = (saturations, |events| events.stored);
        operands.check(checker, accumulator(false), (out, &results), &[count])?;
        let results = sums(out_last_exact, operands.columns)?;
        operands.check(checker, accumulator(true), (out_last_exact, &results), &[])?;
    }
    operands.check(
        checker,
        Accumulator::default(),
        (exact, &sums(exact, operands.columns)?),
        &[],
    )?;
    total(saturations, operands.columns)
}
