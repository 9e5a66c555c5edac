//! Length of the gradient window and histogram resolution of PushDown (papers/adapt.md section 5).

use super::{Bounds, Variant};
use hwmodel::cast::{nearest_f32, toward_zero};

/// The lookback of a tensor after a step with gradient diversity `diversity`.
///
/// target = ⌈min(max(upper/Δs, lower), upper)⌉ if Δs > 0, else upper;
/// result = ⌈target·γ + lookback·(1 - γ)⌉, γ = `momentum`, in float64 in this order. `released`
/// divides in float32.
///
/// ```
/// use hwsim::precision::{Bounds, Variant, lookback::next_lookback};
/// let bounds = Bounds::new(25, 100);
/// assert_eq!(next_lookback(Variant::Paper, 1.0, 25, bounds, 0.33), 50);
/// assert_eq!(next_lookback(Variant::Paper, f64::INFINITY, 28, bounds, 0.33), 28);
/// ```
pub fn next_lookback(
    variant: Variant,
    diversity: f64,
    lookback: u32,
    bounds: Bounds,
    momentum: f64,
) -> u32 {
    let (lower, upper) = (f64::from(bounds.lower), f64::from(bounds.upper));
    let target = if diversity > 0.0 {
        let wanted = match variant {
            Variant::Paper => upper / diversity,
            Variant::Released => f64::from(bounds.upper as f32 / nearest_f32(diversity)),
        };
        wanted.max(lower).min(upper).ceil()
    } else {
        upper
    };
    toward_zero::<u32>((target * momentum + f64::from(lookback) * (1.0 - momentum)).ceil())
}

/// The resolution (histogram bins) of a tensor whose lookback has become `lookback`: one more at the
/// upper bound of the lookback, one less at the lower, inside `resolutions`.
///
/// ```
/// use hwsim::precision::{Bounds, lookback::next_resolution};
/// let (lookbacks, resolutions) = (Bounds::new(25, 100), Bounds::new(50, 150));
/// assert_eq!(next_resolution(100, 50, lookbacks, resolutions), 51);
/// assert_eq!(next_resolution(25, 50, lookbacks, resolutions), 50);
/// assert_eq!(next_resolution(60, 70, lookbacks, resolutions), 70);
/// ```
pub fn next_resolution(
    lookback: u32,
    resolution: u32,
    lookbacks: Bounds,
    resolutions: Bounds,
) -> u32 {
    let inside = |value: u32| value.max(resolutions.lower).min(resolutions.upper);
    let mut resolution = resolution;
    // Both apply, in this order, when the lookback has one possible value.
    if lookback == lookbacks.upper {
        resolution = inside(resolution.saturating_add(1));
    }
    if lookback == lookbacks.lower {
        resolution = inside(resolution.saturating_sub(1));
    }
    resolution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_diversity_asks_for_the_longest_lookback() {
        let bounds = Bounds::new(3, 8);
        for variant in [Variant::Paper, Variant::Released] {
            assert_eq!(next_lookback(variant, 0.0, 3, bounds, 1.0), 8);
            assert_eq!(next_lookback(variant, f64::INFINITY, 8, bounds, 1.0), 3);
            assert_eq!(next_lookback(variant, 2.5, 8, bounds, 1.0), 4, "⌈3.2⌉");
        }
    }

    #[test]
    fn a_falling_lookback_stops_above_its_lower_bound() {
        let bounds = Bounds::new(25, 100);
        let mut lookback = 100;
        for _ in 0..100 {
            lookback = next_lookback(Variant::Paper, f64::INFINITY, lookback, bounds, 0.33);
        }
        assert_eq!(lookback, 28, "⌈1/γ⌉ - 1 above");
    }

    #[test]
    fn one_possible_lookback_raises_and_lowers() {
        let lookbacks = Bounds::new(6, 6);
        assert_eq!(next_resolution(6, 12, lookbacks, Bounds::new(5, 12)), 11);
        assert_eq!(next_resolution(6, 5, lookbacks, Bounds::new(5, 12)), 5);
    }
}
