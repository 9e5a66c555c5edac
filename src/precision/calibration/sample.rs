//! A sample of bounded size out of a stream of values.

/// Values that a sample of activations has at most.
pub const SAMPLE: usize = 1 << 16;

/// Every value while there are few, then those whose position hashes below a bound that is halved whenever the sample is full.
///
/// Which positions are taken depends on nothing else, so that the sample is the same however the values come in batches, and
/// the period of channels or pixels has no influence on it.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    most: usize,
    seen: u64,
    bound: u32,
    taken: Vec<(u32, f32)>,
}

impl Sample {
    pub(super) fn new(most: usize) -> Self {
        Self { most, seen: 0, bound: u32::MAX, taken: Vec::new() }
    }

    pub(super) fn add(&mut self, values: &[f32]) {
        if self.most == 0 {
            return;
        }
        for &value in values {
            let hash = hash(self.seen);
            self.seen += 1;
            if hash > self.bound {
                continue;
            }
            self.taken.push((hash, value));
            while self.taken.len() > self.most && self.bound > 0 {
                self.bound /= 2;
                let bound = self.bound;
                self.taken.retain(|(hash, _)| *hash <= bound);
            }
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = f32> {
        self.taken.iter().map(|(_, value)| *value)
    }
}

/// The upper half of the output function of SplitMix64 (Steele, Lea, Flood 2014) at a position.
fn hash(position: u64) -> u32 {
    let mut z = position.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hwmodel::cast::exact::<u32>((z ^ (z >> 31)) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_all_taken_and_many_evenly() {
        let values: Vec<f32> = (0..100_000).map(|i| (i % 16) as f32).collect();
        let mut few = Sample::new(100);
        few.add(&values[..100]);
        assert_eq!(few.values().collect::<Vec<_>>(), values[..100]);
        let mut many = Sample::new(4096);
        many.add(&values);
        let taken: Vec<f32> = many.values().collect();
        assert!((2048..=4096).contains(&taken.len()), "{}", taken.len());
        for channel in 0..16 {
            let count = taken.iter().filter(|&&value| value == channel as f32).count();
            assert!((80..400).contains(&count), "{channel}: {count}");
        }
        let mut pieces = Sample::new(4096);
        values.chunks(777).for_each(|piece| pieces.add(piece));
        assert_eq!(pieces.values().collect::<Vec<_>>(), taken);
    }
}
