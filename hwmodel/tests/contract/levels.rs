//! Accumulators of two levels, with a fractional length, and with stored sums: the reference, and any such accumulator.

use crate::inputs::Inputs;
use crate::reference::{Random, overflow_of, round};
use hwmodel::number::accumulator::{
    AccumulatorEvents, BiasOrder, Cast, InnerAccumulator, StoredSums,
};
use hwmodel::{Accumulator, AccumulatorWidth, BitWidth, Overflow, Rounding};
use std::num::NonZeroU32;

/// value · 2^-shift; exact for a negative shift.
fn scaled(value: i128, shift: i32, rounding: Rounding) -> i128 {
    match u32::try_from(shift) {
        Ok(right) => round(value, right, rounding, Random::ZERO),
        Err(_) => value << shift.unsigned_abs(),
    }
}

fn fit(value: i128, width: AccumulatorWidth, overflow: Overflow, events: &mut u64) -> i128 {
    match width {
        AccumulatorWidth::Exact => value,
        AccumulatorWidth::Bits(bits) => {
            let (fitted, outside) = overflow_of(value, bits.get(), overflow);
            *events += u64::from(outside);
            fitted
        }
    }
}

/// Blocks of products in the inner register, their sums in the outer one.
fn tile_sum(
    of: &Accumulator,
    shift: i32,
    products: &[i128],
    start: i128,
    events: &mut AccumulatorEvents,
) -> i128 {
    let rounding = of.rounding.unwrap_or(Rounding::Floor);
    let terms = of.inner.map_or(1, |inner| inner.terms.get() as usize);
    let each = match of.cast {
        None => of.fl.is_some(),
        Some(cast) => cast == Cast::Term,
    };
    let mut outer = start;
    for block in products.chunks(terms) {
        let sum = match of.inner {
            None => block[0],
            Some(inner) => block.iter().fold(0, |sum, product| {
                fit(sum + product, inner.width, inner.overflow, &mut events.inner)
            }),
        };
        let next = if each {
            let addend = scaled(sum, shift, rounding);
            outer + fit(addend, of.width, of.overflow, &mut events.cast)
        } else if shift > 0 {
            scaled((outer << shift) + sum, shift, rounding)
        } else {
            outer + scaled(sum, shift, rounding)
        };
        outer = fit(next, of.width, of.overflow, &mut events.outer);
    }
    outer
}

/// What accumulator `of` holds after `products`, which have `fl` fractional bits; `start` is a bias and its fractional length.
pub(crate) fn accumulate(
    of: &Accumulator,
    fl: i32,
    products: &[i128],
    start: Option<(i128, i32)>,
    events: &mut AccumulatorEvents,
) -> i128 {
    let own = of.fl.unwrap_or(fl);
    let shift = fl - own;
    let rounding = of.rounding.unwrap_or(Rounding::Floor);
    let start = start.map_or(0, |(raw, bias_fl)| {
        let raw = scaled(raw, bias_fl - own, rounding);
        fit(raw, of.width, of.overflow, &mut events.cast)
    });
    let Some(stored) = of.stored else { return tile_sum(of, shift, products, start, events) };
    let mut held: Vec<i128> = Vec::new();
    let mut tiles: Vec<&[i128]> = products.chunks(stored.tile.get() as usize).collect();
    if tiles.is_empty() {
        tiles.push(&[]);
    }
    let last = tiles.len() - 1;
    for (index, tile) in tiles.into_iter().enumerate() {
        let mut sum = tile_sum(of, shift, tile, if index == 0 { start } else { 0 }, events);
        if stored.group > 0 && index % stored.group as usize == 0 {
            sum += held.drain(..).sum::<i128>();
            sum = fit(sum, of.width, of.overflow, &mut events.outer);
        }
        if index == last && stored.last_exact {
            held.push(sum);
        } else {
            let word = round(sum, stored.shift, stored.rounding, Random::ZERO);
            let (word, saturated) = overflow_of(word, stored.width.get(), Overflow::Saturate);
            events.stored += u64::from(saturated);
            held.push(word << stored.shift);
        }
    }
    fit(held.iter().sum(), of.width, of.overflow, &mut events.outer)
}

fn rounding(inputs: &mut Inputs) -> Rounding {
    // All but stochastic, the first.
    Rounding::ALL[inputs.size(1, Rounding::ALL.len() - 1)]
}

fn near(inputs: &mut Inputs, bits: i32) -> AccumulatorWidth {
    let bits = match inputs.between(0, 6) {
        0 => return AccumulatorWidth::Exact,
        1 => inputs.between(1, 64),
        _ => bits + inputs.between(-4, 6),
    };
    AccumulatorWidth::bits(bits.clamp(1, 64) as u32).unwrap()
}

/// An accumulator for products of `wl` bits with `fl` fractional bits, which overflows at times.
pub(crate) fn accumulator(inputs: &mut Inputs, wl: u32, fl: i32) -> Accumulator {
    let wl = wl as i32;
    let mut of = Accumulator::new(near(inputs, wl), inputs.overflow());
    if inputs.flag() {
        return of;
    }
    if inputs.flag() {
        let shift =
            if inputs.between(0, 4) == 0 { -inputs.between(0, 3) } else { inputs.between(0, 9) };
        if (-64..=64).contains(&(fl - shift)) {
            of.fl = Some(fl - shift);
            of.width = near(inputs, wl - shift);
            of.rounding = inputs.flag().then(|| rounding(inputs));
        }
    }
    if inputs.flag() {
        of.cast = Some(if inputs.flag() { Cast::Sum } else { Cast::Term });
    }
    if inputs.flag() {
        let terms = NonZeroU32::new(inputs.between(1, 20) as u32).unwrap();
        let width = near(inputs, wl + terms.ilog2() as i32 - 1);
        of.inner = Some(InnerAccumulator { terms, width, overflow: inputs.overflow() });
    }
    if inputs.between(0, 3) == 0 {
        let tile = NonZeroU32::new(inputs.between(1, 30) as u32).unwrap();
        let width = BitWidth::new(inputs.between(1, wl.min(40) + 2) as u32).unwrap();
        of.stored = Some(StoredSums {
            shift: inputs.between(0, 12) as u32,
            rounding: rounding(inputs),
            group: inputs.between(0, 4) as u32,
            last_exact: inputs.flag(),
            ..StoredSums::new(tile, width)
        });
    }
    if inputs.flag() {
        of.bias = BiasOrder::First;
    }
    of
}
