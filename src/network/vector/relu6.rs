//! The bound of min(max(x, 0), 6), the activation of MobileNetV2 (Sandler et al. 2018).
//!
//! On raw integers it is the largest integer that does not stand for more than 6, or none where the format
//! ends below 6: a word that its format cut there passes the gradient, as in ReLU.

use hwmodel::Format;

/// The bound as a float.
pub const BOUND: f32 = 6.0;

/// The largest raw integer of `format` that stands for at most 6: ⌊6 · 2^FL⌋; `None` if all stand for
/// less.
pub fn raw_bound(format: Format) -> Option<i32> {
    const SIX: i64 = 6;
    let bound = match format.fl() {
        fl @ 0..=32 => SIX << fl,
        fl @ -3..0 => SIX >> -fl,
        ..0 => 0,
        _ => i64::MAX,
    };
    i32::try_from(bound).ok().filter(|&bound| bound <= format.max_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    #[test]
    fn the_bound_is_the_largest_integer_that_is_at_most_six() {
        let bound = |wl, fl| raw_bound(format(wl, fl));
        assert_eq!(bound(8, 4), Some(96));
        assert_eq!((bound(8, 0), bound(4, 0)), (Some(6), Some(6)));
        // 6/4 and 6/8 are cut to 1 and 0.
        assert_eq!((bound(8, -2), bound(8, -3), bound(8, -64)), (Some(1), Some(0), Some(0)));
        // ⟨8, 5⟩ ends at 127/32 < 6, ⟨32, 28⟩ just holds 6 · 2^28, ⟨32, 29⟩ does not.
        assert_eq!((bound(8, 5), bound(32, 28), bound(32, 29)), (None, Some(6 << 28), None));
        assert_eq!((bound(32, 40), bound(32, 64)), (None, None));
        // Seven values of three bits: 6 is beyond ⟨3, 0⟩.
        assert_eq!(bound(3, 0), None);
    }
}
