//! The result of `hwsim calibrate` as a table.

use super::{CalibrationResult, TensorResult};
use std::fmt::Write as _;

pub(super) fn render(result: &CalibrationResult) -> String {
    let CalibrationResult { network, dataset, data_origin, images, method, tensors } = result;
    let mut out =
        format!("{network} on {images} training images of {dataset} ({data_origin}): {method}\n");
    let name = |row: &TensorResult| format!("{}.{}", row.layer, row.tensor);
    let width = tensors.iter().map(|row| name(row).chars().count()).max().unwrap_or(0);
    let width = width.max("tensor".len());
    let _ = writeln!(
        out,
        "{:<width$}  {:>22}  {:>7}  {:>10}  {:>8}  same as",
        "tensor", "range", "format", "saturated", "SQNR dB"
    );
    for row in tensors {
        let line = format!(
            "{:<width$}  {:>22}  {:>7}  {:>10}  {:>8}  {}",
            name(row),
            range(row),
            row.format,
            share(row.saturated, row.elements),
            row.sqnr_db.map_or("exact".to_owned(), |db| format!("{db:.1}")),
            row.same_as.as_deref().unwrap_or_default()
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// The smallest and the largest value.
pub(super) fn range(row: &TensorResult) -> String {
    format!("{} to {}", number(row.low), number(row.high))
}

/// A value with four significant digits.
fn number(value: f32) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1e-3..1e5 => {
            let digits = libm::log10(f64::from(value.abs())).floor();
            let decimals = hwmodel::cast::toward_zero::<usize>((3.0 - digits).max(0.0));
            format!("{value:.decimals$}")
        }
        _ => format!("{value:.3e}"),
    }
}

/// A share in percent; 0 only if it is none.
pub(super) fn share(count: u64, all: u64) -> String {
    if count == 0 {
        return "0 %".to_owned();
    }
    let percent = 100.0 * count as f64 / all as f64;
    if percent < 0.001 { "< 0.001 %".to_owned() } else { format!("{percent:.3} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let texts = [0.0, 1.0, -0.123_456, 12.345_6, 99_999.0, 123_456.0, 1e-9, 0.001];
        let texts = texts.map(number);
        assert_eq!(
            texts,
            ["0", "1.000", "-0.1235", "12.35", "99999", "1.235e5", "1.000e-9", "0.001000"]
        );
        assert_eq!(
            [share(0, 5), share(1, 1_000_000), share(1, 8)],
            ["0 %", "< 0.001 %", "12.500 %"]
        );
    }
}
