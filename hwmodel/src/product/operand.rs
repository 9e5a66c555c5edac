//! One value for each operand of a matrix product.

use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign};

/// A value for each operand of `O[M,N] = I[M,K]·W[K,N]`.
///
/// The names are those of the forward product; in a gradient product `input` is the left operand I,
/// `weight` the right operand W and `output` the result O, regardless of the tensors they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByOperand<T> {
    /// Of the left operand `I[M,K]`.
    pub input: T,
    /// Of the right operand `W[K,N]`.
    pub weight: T,
    /// Of the result `O[M,N]`.
    pub output: T,
}

impl<T> ByOperand<T> {
    /// The three values put through `f`.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> ByOperand<U> {
        ByOperand { input: f(self.input), weight: f(self.weight), output: f(self.output) }
    }

    /// The values of two, pairwise put through `f`.
    pub fn zip<U, V>(self, other: ByOperand<U>, mut f: impl FnMut(T, U) -> V) -> ByOperand<V> {
        ByOperand {
            input: f(self.input, other.input),
            weight: f(self.weight, other.weight),
            output: f(self.output, other.output),
        }
    }
}

impl<T: Copy + Add<Output = T>> ByOperand<T> {
    /// input + weight + output, added in this order.
    pub fn total(self) -> T {
        self.input + self.weight + self.output
    }
}

impl<T: AddAssign> AddAssign for ByOperand<T> {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.weight += other.weight;
        self.output += other.output;
    }
}
