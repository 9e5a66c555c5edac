//! Operations that a precision switch itself costs (papers/adapt.md section 8).

/// PushDown: ops_pd = 3·elements·b·r·sp, b = 2·log₂(WL - 8) if WL > 8 (0 at WL = 9), else 1.
///
/// `resolution` is r in bins, `nonzero` is sp, the fraction of non-zero elements.
///
/// ```
/// use hwsim::train::paper_cost::push_down_operations;
/// assert_eq!(push_down_operations(100, 16, 50, 0.5), 3.0 * 100.0 * 6.0 * 50.0 * 0.5);
/// assert_eq!(push_down_operations(100, 9, 50, 0.5), 0.0);
/// ```
pub fn push_down_operations(elements: u64, wl: u32, resolution: u32, nonzero: f64) -> f64 {
    let rounds = if wl > 8 { 2.0 * libm::log2(f64::from(wl - 8)) } else { 1.0 };
    3.0 * elements as f64 * rounds * f64::from(resolution) * nonzero
}

/// The paper's upper bound of PushDown: 3·elements·r_upr·log₂(32 - 8).
pub fn push_down_operations_bound(elements: u64, largest_resolution: u32) -> f64 {
    3.0 * elements as f64 * f64::from(largest_resolution) * libm::log2(24.0)
}

/// PushUp: ops_pu = (lb + 1)·elements + 1.
pub fn push_up_operations(elements: u64, lookback: u32) -> f64 {
    (f64::from(lookback) + 1.0) * elements as f64 + 1.0
}
