//! Sizes of memory on the command line.

use std::str::FromStr;

const BYTES_PER_MEGABYTE: f64 = 1024.0 * 1024.0;

/// An amount of memory: `40MB`, `512kB`, `1.5GB` or bytes, in units of 1024.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cli) struct MemorySize {
    bytes: f64,
}

impl MemorySize {
    /// In MB of 2^20 bytes.
    pub(super) fn megabytes(self) -> f64 {
        self.bytes / BYTES_PER_MEGABYTE
    }
}

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &lower[number.len()..] {
            "" | "b" => 1.0,
            "k" | "kb" | "kib" => 1024.0,
            "m" | "mb" | "mib" => BYTES_PER_MEGABYTE,
            "g" | "gb" | "gib" => 1024.0 * BYTES_PER_MEGABYTE,
            _ => return Err(format!("`{text}`: write bytes, or a number with kB, MB or GB")),
        };
        let value = number.trim().parse::<f64>().ok().map(|number| number * unit);
        match value.filter(|bytes| bytes.is_finite() && *bytes > 0.0) {
            Some(bytes) => Ok(Self { bytes }),
            None => Err(format!("`{text}`: write a number above 0, as in 40MB")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        let megabytes = |text: &str| text.parse::<MemorySize>().unwrap().megabytes();
        for (text, expected) in
            [("40MB", 40.0), ("512kB", 0.5), ("1.5 GB", 1536.0), ("1048576", 1.0), ("2m", 2.0)]
        {
            assert_eq!(megabytes(text), expected, "{text}");
        }
        for text in ["", "MB", "-1MB", "nan", "inf", "3 parsecs", "1e999GB"] {
            assert!(text.parse::<MemorySize>().is_err(), "{text}");
        }
    }
}
