//! Checks requant.csv: wide fixed point brought to a narrow word, 6 roundings × 2 overflows.

use super::{Checker, GoldenError, Line, Report, Table};
use hwmodel::array::{Product, Sums};
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Accumulator, AccumulatorWidth, BitWidth, Format, Overflow, Rounding, SimdLevel};
use std::path::Path;

/// The roundings by their names in the columns, and the overflow policies.
const ROUNDINGS: [(&str, Rounding); 6] = [
    ("floor", Rounding::Floor),
    ("half_up", Rounding::HalfUp),
    ("half_even", Rounding::NearestEven),
    ("half_away", Rounding::NearestAway),
    ("to_zero", Rounding::TowardZero),
    ("stochastic", Rounding::Stochastic),
];
const OVERFLOWS: [(&str, Overflow); 2] = [("wrap", Overflow::Wrap), ("sat", Overflow::Saturate)];

/// Longest shifts of which the scalar definition holds exactly, given accumulators of 64 bits.
const SHIFTS: std::ops::RangeInclusive<i32> = -60..=64;

/// Recomputes every row of a file in the layout of requant.csv.
///
/// Every value is compared with the scalar definition, [`Rounding::shift_right`] and
/// [`Overflow::apply`]; where nothing is random also with [`Requantiser::product`] at every SIMD level
/// of this CPU, consecutive rows of the same formats as one product.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_requant(path: &Path) -> Result<Report, GoldenError> {
    check(&Table::read(path)?, &SimdLevel::available())
}

pub(super) fn check(table: &Table, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut modes = Vec::new();
    for (name, rounding) in ROUNDINGS {
        for (suffix, overflow) in OVERFLOWS {
            let column = table.column(&format!("{name}_{suffix}"))?;
            modes.push(Mode { column, rounding, overflow });
        }
    }
    let columns = [
        table.column("WL")?,
        table.column("FL")?,
        table.column("wl")?,
        table.column("fl")?,
        table.column("acc")?,
        table.column("r")?,
    ];
    let mut checker = Checker::at_levels(table.file().name(), levels);
    let mut group: Vec<Row<'_>> = Vec::new();
    for line in table.rows() {
        let row = Row::new(line?, columns)?;
        checker.row_of("rows");
        check_scalar(&mut checker, &row, &modes)?;
        if group.last().is_some_and(|last| last.formats() != row.formats()) {
            check_products(&mut checker, &std::mem::take(&mut group), &modes)?;
        }
        group.push(row);
    }
    check_products(&mut checker, &group, &modes)?;
    checker.finish(table.file(), &["rows"])
}

struct Mode {
    column: usize,
    rounding: Rounding,
    overflow: Overflow,
}

struct Row<'a> {
    line: Line<'a>,
    /// Width of the accumulator.
    bits: BitWidth,
    /// Word length of the result; its fractional length only enters `shift`.
    format: Format,
    /// Fractional bits that are dropped; negative: added.
    shift: i32,
    accumulator: i64,
    random: u64,
}

impl<'a> Row<'a> {
    fn new(line: Line<'a>, columns: [usize; 6]) -> Result<Self, GoldenError> {
        let [bits, from, wl, to, accumulator, random] = columns;
        let bits: u32 = line.value(bits, "word length")?;
        let (from, to): (i32, i32) = (line.value(from, "FL")?, line.value(to, "fl")?);
        let shift = from.checked_sub(to).filter(|shift| SHIFTS.contains(shift));
        let shift = shift.ok_or_else(|| line.error("the shift is not -60 to 64 bits"))?;
        let (wl, accumulator): (u32, i64) =
            (line.value(wl, "word length")?, line.value(accumulator, "accumulator")?);
        let bits = BitWidth::new(bits).map_err(|error| line.error(error.to_string()))?;
        if Overflow::Saturate.apply(accumulator.into(), bits).1 {
            return Err(line.error(format!("{accumulator} is no accumulator of {bits} bits")));
        }
        let format = Format::new(wl, 0).map_err(|error| line.error(error.to_string()))?;
        let random: u64 = line.value(random, "r")?;
        if u128::from(random) >= 1u128 << shift.max(0) {
            return Err(line.error(format!("r = {random} is not below 2^{}", shift.max(0))));
        }
        Ok(Self { line, bits, format, shift, accumulator, random })
    }

    fn formats(&self) -> (BitWidth, Format, i32) {
        (self.bits, self.format, self.shift)
    }
}

fn check_scalar(checker: &mut Checker, row: &Row<'_>, modes: &[Mode]) -> Result<(), GoldenError> {
    let value = i128::from(row.accumulator);
    for &Mode { column, rounding, overflow } in modes {
        let rounded = match row.shift {
            left @ ..0 => value << -left,
            right => rounding.shift_right(value, right.unsigned_abs(), row.random),
        };
        let found = overflow.apply(rounded, row.format.word()).0;
        let what = format_args!("{rounding} {overflow}");
        checker.equal(&row.line, what, row.line.value(column, "raw integer")?, found);
    }
    Ok(())
}

/// Requantises the accumulators of `rows`, which have the same formats, as one product.
fn check_products(
    checker: &mut Checker,
    rows: &[Row<'_>],
    modes: &[Mode],
) -> Result<(), GoldenError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let wide: Vec<i64> = rows.iter().map(|row| row.accumulator).collect();
    let narrow: Option<Vec<i32>> = wide.iter().map(|&sum| i32::try_from(sum).ok()).collect();
    let format = first.format;
    let sums = narrow.map_or(Sums::I64(wide), Sums::I32);
    let accumulator = Accumulator::new(AccumulatorWidth::Bits(first.bits), Overflow::Saturate);
    // Only the difference from the result's fractional length matters.
    let product = Product::from_sums(sums, 1, first.shift, accumulator)
        .map_err(|error| first.line.error(error.to_string()))?;
    let address = RandomAddress::new(0, 0, 0, Role::Output);
    for &Mode { column, rounding, overflow } in modes {
        if rounding == Rounding::Stochastic {
            continue;
        }
        for simd in checker.levels() {
            let unit = Requantiser { simd, format, rounding, overflow, address };
            let data = unit.product(&product, None);
            let (data, _) = data.map_err(|error| first.line.error(error.to_string()))?;
            for (index, row) in rows.iter().enumerate() {
                let expected = row.line.value::<i64>(column, "raw integer")?;
                let what = format_args!("{rounding} {overflow} ({simd})");
                checker.equal(&row.line, what, expected, data.get(index));
            }
        }
    }
    Ok(())
}
