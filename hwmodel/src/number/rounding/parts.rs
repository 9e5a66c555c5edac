//! The properties of a value that decide its rounding.

use num_traits::PrimInt;

/// Properties of a value v that rounding modes depend on; ⌊v⌋ and the fraction v - ⌊v⌋ are known.
pub trait Parts: Copy {
    /// v < 0.
    fn negative(self) -> bool;
    /// ⌊v⌋ is odd.
    fn odd(self) -> bool;
    /// The fraction is 0.
    fn whole(self) -> bool;
    /// The fraction is above ½.
    fn above_half(self) -> bool;
    /// The fraction is ½.
    fn at_half(self) -> bool;
    /// The fraction and the random number r of [0, 1) add up to at least 1.
    fn carries(self) -> bool;
}

/// An integer whose low bits are the fraction.
#[derive(Debug, Clone, Copy)]
pub struct Shifted<T> {
    floor: T,
    rest: T,
    unit: T,
    random: T,
}

impl<T: PrimInt> Shifted<T> {
    /// `value · 2^-shift`, with r = `random · 2^-shift`. 2^`shift` must fit twice.
    #[inline(always)]
    pub fn new(value: T, shift: u32, random: T) -> Self {
        let unit = T::one() << shift as usize;
        let rest = value & (unit - T::one());
        Self { floor: value >> shift as usize, rest, unit, random }
    }

    /// The value plus a whole number.
    #[inline(always)]
    pub fn plus(self, whole: T) -> Self {
        Self { floor: self.floor + whole, ..self }
    }

    /// The integer below.
    #[inline(always)]
    pub fn floor(self) -> T {
        self.floor
    }
}

impl<T: PrimInt> Parts for Shifted<T> {
    #[inline(always)]
    fn negative(self) -> bool {
        self.floor < T::zero()
    }

    #[inline(always)]
    fn odd(self) -> bool {
        self.floor & T::one() != T::zero()
    }

    #[inline(always)]
    fn whole(self) -> bool {
        self.rest == T::zero()
    }

    #[inline(always)]
    fn above_half(self) -> bool {
        self.rest > self.unit >> 1
    }

    #[inline(always)]
    fn at_half(self) -> bool {
        // Without a fraction half a unit is 0 as well.
        (self.rest == self.unit >> 1) & (self.unit > T::one())
    }

    #[inline(always)]
    fn carries(self) -> bool {
        self.rest + self.random >= self.unit
    }
}

/// A quotient of integers.
#[derive(Debug, Clone, Copy)]
pub struct Quotient {
    /// ⌊dividend / divisor⌋.
    pub floor: i64,
    /// dividend - floor · divisor, at least 0 and below the divisor.
    pub remainder: i64,
    /// The divisor, at least 1 and below 2^62.
    pub divisor: i64,
}

impl Parts for Quotient {
    #[inline(always)]
    fn negative(self) -> bool {
        self.floor < 0
    }

    #[inline(always)]
    fn odd(self) -> bool {
        self.floor & 1 != 0
    }

    #[inline(always)]
    fn whole(self) -> bool {
        self.remainder == 0
    }

    #[inline(always)]
    fn above_half(self) -> bool {
        2 * self.remainder > self.divisor
    }

    #[inline(always)]
    fn at_half(self) -> bool {
        2 * self.remainder == self.divisor
    }

    /// Quotients are not rounded stochastically.
    #[inline(always)]
    fn carries(self) -> bool {
        false
    }
}
