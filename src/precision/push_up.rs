//! PushUp: the bits added for gradient diversity on top of PushDown (papers/adapt.md section 4).

use super::{PrecisionError, Strategy, Variant};
use hwmodel::Format;
use hwmodel::cast::{exact, nearest_f32, toward_zero};

/// The new format of a tensor with gradient diversity `diversity` after PushDown gave `lowest`.
///
/// With s bits from [`added_bits`]: FL = min(FL_min + s, 32), WL = min(max(WL_min, FL) + 1, 32);
/// then FL = min(FL, 32 - buffer), WL = max(min(FL + buffer, 32), WL).
///
/// ```
/// use hwmodel::Format;
/// use hwsim::precision::{Strategy, Variant, push_up::push_up};
/// let lowest = Format::new(7, 5)?;
/// let format = push_up(Variant::Paper, 0.5, lowest, Strategy::Min, 4)?;
/// assert_eq!(format, Format::new(10, 6)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the result is no possible format, which a `lowest` with 0 ≤ FL ≤ 32 excludes.
pub fn push_up(
    variant: Variant,
    diversity: f64,
    lowest: Format,
    strategy: Strategy,
    buffer_bits: u32,
) -> Result<Format, PrecisionError> {
    let buffer = i64::from(buffer_bits.min(32));
    let fl_min = i64::from(lowest.fl());
    let fl = fl_min.saturating_add(added_bits(variant, diversity, fl_min, strategy)).min(32);
    let wl = (i64::from(lowest.wl()).max(fl) + 1).min(32);
    let fl = fl.min(32 - buffer);
    let wl = (fl + buffer).min(32).max(wl);
    Ok(Format::new(exact::<u32>(wl), exact::<i32>(fl))?)
}

/// s: how many fractional bits are added to `fl_min`.
///
/// | variant | applies when | s1 | s2 |
/// |---|---|---|---|
/// | paper | Δs < ∞, L = ln Δs > 0 | max(⌈1/(L - 1)⌉, 1), 1 if that is not positive and finite | max(min(⌈32·L² - 1⌉, 32) - FL_min, 1) |
/// | released | 0 < Δs < ∞, L = ln Δs - 1 > 0, float32 | max(⌈1/L²⌉, 1) | max(min(⌈32·L²⌉, 32) - FL_min, 0) |
///
/// otherwise s = 1. The strategy combines s1 and s2.
pub fn added_bits(variant: Variant, diversity: f64, fl_min: i64, strategy: Strategy) -> i64 {
    let suggestions = match variant {
        Variant::Paper => paper_suggestions(diversity, fl_min),
        Variant::Released => released_suggestions(nearest_f32(diversity), fl_min),
    };
    suggestions.map_or(1, |(first, second)| strategy.choose(first, second))
}

fn paper_suggestions(diversity: f64, fl_min: i64) -> Option<(i64, i64)> {
    let log = libm::log(diversity);
    if !(diversity < f64::INFINITY && log > 0.0) {
        return None;
    }
    let first = 1.0 / (log - 1.0);
    let first = if first > 0.0 && first < f64::INFINITY {
        toward_zero::<i64>(first.ceil()).max(1)
    } else {
        1
    };
    let second = toward_zero::<i64>((32.0 * log * log - 1.0).ceil().min(32.0));
    Some((first, (second - fl_min).max(1)))
}

fn released_suggestions(diversity: f32, fl_min: i64) -> Option<(i64, i64)> {
    let log = libm::logf(diversity) - 1.0;
    if !(diversity > 0.0 && diversity < f32::INFINITY && log > 0.0) {
        return None;
    }
    let first = toward_zero::<i64>(f64::from((1.0 / (log * log)).ceil())).max(1);
    let second = toward_zero::<i64>(f64::from((32.0 * (log * log)).ceil().min(32.0)));
    Some((first, (second - fl_min).max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paper_by_hand() {
        let bits = |diversity, fl, strategy| added_bits(Variant::Paper, diversity, fl, strategy);
        // ln 5 = 1.609: s1 = ⌈1.64⌉ = 2; 32·2.59 - 1 > 32: s2 = 32 - 10.
        assert_eq!(bits(5.0, 10, Strategy::Min), 2);
        assert_eq!(bits(5.0, 10, Strategy::Max), 22);
        assert_eq!(bits(5.0, 10, Strategy::Mean), 12);
        // ln 2 = 0.693: 1/(0.693 - 1) is negative: s1 = 1; s2 = ⌈14.37⌉ - 4 = 11.
        assert_eq!(bits(2.0, 4, Strategy::Max), 11);
        assert_eq!(bits(2.0, 4, Strategy::Min), 1);
        for no_growth in [0.0, 0.5, 1.0, f64::INFINITY, f64::NAN] {
            assert_eq!(bits(no_growth, 4, Strategy::Max), 1, "{no_growth}");
        }
    }

    #[test]
    fn released_by_hand() {
        let bits = |diversity, fl, strategy| added_bits(Variant::Released, diversity, fl, strategy);
        // L = ln 5 - 1 = 0.609: L² = 0.371: s1 = ⌈2.69⌉ = 3, s2 = ⌈11.9⌉ - 10 = 2.
        assert_eq!(bits(5.0, 10, Strategy::Min), 2);
        assert_eq!(bits(5.0, 10, Strategy::Max), 3);
        assert_eq!(bits(5.0, 12, Strategy::Min), 0, "no bit at all is possible");
        for no_growth in [0.0, 2.0, 2.7, f64::INFINITY, f64::NAN] {
            assert_eq!(bits(no_growth, 4, Strategy::Max), 1, "{no_growth}");
        }
    }

    #[test]
    fn the_result_is_a_format_for_every_input() {
        for variant in [Variant::Paper, Variant::Released] {
            for strategy in [Strategy::Min, Strategy::Mean, Strategy::Max] {
                for buffer in [0, 4, 8, 32] {
                    for (wl, fl) in [(1, 0), (4, 4), (32, 31), (32, 32), (9, 12)] {
                        for diversity in [0.0, 1.5, 2.7182820, 2.7182822, 3.0, 1e30] {
                            let lowest = Format::new(wl, fl).unwrap();
                            let format =
                                push_up(variant, diversity, lowest, strategy, buffer).unwrap();
                            assert!(format.fl() <= 32 - buffer as i32);
                            assert!(format.wl() >= lowest.wl());
                        }
                    }
                }
            }
        }
    }
}
