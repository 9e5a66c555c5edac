//! Natural numbers of a few hundred bits, with the operations that the exact conversion of decimals needs.

use crate::cast::low;

/// 5^13, the largest power of five in a limb.
const FIVES: [u32; 14] = {
    let mut powers = [1; 14];
    let mut index = 1;
    while index < 14 {
        powers[index] = powers[index - 1] * 5;
        index += 1;
    }
    powers
};

/// Limbs of 32 bits, the lowest first; no highest limb is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Natural(Vec<u32>);

impl Natural {
    /// The number with these decimal digits, the highest first.
    pub(super) fn from_digits(digits: &[u8]) -> Self {
        let mut limbs: Vec<u32> = Vec::new();
        for &digit in digits {
            let mut carry = u64::from(digit);
            for limb in &mut limbs {
                let product = u64::from(*limb) * 10 + carry;
                *limb = low::<u32>(product);
                carry = product >> 32;
            }
            if carry > 0 {
                limbs.push(low::<u32>(carry));
            }
        }
        Self(limbs)
    }

    /// Multiplies by 2^`bits`.
    pub(super) fn shift_left(&mut self, bits: u32) {
        let mut carry = 0;
        for limb in &mut self.0 {
            let wide = u64::from(*limb) << (bits % 32) | carry;
            *limb = low::<u32>(wide);
            carry = wide >> 32;
        }
        if carry > 0 {
            self.0.push(low::<u32>(carry));
        }
        if !self.0.is_empty() {
            self.0.splice(..0, std::iter::repeat_n(0, (bits / 32) as usize));
        }
    }

    /// Divides by 2^`bits`, rounding down; whether there was a remainder.
    pub(super) fn shift_right(&mut self, bits: u32) -> bool {
        let limbs = ((bits / 32) as usize).min(self.0.len());
        let mut rest = self.0.drain(..limbs).any(|limb| limb != 0);
        let mut carry = 0;
        for limb in self.0.iter_mut().rev() {
            let wide = carry << 32 | u64::from(*limb);
            carry = wide & ((1 << (bits % 32)) - 1);
            *limb = low::<u32>(wide >> (bits % 32));
        }
        rest |= carry != 0;
        self.trim();
        rest
    }

    /// Divides by 5^`exponent`, rounding down; whether there was a remainder.
    pub(super) fn divide_by_power_of_five(&mut self, exponent: u32) -> bool {
        let mut rest = false;
        let mut left = exponent;
        while left > 0 {
            let step = left.min(low::<u32>(FIVES.len()) - 1);
            rest |= self.divide(FIVES[step as usize]);
            left -= step;
        }
        rest
    }

    fn divide(&mut self, divisor: u32) -> bool {
        let mut remainder = 0;
        for limb in self.0.iter_mut().rev() {
            let wide = remainder << 32 | u64::from(*limb);
            *limb = low::<u32>(wide / u64::from(divisor));
            remainder = wide % u64::from(divisor);
        }
        self.trim();
        remainder != 0
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The number, if it has at most 128 bits.
    pub(super) fn to_u128(&self) -> Option<u128> {
        if self.0.len() > 4 {
            return None;
        }
        Some(self.0.iter().rev().fold(0, |value, &limb| value << 32 | u128::from(limb)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn natural(value: u128) -> Natural {
        Natural::from_digits(&value.to_string().bytes().map(|b| b - b'0').collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn operations_equal_those_of_u128(value in any::<u128>(), small in any::<u64>(), bits in 0u32..128, fives in 0u32..55) {
            prop_assert_eq!(natural(value).to_u128(), Some(value));
            let mut shifted = natural(value);
            let rest = shifted.shift_right(bits);
            prop_assert_eq!(shifted.to_u128(), Some(value >> bits));
            prop_assert_eq!(rest, value >> bits << bits != value);
            let mut divided = natural(value);
            let rest = divided.divide_by_power_of_five(fives);
            let power = 5u128.pow(fives);
            prop_assert_eq!((divided.to_u128(), rest), (Some(value / power), value % power != 0));
            let mut up = natural(small.into());
            up.shift_left(bits % 64);
            prop_assert_eq!(up.to_u128(), Some(u128::from(small) << (bits % 64)));
            // Beyond 128 bits and back.
            let mut there = natural(value);
            there.shift_left(bits + 100);
            prop_assert!(!there.shift_right(bits + 100));
            prop_assert_eq!(there, natural(value));
        }
    }

    #[test]
    fn nothing_is_zero() {
        let mut zero = Natural::from_digits(&[0, 0]);
        zero.shift_left(40);
        assert_eq!(zero.to_u128(), Some(0));
        assert!(!zero.shift_right(40) && !zero.divide_by_power_of_five(3));
    }
}
