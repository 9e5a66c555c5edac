//! Random inputs with ties, neighbours of ties, ends of ranges and extremes among them.

use hwmodel::random::{Lfsr, RandomAddress, RandomBits, RandomSource, Role, below, generator};
use hwmodel::{Format, Overflow, Rounding};
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Everything random of one batch.
pub(crate) struct Inputs(Pcg32);

impl Inputs {
    pub(crate) fn new(seed: u64) -> Self {
        Self(generator(seed, &[0x636f_6e74_7261_6374]))
    }

    /// An integer of `from..=to`.
    pub(crate) fn between(&mut self, from: i32, to: i32) -> i32 {
        from + below(&mut self.0, (to - from + 1) as u32) as i32
    }

    pub(crate) fn size(&mut self, from: usize, to: usize) -> usize {
        from + below(&mut self.0, (to - from + 1) as u32) as usize
    }

    pub(crate) fn flag(&mut self) -> bool {
        below(&mut self.0, 2) == 1
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Any ⟨WL, FL⟩ with FL in `from..=to`.
    pub(crate) fn format(&mut self, from: i32, to: i32) -> Format {
        let (wl, fl) = (self.between(1, 32) as u32, self.between(from, to));
        Format::new(wl, fl).expect("in range")
    }

    /// The same, unsigned half of the time and narrow a quarter of it.
    pub(crate) fn any_format(&mut self, from: i32, to: i32) -> Format {
        let format = self.format(from, to);
        let unsigned = Format::unsigned(format.wl(), format.fl()).expect("in range");
        let format = if self.flag() { format } else { unsigned };
        if self.between(0, 3) == 0 { format.narrow() } else { format }
    }

    pub(crate) fn rounding(&mut self) -> Rounding {
        Rounding::ALL[self.size(0, Rounding::ALL.len() - 1)]
    }

    /// Any overflow mode, with any number of saturated bits that words can have.
    pub(crate) fn any_overflow(&mut self) -> Overflow {
        let bits = self.between(1, 33) as u8;
        match self.between(0, 6) {
            0 => Overflow::Wrap,
            1 => Overflow::Saturate,
            2 => Overflow::SaturateSymmetric,
            3 => Overflow::SaturateZero,
            4 => Overflow::WrapSaturated { bits },
            5 => Overflow::WrapSignMagnitude { bits },
            _ => Overflow::WrapSignMagnitude { bits: 0 },
        }
    }

    pub(crate) fn overflow(&mut self) -> Overflow {
        if self.flag() { Overflow::Wrap } else { Overflow::Saturate }
    }

    /// An address, half of the time in the default numbers.
    pub(crate) fn address(&mut self) -> RandomAddress {
        let step = u64::from(below(&mut self.0, 1000));
        let address = RandomAddress::new(self.bits(), step, below(&mut self.0, 100), Role::Output);
        let source = match self.between(0, 3) {
            0 | 1 => RandomSource::PCG,
            2 => RandomSource::Pcg { bits: RandomBits::new(self.between(1, 24) as u8).ok() },
            _ => {
                let width = self.between(8, 32);
                let bits = RandomBits::new(self.between(1, width.min(24)) as u8);
                let steps = if self.flag() { 1 } else { self.between(1, 24) };
                let lfsr = bits.and_then(|bits| Lfsr::new(width as u8, bits, steps as u8));
                RandomSource::Lfsr(lfsr.expect("in range"))
            }
        };
        RandomAddress { source, ..address }
    }

    /// A number (not NaN) that is interesting for `format`.
    pub(crate) fn float(&mut self, format: Format) -> f32 {
        let step = 2f64.powi(-format.fl());
        let x = match self.between(0, 15) {
            0..=3 => f32::from_bits(self.0.next_u32()),
            // A multiple of an eighth of the step, or its neighbour in float32.
            4..=9 => {
                let whole = match self.between(0, 3) {
                    0 => self.between(-4, 4).into(),
                    1 => format.max_raw() + i64::from(self.between(-2, 2)),
                    2 => format.min_raw() + i64::from(self.between(-2, 2)),
                    _ => self.word(format),
                };
                let eighths = 8.0 * whole as f64 + f64::from(self.between(-8, 8));
                let x = (eighths / 8.0 * step) as f32;
                f32::from_bits(x.to_bits().wrapping_add_signed(self.between(-1, 1)))
            }
            // Any significand at any distance from the last place.
            10..=12 => {
                let exponent = self.between(-40, 36) - format.fl();
                let significand = 1.0 + f64::from(below(&mut self.0, 1 << 23)) / 8_388_608.0;
                let magnitude = (significand * 2f64.powi(exponent)) as f32;
                if self.flag() { -magnitude } else { magnitude }
            }
            13 => f32::from_bits(self.0.next_u32() & 0x807f_ffff),
            14 => {
                let ends =
                    [0.0, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), 1.0];
                let end = ends[self.size(0, 5)];
                if self.flag() { -end } else { end }
            }
            _ => self.between(-1000, 1000) as f32 / 16.0,
        };
        if x.is_nan() { 0.0 } else { x }
    }

    /// A raw integer of `wl` bits: any, an end or a small one.
    pub(crate) fn raw(&mut self, wl: u32) -> i32 {
        let any = (self.0.next_u32() as i32) >> (32 - wl);
        match self.between(0, 7) {
            0 => i32::MIN >> (32 - wl),
            1 => i32::MAX >> (32 - wl),
            2 => 0,
            3 | 4 => any >> self.between(0, 31),
            _ => any,
        }
    }

    /// A raw integer of `format`: any, an end or a small one.
    pub(crate) fn word(&mut self, format: Format) -> i64 {
        let raw = i64::from(self.raw(format.wl()));
        let raw = if format.is_signed() { raw } else { raw & ((1 << format.wl()) - 1) };
        raw.clamp(format.min_raw(), format.max_raw())
    }

    /// An integer of up to `bits` bits, often next to a multiple of half of 2^`shift`.
    pub(crate) fn sum(&mut self, bits: u32, shift: u32) -> i128 {
        let any = i128::from(self.bits() as i64) << 64 | i128::from(self.bits());
        let length = self.between(1, bits as i32) as u32;
        let value = any >> (128 - length);
        if self.flag() || shift == 0 || shift >= length {
            return value;
        }
        let near = (value >> (shift - 1) << (shift - 1)) + i128::from(self.between(-1, 1));
        let limit = 1i128 << (bits - 1);
        near.clamp(-limit, limit - 1)
    }
}
