//! The arithmetic (formats, accumulators) of a run's products, from its trace.

use super::layer::pass;
use super::totals::PASSES;
use crate::files::trace::GemmRow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A kind of product: its pass, whether it is fixed point, and whether overflow wraps.
type Kind = (usize, bool, bool);

/// Bits of accumulators, and processing elements.
type Widths = (RangeInclusive<u32>, RangeInclusive<u64>);

/// Kinds of products with their accumulators and arrays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arithmetic {
    found: BTreeMap<Kind, Widths>,
}

impl Arithmetic {
    /// Takes in a product.
    pub(super) fn add(&mut self, row: &GemmRow) {
        let fixed = row.formats.is_some();
        let key = (pass(row.kind), fixed, !row.overflow.saturates());
        let (bits, pes) = (row.accumulator.outer, row.pes);
        let (all_bits, all_pes) = self.found.entry(key).or_insert((bits..=bits, pes..=pes));
        *all_bits = bits.min(*all_bits.start())..=bits.max(*all_bits.end());
        *all_pes = pes.min(*all_pes.start())..=pes.max(*all_pes.end());
    }

    /// Bits of the accumulators of fixed-point products, and what overflow does; `None` without such products.
    pub(super) fn accumulators(&self) -> Option<(String, String)> {
        let fixed = || self.found.iter().filter(|((_, fixed, _), _)| *fixed);
        let low = fixed().map(|(_, (bits, _))| *bits.start()).min()?;
        let high = fixed().map(|(_, (bits, _))| *bits.end()).max()?;
        let overflow = |wraps| fixed().any(|((_, _, own), _)| *own == wraps);
        let words = match (overflow(true), overflow(false)) {
            (true, true) => "wrap, saturate",
            (true, false) => "wrap",
            (false, _) => "saturate",
        };
        Some((range(&(low..=high)), words.to_owned()))
    }

    /// A phrase for each kind of product.
    pub fn phrases(&self) -> Vec<String> {
        let phrase = |(&(pass, fixed, wraps), (bits, pes)): (&Kind, &Widths)| {
            let array = format!("{} processing elements", range(pes));
            let pass = PASSES[pass];
            match (fixed, wraps) {
                (false, _) => format!("{pass}: float32, {array}"),
                (true, true) => {
                    format!(
                        "{pass}: fixed point, accumulators of {} bits that wrap, {array}",
                        range(bits)
                    )
                }
                (true, false) => {
                    format!(
                        "{pass}: fixed point, accumulators of {} bits that saturate, {array}",
                        range(bits)
                    )
                }
            }
        };
        self.found.iter().map(phrase).collect()
    }
}

fn range<T: PartialEq + std::fmt::Display>(range: &RangeInclusive<T>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{} to {}", range.start(), range.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::Format;
    use hwmodel::number::accumulator::AccumulatorBits;
    use hwmodel::product::{ByOperand, GemmKind};

    #[test]
    fn widths_that_change_are_a_range() {
        let format = Format::new(8, 4).unwrap();
        let formats = Some(ByOperand { input: format, weight: format, output: format });
        let mut arithmetic = Arithmetic::default();
        for bits in [30, 24, 27] {
            let accumulator = AccumulatorBits::from(bits);
            arithmetic.add(&GemmRow { formats, accumulator, pes: 256, ..GemmRow::default() });
        }
        arithmetic.add(&GemmRow { kind: GemmKind::GradInput, pes: 256, ..GemmRow::default() });
        let (bits, overflow) = arithmetic.accumulators().unwrap();
        assert_eq!((bits.as_str(), overflow.as_str()), ("24 to 30", "saturate"));
        assert_eq!(Arithmetic::default().accumulators(), None);
        assert_eq!(
            arithmetic.phrases(),
            [
                "forward: fixed point, accumulators of 24 to 30 bits that saturate, 256 processing elements",
                "grad-input: float32, 256 processing elements"
            ]
        );
    }
}
