//! A cell of a trace: conversion between one value and its text.

use crate::files::trace::AccumulatorSource;
use crate::precision::Strategy;
use hwmodel::number::accumulator::InnerBits;
use hwmodel::product::GemmKind;
use hwmodel::{Format, FormatError, Overflow};
use std::fmt::{Display, Write};

/// A value that is one cell of a trace: `parse` gives back exactly what `print` was given.
pub(super) trait Cell: Sized {
    /// Appends the text of the value.
    fn print(&self, text: &mut String);

    /// The value of a text, or why it has none.
    fn parse(text: &str) -> Result<Self, String>;
}

/// Appends what `value` displays; writing to a string cannot fail.
fn append(text: &mut String, value: impl Display) {
    let _ = write!(text, "{value}");
}

fn refuse<T>(text: &str, expected: &str) -> Result<T, String> {
    Err(format!("`{text}` is not {expected}"))
}

macro_rules! integer_cell {
    ($($integer:ty),*) => {$(
        impl Cell for $integer {
            fn print(&self, text: &mut String) {
                append(text, self);
            }

            fn parse(text: &str) -> Result<Self, String> {
                let expected = concat!("an integer of the range of ", stringify!($integer));
                text.parse().or_else(|_| refuse(text, expected))
            }
        }
    )*};
}

integer_cell!(u32, u64, u128, i32);

impl Cell for f64 {
    /// The shortest digits that read back as the same value: `0.1`, `1e-7`, `inf`, `NaN`.
    fn print(&self, text: &mut String) {
        append(text, format_args!("{self:?}"));
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().or_else(|_| refuse(text, "a number"))
    }
}

impl Cell for bool {
    fn print(&self, text: &mut String) {
        append(text, self);
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().or_else(|_| refuse(text, "`true` or `false`"))
    }
}

impl Cell for String {
    fn print(&self, text: &mut String) {
        text.push_str(self);
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl<T: Cell> Cell for Option<T> {
    /// An empty cell for `None`.
    fn print(&self, text: &mut String) {
        if let Some(value) = self {
            value.print(text);
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }
}

impl Cell for Vec<u64> {
    /// Numbers with a space between two.
    fn print(&self, text: &mut String) {
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            value.print(text);
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Vec::new()) } else { text.split(' ').map(u64::parse).collect() }
    }
}

impl Cell for AccumulatorSource {
    fn print(&self, text: &mut String) {
        text.push_str(match self {
            Self::Machine => "machine",
            Self::Run => "run",
        });
    }

    fn parse(text: &str) -> Result<Self, String> {
        one_of(&[Self::Machine, Self::Run], text, "`machine` or `run`")
    }
}

/// The value of `all` that prints as `text`.
fn one_of<T: Cell + Copy>(all: &[T], text: &str, expected: &str) -> Result<T, String> {
    let mut printed = String::new();
    for &value in all {
        printed.clear();
        value.print(&mut printed);
        if printed == text {
            return Ok(value);
        }
    }
    refuse(text, expected)
}

impl Cell for GemmKind {
    fn print(&self, text: &mut String) {
        text.push_str(match self {
            Self::Forward => "forward",
            Self::GradInput => "grad-input",
            Self::GradWeight => "grad-weight",
        });
    }

    fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Forward, Self::GradInput, Self::GradWeight];
        one_of(&all, text, "`forward`, `grad-input` or `grad-weight`")
    }
}

impl Cell for Overflow {
    fn print(&self, text: &mut String) {
        append(text, self);
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().or_else(|_| refuse(text, "an overflow mode such as `wrap` or `saturate`"))
    }
}

/// The range of a word apart from its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WordRange {
    signed: bool,
    narrow: bool,
}

impl WordRange {
    /// That of the words of `format`.
    pub(super) fn of(format: Format) -> Self {
        Self { signed: format.is_signed(), narrow: format.is_narrow() }
    }

    /// The format of words of this range, `wl` bits, `fl` of them fractional.
    pub(super) fn format(self, wl: u32, fl: i32) -> Result<Format, FormatError> {
        let format = if self.signed { Format::new(wl, fl)? } else { Format::unsigned(wl, fl)? };
        Ok(if self.narrow { format.narrow() } else { format })
    }
}

impl Cell for WordRange {
    fn print(&self, text: &mut String) {
        text.push_str(match (self.signed, self.narrow) {
            (true, false) => "signed",
            (true, true) => "signed-narrow",
            (false, false) => "unsigned",
            (false, true) => "unsigned-narrow",
        });
    }

    fn parse(text: &str) -> Result<Self, String> {
        let both = |signed| [false, true].map(|narrow| Self { signed, narrow });
        let all = [true, false].map(both).concat();
        one_of(&all, text, "`signed`, `unsigned`, `signed-narrow` or `unsigned-narrow`")
    }
}

impl Cell for InnerBits {
    /// Bits and terms with an `x` between them.
    fn print(&self, text: &mut String) {
        append(text, format_args!("{}x{}", self.bits, self.terms));
    }

    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('x').and_then(|(bits, terms)| {
            Some(Self { bits: bits.parse().ok()?, terms: terms.parse().ok()? })
        });
        parts.filter(|parts| parts.terms > 0).map_or_else(
            || refuse(text, "the bits and terms of an inner accumulator such as `16x4`"),
            Ok,
        )
    }
}

impl Cell for Strategy {
    fn print(&self, text: &mut String) {
        text.push_str(self.name());
    }

    fn parse(text: &str) -> Result<Self, String> {
        one_of(&[Self::Min, Self::Mean, Self::Max], text, "`min`, `mean` or `max`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::Strategy;
    use proptest::prelude::{any, prop_assert, proptest};

    fn printed(value: impl Cell) -> String {
        let mut text = String::new();
        value.print(&mut text);
        text
    }

    #[test]
    fn values_print_as_documented() {
        assert_eq!(printed(u128::MAX), "340282366920938463463374607431768211455");
        assert_eq!(printed(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(printed(1.0), "1.0");
        assert_eq!(printed(-0.0), "-0.0");
        assert_eq!(printed(1e-7), "1e-7");
        assert_eq!((printed(f64::NAN), printed(f64::NEG_INFINITY)), ("NaN".into(), "-inf".into()));
        assert_eq!((printed(true), printed(None::<f64>)), ("true".into(), String::new()));
        assert_eq!(printed(GemmKind::GradWeight), "grad-weight");
        assert_eq!(
            (printed(vec![3_u64, 0, 7]), printed(Vec::<u64>::new())),
            ("3 0 7".into(), String::new())
        );
        assert_eq!(printed(AccumulatorSource::Run), "run");
        assert_eq!(printed(InnerBits { bits: 16, terms: 4 }), "16x4");
        for (format, text) in [
            (Format::new(8, 4), "signed"),
            (Format::new(8, 4).map(Format::narrow), "signed-narrow"),
            (Format::unsigned(8, 4), "unsigned"),
            (Format::unsigned(8, 4).map(Format::narrow), "unsigned-narrow"),
        ] {
            let format = format.unwrap();
            assert_eq!(printed(WordRange::of(format)), text);
            assert_eq!(WordRange::parse(text).unwrap().format(8, 4), Ok(format));
        }
        assert_eq!(
            (printed(Overflow::Wrap), printed(Strategy::Mean)),
            ("wrap".into(), "mean".into())
        );
    }

    #[test]
    fn wrong_texts_say_what_is_expected() {
        assert_eq!(
            u32::parse("4294967296").unwrap_err(),
            "`4294967296` is not an integer of the range of u32"
        );
        assert_eq!(u64::parse("").unwrap_err(), "`` is not an integer of the range of u64");
        assert_eq!(f64::parse("1,5").unwrap_err(), "`1,5` is not a number");
        assert_eq!(bool::parse("1").unwrap_err(), "`1` is not `true` or `false`");
        assert_eq!(
            GemmKind::parse("backward").unwrap_err(),
            "`backward` is not `forward`, `grad-input` or `grad-weight`"
        );
        assert_eq!(
            Vec::<u64>::parse("1  2").unwrap_err(),
            "`` is not an integer of the range of u64"
        );
        assert_eq!(
            Overflow::parse("").unwrap_err(),
            "`` is not an overflow mode such as `wrap` or `saturate`"
        );
        for bad in ["16", "16x", "x4", "16x0", "16 x 4"] {
            assert!(InnerBits::parse(bad).unwrap_err().ends_with("such as `16x4`"), "{bad}");
        }
        assert_eq!(
            WordRange::parse("").unwrap_err(),
            "`` is not `signed`, `unsigned`, `signed-narrow` or `unsigned-narrow`"
        );
        assert_eq!(
            Option::<Strategy>::parse("Min").unwrap_err(),
            "`Min` is not `min`, `mean` or `max`"
        );
    }

    proptest! {
        #[test]
        fn every_float_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let read = f64::parse(&printed(value)).unwrap();
            prop_assert!(read.to_bits() == bits || (value.is_nan() && read.is_nan()));
        }
    }
}
