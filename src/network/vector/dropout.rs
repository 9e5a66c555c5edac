//! Dropout (Srivastava et al. 2014) with inverted scaling: training sees 0 or x / (1 - p), so that
//! evaluation needs no scale.
//!
//! Element i is dropped if its random number, 32 bits, is below p · 2^32. Numbers are addressed by
//! (seed, step, layer, role, i): forward and backward pass draw the same, for any number of threads, and
//! nothing needs to be stored.

use crate::network::vector::operations::VectorOperations;
use hwmodel::cast::toward_zero;
use hwmodel::random::RandomAddress;
use rand_core::Rng;
use rayon::prelude::*;

/// Per element: the products of activations and of gradients. Both are charged in the backward pass, since a forward
/// pass for inference has none.
pub const OPERATIONS: VectorOperations = VectorOperations::new(0, 2);

/// Elements a thread handles at a time; a jump of the generator is paid once for each.
const CHUNK: usize = 1 << 14;

/// x ← 0 with `probability`, else x / (1 - `probability`); of activations, or of their gradients with
/// the same address. `probability` is at least 0 and below 1.
pub fn dropout(x: &mut [f32], probability: f32, address: RandomAddress) {
    debug_assert!((0.0..1.0).contains(&probability));
    // At most 2^32 - 2^8, the largest float below 1 times 2^32.
    let threshold = toward_zero::<u64>(f64::from(probability) * 4_294_967_296.0);
    let scale = 1.0 / (1.0 - probability);
    x.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, x)| {
        let mut numbers = address.at((chunk * CHUNK) as u64);
        for x in x {
            let dropped = u64::from(numbers.next_u32()) < threshold;
            *x = if dropped { 0.0 } else { *x * scale };
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::random::Role;

    const ADDRESS: RandomAddress = RandomAddress::new(5, 2, 7, Role::Dropout);

    #[test]
    fn the_share_that_stays_is_scaled_so_that_the_mean_stays() {
        for probability in [0.2f32, 0.5, 0.9] {
            let mut x = vec![3.0f32; 100_000];
            dropout(&mut x, probability, ADDRESS);
            let dropped = x.iter().filter(|&&x| x == 0.0).count() as f64 / 1e5;
            assert!((dropped - f64::from(probability)).abs() < 0.006, "{dropped}");
            let kept = 3.0 * (1.0 / (1.0 - probability));
            assert!(x.iter().all(|&x| x == 0.0 || x == kept));
            let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / 1e5;
            assert!((mean - 3.0).abs() < 0.2, "{mean}");
        }
    }

    #[test]
    fn the_mask_is_that_of_the_numbers_one_by_one() {
        let length = 2 * CHUNK + 17;
        let mut x = vec![1.0f32; length];
        dropout(&mut x, 0.25, ADDRESS);
        let mut numbers = ADDRESS.at(0);
        for (index, &x) in x.iter().enumerate() {
            assert_eq!(x == 0.0, numbers.next_u32() < 1 << 30, "element {index}");
        }
        let mut other = vec![1.0f32; length];
        dropout(&mut other, 0.25, RandomAddress { step: 3, ..ADDRESS });
        assert_ne!(x, other);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let mut again = vec![1.0f32; length];
        one.install(|| dropout(&mut again, 0.25, ADDRESS));
        assert_eq!(x, again);
    }

    #[test]
    fn nothing_is_dropped_with_probability_0_and_a_dropped_nan_is_0() {
        let mut x = [1.5f32, -2.0];
        dropout(&mut x, 0.0, ADDRESS);
        assert_eq!(x, [1.5, -2.0]);
        let mut x = vec![f32::NAN; 1000];
        dropout(&mut x, 0.5, ADDRESS);
        assert!(x.contains(&0.0) && x.iter().any(|x| x.is_nan()));
    }
}
