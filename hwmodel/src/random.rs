//! Counter-based random numbers: each is a function of its address.
//!
//! Stochastic rounding must give the same bits for any thread count and after a resume, so the random
//! number of an element is a function of (seed, step, layer, part, role, element index): all but the last are
//! hashed into a fresh PCG generator, the index is reached by jump-ahead. `rand_pcg` warns against
//! splitting one stream by large power-of-two jumps; here a jump never leaves one tensor. Stochastic
//! rounding can take a circuit's [`Lfsr`] instead, which is addressed in the same way.

use crate::cast::low;
use rand_core::Rng;
use rand_pcg::Pcg32;
use serde::{Deserialize, Serialize};

mod lfsr;
mod source;

pub use lfsr::Lfsr;
pub use source::{RandomBits, RandomNumbers, RandomSource, RandomSourceError};

/// Purpose of a random number; part of its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum Role {
    /// Quantising weights (and biases).
    Weight = 1,
    /// Quantising float activations.
    Activation = 2,
    /// Quantising weight gradients.
    Gradient = 3,
    /// Requantising accumulators to outputs.
    Output = 4,
    /// Requantising a producer's activations to the consumer's format.
    Input = 5,
    /// Quantising the gradient that flows back through activations.
    Error = 6,
    /// Requantising accumulators to gradients with respect to a layer's input.
    InputGradient = 7,
    /// Requantising accumulators to gradients with respect to a layer's weights.
    WeightGradient = 8,
    /// Choosing the elements that dropout sets to zero.
    Dropout = 9,
}

/// The address of a tensor's random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RandomAddress {
    /// Seed of the run.
    pub seed: u64,
    /// Training step (0 outside training).
    pub step: u64,
    /// Number of the layer or tensor.
    pub layer: u32,
    /// Number of the part of a layer that computes several tensors in a step: a time step, a head of a sample,
    /// a branch. `None` for the only one, which is another address than part 0.
    pub part: Option<u64>,
    /// Purpose of the numbers.
    pub role: Role,
    /// Source of the numbers.
    pub source: RandomSource,
}

impl RandomAddress {
    /// An address without parts in the numbers of the default source, [`RandomSource::PCG`].
    pub const fn new(seed: u64, step: u64, layer: u32, role: Role) -> Self {
        Self { seed, step, layer, part: None, role, source: RandomSource::PCG }
    }

    /// The PCG generator of this address, standing at element `index`; also that of another source,
    /// which it seeds.
    ///
    /// Element i takes the i-th 32-bit output.
    pub fn at(self, index: u64) -> Pcg32 {
        let mut generator = generator_of(self);
        generator.advance(index);
        generator
    }
}

/// The PCG generator of an address at its first element.
fn generator_of(address: RandomAddress) -> Pcg32 {
    let place = (u64::from(address.layer) << 32) | u64::from(address.role as u32);
    let path = [0x0073_746f_6368_6173, address.step, place, address.part.unwrap_or_default()];
    generator(address.seed, &path[..3 + usize::from(address.part.is_some())])
}

/// A generator for one purpose of a run: `path` names the purpose (its numbers are hashed with the
/// seed), so that a new purpose never shifts the numbers of another.
pub fn generator(seed: u64, path: &[u64]) -> Pcg32 {
    let mut hash = mix(seed ^ 0x6877_7369_6d00_0001);
    for &part in path {
        hash = mix(hash ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
    Pcg32::new(mix(hash), mix(hash ^ 0x5851_f42d_4c95_7f2d))
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that mixes all 64 bits.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A uniform number in [0, 1) with 24 random bits.
pub fn uniform_f32(generator: &mut impl Rng) -> f32 {
    (generator.next_u32() >> 8) as f32 / (1u32 << 24) as f32
}

/// A uniform number in [0, 1) with 53 random bits.
pub fn uniform_f64(generator: &mut impl Rng) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A uniform integer in [0, `bound`), without bias (Lemire 2019).
///
/// # Panics
/// If `bound` is 0.
pub fn below(generator: &mut impl Rng, bound: u32) -> u32 {
    assert!(bound > 0, "a range of no integers has no element");
    loop {
        let product = u64::from(generator.next_u32()) * u64::from(bound);
        let low = low::<u32>(product);
        if low >= bound.wrapping_neg() % bound {
            return (product >> 32) as u32;
        }
    }
}

/// Shuffles in place (Fisher and Yates, from the back).
pub fn shuffle<T>(generator: &mut impl Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(generator, low::<u32>(last) + 1) as usize);
    }
}

/// A standard normal number (Marsaglia's polar method; the second of each pair is dropped so that
/// every call is independent of the ones before).
pub fn normal(generator: &mut impl Rng) -> f64 {
    loop {
        let x = 2.0 * uniform_f64(generator) - 1.0;
        let y = 2.0 * uniform_f64(generator) - 1.0;
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * libm::log(square) / square).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: RandomAddress = RandomAddress::new(7, 3, 2, Role::Weight);

    #[test]
    fn jumping_equals_stepping() {
        let mut stepped = ADDRESS.at(0);
        for index in 0..300 {
            assert_eq!(ADDRESS.at(index).next_u32(), stepped.next_u32(), "element {index}");
        }
    }

    #[test]
    fn every_part_of_the_address_counts() {
        let first = |address: RandomAddress| address.at(0).next_u32();
        let base = first(ADDRESS);
        assert_ne!(base, first(RandomAddress { seed: 8, ..ADDRESS }));
        assert_ne!(base, first(RandomAddress { step: 4, ..ADDRESS }));
        assert_ne!(base, first(RandomAddress { layer: 3, ..ADDRESS }));
        assert_ne!(base, first(RandomAddress { role: Role::Gradient, ..ADDRESS }));
        let part = |part| first(RandomAddress { part: Some(part), ..ADDRESS });
        assert_ne!(base, part(0));
        assert_ne!(part(0), part(1 << 32));
    }

    /// With 16 bits for the layer and 16 for the part, part 65,536 was part 0, and layer 65,536 was part 1 of layer 0.
    #[test]
    fn no_layer_part_and_role_share_their_numbers() {
        let around = |middle: u64| (middle - 3..middle + 3).chain([0, 1]);
        let layers = around(1 << 16).chain([u64::from(u32::MAX)]);
        let mut seen = std::collections::HashMap::new();
        for layer in layers {
            let parts = around(1 << 16).chain(around(1 << 32)).chain([7 << 16, u64::MAX]);
            for part in parts.map(Some).chain([None]) {
                for role in [Role::Weight, Role::Output, Role::Error] {
                    let layer = layer as u32;
                    let address = RandomAddress { layer, part, role, ..ADDRESS };
                    let first = address.at(0).next_u64();
                    if let Some(other) = seen.insert(first, address) {
                        assert_eq!(other, address, "two addresses with the same numbers");
                    }
                }
            }
        }
    }

    /// Published results depend on these bits: a change here belongs into the changelog.
    #[test]
    fn values_are_stable() {
        let mut generator = ADDRESS.at(0);
        let drawn: Vec<u32> = (0..4).map(|_| generator.next_u32()).collect();
        assert_eq!(drawn, PINNED);
    }

    const PINNED: [u32; 4] = [2_939_266_205, 619_036_920, 17_745_023, 2_401_187_928];

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut generator = generator(1, &[2]);
        let n = 200_000;
        let (mut mean, mut normal_mean, mut normal_square) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            mean += f64::from(uniform_f32(&mut generator)) / f64::from(n);
            let z = normal(&mut generator);
            normal_mean += z / f64::from(n);
            normal_square += z * z / f64::from(n);
        }
        assert!((mean - 0.5).abs() < 0.004);
        assert!(normal_mean.abs() < 0.01);
        assert!((normal_square - 1.0).abs() < 0.02);
    }

    #[test]
    fn shuffle_permutes_and_below_stays_below() {
        let mut generator = generator(1, &[]);
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut generator, &mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
        assert!((0..1000).all(|_| below(&mut generator, 7) < 7));
    }
}
