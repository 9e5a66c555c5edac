//! Transistors of datapaths by their widths, for areas relative to each other.
//!
//! Fits to 812 datapaths synthesised with yosys 0.23 (`hwmodel/energy/yosys_mac.csv`; `stat -tech cmos`: a NAND
//! has 4, an XOR 12, a flip-flop 16). No library, timing, wires or power: **relative** areas only. The
//! tests compare every row with its fit; the errors below are relative.
//!
//! | what | transistors | rms | worst |
//! |---|---|---|---|
//! | multiplier, signed a x b | 49.3·a·b - 33.9·(a + b) | 4.4 % | -8.0, +6.8 % |
//! | adder, wrapping | 37.1·W - 36 | 2.0 % | -5.2, +2.8 % |
//! | adder, saturating | 45.4·W - 35 | 1.5 % | -3.4, +2.8 % |
//! | MAC with registers, wrapping | 49.9·a·b - 23.1·(a + b) + 65.8·ACC - 110 | 2.7 % | -6.6, +5.8 % |
//! | MAC with registers, saturating | 49.4·a·b - 21.6·(a + b) + 75.4·ACC - 100 | 2.7 % | -6.6, +6.1 % |
//! | requantiser with variable shift | see [`requantiser`] | 1.8 to 3.5 % | -6.3, +6.6 % |
//!
//! A MAC whose accumulator is narrower than its product is cheaper than the fit (half at WLa + WLb - 4 bits, say),
//! since the upper part of the product is never built: there the fit is an upper bound.

use crate::{Overflow, Rounding};

const FLIP_FLOP: f64 = 16.0;
const AND: f64 = 6.0;

/// Transistors of a signed multiplier of `a` by `b` bits, full product; at least its AND gates.
pub fn multiplier(a: u32, b: u32) -> f64 {
    let (product, sum) = (f64::from(a) * f64::from(b), f64::from(a) + f64::from(b));
    (49.3 * product - 33.9 * sum).max(AND * product)
}

/// Transistors of an adder of two words of `bits` bits, without registers.
pub fn adder(bits: u32, overflow: Overflow) -> f64 {
    let bits = f64::from(bits);
    let fit = match overflow.saturates() {
        false => 37.1 * bits - 36.0,
        true => 45.4 * bits - 35.0,
    };
    // One bit: an XOR.
    fit.max(12.0 * bits)
}

/// Transistors of `bits` flip-flops.
pub fn registers(bits: u32) -> f64 {
    FLIP_FLOP * f64::from(bits)
}

/// Transistors of a MAC: multiplier, adder, registers of both operands and of the accumulator with its
/// clear. At least its registers and AND gates.
pub fn mac(a: u32, b: u32, accumulator: u32, overflow: Overflow) -> f64 {
    let (product, sum) = (f64::from(a) * f64::from(b), f64::from(a) + f64::from(b));
    let width = f64::from(accumulator);
    let fit = match overflow.saturates() {
        false => 49.87 * product - 23.07 * sum + 65.80 * width - 110.5,
        true => 49.35 * product - 21.62 * sum + 75.42 * width - 100.0,
    };
    fit.max(FLIP_FLOP * (sum + width) + AND * product)
}

/// Transistors of a requantiser: `accumulator` bits shifted right by 0 to 31, rounded and clamped to
/// `output` bits, with output register. Synthesised were floor, nearest-even and stochastic, which includes a
/// 16-bit shift register; the other modes count as nearest-even.
pub fn requantiser(accumulator: u32, output: u32, rounding: Rounding) -> f64 {
    let (accumulator, output) = (f64::from(accumulator), f64::from(output));
    let fit = match rounding {
        Rounding::Floor => 82.05 * accumulator + 19.34 * output - 404.4,
        Rounding::Stochastic => 103.03 * accumulator + 15.01 * output + 734.3,
        _ => 105.81 * accumulator + 20.06 * output - 245.3,
    };
    fit.max(FLIP_FLOP * output)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest and smallest relative error and root mean square over `rows`.
    fn errors(rows: &[(f64, f64)]) -> (f64, f64, f64) {
        let errors: Vec<f64> = rows.iter().map(|(fit, counted)| fit / counted - 1.0).collect();
        let squares: f64 = errors.iter().map(|error| error * error).sum();
        let worst = |pick: fn(f64, f64) -> f64| errors.iter().copied().fold(0.0, pick);
        (worst(f64::min), worst(f64::max), (squares / errors.len() as f64).sqrt())
    }

    #[test]
    fn every_synthesised_row_is_met_within_the_stated_errors() {
        let text = include_str!("../../energy/yosys_mac.csv");
        let mut rows: [Vec<(f64, f64)>; 8] = Default::default();
        for record in csv::Reader::from_reader(text.as_bytes()).records() {
            let record = record.unwrap();
            let bits = |field: usize| record[field].parse::<u32>().unwrap_or(0);
            let (a, b, accumulator, registered) = (bits(1), bits(2), bits(3), &record[5] == "1");
            let overflow = if &record[4] == "wrap" { Overflow::Wrap } else { Overflow::Saturate };
            let wraps = usize::from(overflow == Overflow::Wrap);
            let (group, fit) = match (&record[0], &record[4]) {
                ("mul", _) => (0, multiplier(a, b)),
                ("add", _) => (1 + wraps, adder(accumulator, overflow)),
                ("mac", _) if registered && accumulator >= a + b => {
                    (3 + wraps, mac(a, b, accumulator, overflow))
                }
                ("requant_var", "floor") if registered => {
                    (5, requantiser(accumulator, a, Rounding::Floor))
                }
                ("requant_var", "rne") if registered => {
                    (6, requantiser(accumulator, a, Rounding::NearestEven))
                }
                ("requant_var", "sr16") => (7, requantiser(accumulator, a, Rounding::Stochastic)),
                _ => continue,
            };
            rows[group].push((fit, record[8].parse().unwrap()));
        }
        assert_eq!(rows.each_ref().map(Vec::len), [30, 12, 12, 105, 105, 11, 11, 11]);
        for (rows, (low, high, rms)) in rows.iter().zip([
            (-0.081, 0.069, 0.045),
            (-0.035, 0.029, 0.016),
            (-0.053, 0.029, 0.021),
            (-0.067, 0.062, 0.028),
            (-0.067, 0.059, 0.028),
            (-0.046, 0.064, 0.035),
            (-0.064, 0.067, 0.036),
            (-0.034, 0.024, 0.019),
        ]) {
            let (least, most, root) = errors(rows);
            assert!(least > low && most < high && root < rms, "{least} {most} {root}");
        }
    }

    #[test]
    fn a_narrow_accumulator_costs_at_most_the_fit() {
        let text = include_str!("../../energy/yosys_mac.csv");
        for record in csv::Reader::from_reader(text.as_bytes()).records() {
            let record = record.unwrap();
            let bits = |field: usize| record[field].parse::<u32>().unwrap_or(0);
            if &record[0] == "mac" && &record[5] == "1" && bits(3) < bits(1) + bits(2) {
                let counted: f64 = record[8].parse().unwrap();
                let fit = mac(bits(1), bits(2), bits(3), Overflow::Wrap);
                assert!(fit > 0.98 * counted, "{record:?}: {fit}");
            }
        }
    }

    #[test]
    fn wider_is_never_smaller_and_nothing_is_free() {
        for a in 1..=32 {
            assert!(multiplier(1, a) > 0.0 && adder(a, Overflow::Wrap) > 0.0);
            for b in 1..32 {
                assert!(multiplier(a, b + 1) >= multiplier(a, b));
                for overflow in [Overflow::Wrap, Overflow::Saturate] {
                    assert!(mac(a, b + 1, 20, overflow) >= mac(a, b, 20, overflow));
                    assert!(mac(a, 8, b + 1, overflow) > mac(a, 8, b, overflow));
                }
            }
        }
        assert!(requantiser(1, 1, Rounding::Floor) > 0.0);
    }
}
