//! Interpolation between the published points of a table.

/// Piecewise linear through (0, 0) and `anchors` (x ascending and positive); past the last anchor
/// proportional to `x`.
pub(super) fn piecewise_linear(anchors: &[(f64, f64)], x: f64) -> f64 {
    let (mut x0, mut y0) = (0.0, 0.0);
    for &(x1, y1) in anchors {
        if x < x1 {
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
        }
        (x0, y0) = (x1, y1);
    }
    if x0 > 0.0 { y0 * x / x0 } else { 0.0 }
}

/// A power law between neighbouring `anchors` (x ascending, x and y positive), the end segments
/// extended outward. Two anchors give the one power law through both.
///
/// Fewer than two anchors determine no power law: one is taken as constant, none as 0.
pub(super) fn log_log(anchors: &[(f64, f64)], x: f64) -> f64 {
    let segment = match anchors {
        [] => return 0.0,
        [(_, y)] => return *y,
        _ => {
            let end = anchors[1..anchors.len() - 1].iter().position(|&(x1, _)| x <= x1);
            let start = end.unwrap_or(anchors.len() - 2);
            &anchors[start..start + 2]
        }
    };
    let ((x0, y0), (x1, y1)) = (segment[0], segment[1]);
    y0 * libm::pow(x / x0, libm::log(y1 / y0) / libm::log(x1 / x0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_pieces_start_at_zero_and_continue_in_proportion() {
        let anchors = [(8.0, 3.0), (16.0, 5.0)];
        assert_eq!(piecewise_linear(&anchors, 4.0), 1.5);
        assert_eq!(piecewise_linear(&anchors, 8.0), 3.0);
        assert_eq!(piecewise_linear(&anchors, 12.0), 4.0);
        assert_eq!(piecewise_linear(&anchors, 32.0), 10.0);
    }

    #[test]
    fn power_laws_meet_at_the_anchors_and_extend_outward() {
        let anchors = [(1.0, 1.0), (4.0, 2.0), (8.0, 8.0)];
        for (x, y) in
            [(0.25, 0.5), (1.0, 1.0), (2.0, 2f64.sqrt()), (4.0, 2.0), (8.0, 8.0), (16.0, 32.0)]
        {
            assert!((log_log(&anchors, x) - y).abs() < 1e-12, "{x}");
        }
    }
}
