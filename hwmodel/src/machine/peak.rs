//! Peak rates of a machine and the balance between them.

use super::Machine;

/// Terms of the sums for which an accumulator `exact` is sized where no product is given.
pub(super) const TYPICAL_TERMS: u64 = 1024;

impl Machine {
    /// MACs per cycle of the whole array for fixed-point words of `wl_input` and `wl_weight` bits (an
    /// accumulator `exact` is sized for 1024 terms).
    pub fn peak_macs_per_cycle(&self, wl_input: u32, wl_weight: u32) -> f64 {
        let accumulator = self.accumulator_bits(wl_input, wl_weight, TYPICAL_TERMS);
        let mac = self.mac_cost(wl_input, wl_weight, accumulator);
        self.array.processing_elements() as f64 * mac.throughput.macs_per_cycle()
    }

    /// Peak rate in 10^12 operations per second; a MAC is two operations.
    pub fn peak_tops(&self, wl_input: u32, wl_weight: u32) -> f64 {
        2.0 * self.peak_macs_per_cycle(wl_input, wl_weight) * self.clock_mhz * 1e-6
    }

    /// Machine balance: peak MACs per bit of DRAM bandwidth. A product with fewer MACs per bit that it moves is
    /// bound by memory, one with more by the array.
    pub fn balance_macs_per_bit(&self, wl_input: u32, wl_weight: u32) -> f64 {
        let bits = self.memory.dram_bandwidth_bits_per_cycle as f64;
        self.peak_macs_per_cycle(wl_input, wl_weight) / bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_follow_array_clock_and_style() {
        let edge = Machine::builtin("edge-16x16").unwrap();
        assert_eq!(
            (edge.peak_macs_per_cycle(8, 8), edge.peak_macs_per_cycle(32, 2)),
            (256.0, 256.0)
        );
        assert_eq!((edge.peak_tops(8, 8), edge.balance_macs_per_bit(8, 8)), (0.256, 4.0));
        let tpu = Machine::builtin("tpu-like-256x256").unwrap();
        // 65536 MACs at 700 MHz, a half and a quarter of it for 8 x 16 and 16 x 16 bits.
        assert_eq!(tpu.peak_tops(8, 8), 91.7504);
        assert_eq!(tpu.peak_macs_per_cycle(8, 16), 32768.0);
        assert_eq!(tpu.peak_macs_per_cycle(16, 16), 16384.0);
        let fusion = Machine::builtin("bit-fusion-like-32x16").unwrap();
        assert_eq!(
            [2, 4, 8, 16].map(|wl| fusion.peak_macs_per_cycle(wl, wl) / 512.0),
            [16.0, 4.0, 1.0, 0.25]
        );
    }
}
