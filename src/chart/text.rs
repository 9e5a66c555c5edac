//! Numbers and names as text.

use hwmodel::cast::exact;

/// `text` as the content of an element or of an attribute in double quotes, in HTML or XML. Characters that XML forbids become
/// spaces.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            other if other.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A tick's text: four decimals at most, or powers of ten for very small and large values.
pub fn tick_label(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        format!("{value:.1e}")
    } else {
        trimmed(format!("{value:.4}"))
    }
}

/// `value` with at most `digits` significant digits; also a number in JSON if it is finite.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string() };
    }
    let digits = digits.clamp(1, 17);
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok());
    match exponent {
        Some(exponent @ -4..=8) => {
            let decimals = usize::try_from(exact::<i32>(digits) - 1 - exponent).unwrap_or(0);
            // Digits before the point beyond the significant ones are kept as they are.
            trimmed(format!("{value:.decimals$}"))
        }
        _ => {
            let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
            format!("{}e{exponent}", trimmed(mantissa.to_owned()))
        }
    }
}

fn trimmed(number: String) -> String {
    let text = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A decimal prefix that makes values readable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prefix {
    /// Its power of 1000.
    pub factor: f64,
    /// Its letter; none for 1.
    pub letter: &'static str,
}

impl Prefix {
    /// The prefix for values up to `largest`.
    pub fn of(largest: f64) -> Self {
        const PREFIXES: [(f64, &str); 10] = [
            (1e15, "P"),
            (1e12, "T"),
            (1e9, "G"),
            (1e6, "M"),
            (1e3, "k"),
            (1.0, ""),
            (1e-3, "m"),
            (1e-6, "µ"),
            (1e-9, "n"),
            (1e-12, "p"),
        ];
        let size = largest.abs();
        let found = PREFIXES.into_iter().find(|&(factor, _)| size >= factor);
        let plain = (1.0, "");
        let (factor, letter) = match found {
            _ if size == 0.0 || !size.is_finite() => plain,
            Some(prefix) => prefix,
            None => PREFIXES[PREFIXES.len() - 1],
        };
        Self { factor, letter }
    }

    /// `value` with `digits` significant digits, its own prefix and `unit`.
    pub fn show(value: f64, digits: usize, unit: &str) -> String {
        let prefix = Self::of(value);
        let unit = format!("{}{unit}", prefix.letter);
        let number = significant(value / prefix.factor, digits);
        if unit.is_empty() { number } else { format!("{number} {unit}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_are_harmless() {
        assert_eq!(
            escape("<b a=\"x\" c='y'>&amp;</b>"),
            "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;amp;&lt;/b&gt;"
        );
        assert_eq!(escape("a\u{0}b\u{1b}c\nd"), "a b c\nd");
        assert_eq!(escape("⟨8, 4⟩ – ü"), "⟨8, 4⟩ – ü");
    }

    #[test]
    fn numbers_are_as_short_as_their_digits() {
        let pairs = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (12.0, "12"),
            (123_456.0, "123456"),
            (0.123_456, "0.1235"),
            (99_999.6, "100000"),
            (1e-7, "1e-7"),
            (-2.5e12, "-2.5e12"),
            (0.000_5, "0.0005"),
        ];
        for (value, text) in pairs {
            assert_eq!(significant(value, 4), text, "{value}");
        }
        assert_eq!(significant(f64::NAN, 4), "NaN");
        assert_eq!(
            (tick_label(2.5), tick_label(1e6), tick_label(-0.0)),
            ("2.5".into(), "1.0e6".into(), "0".into())
        );
    }

    #[test]
    fn prefixes_follow_the_size() {
        assert_eq!(Prefix::show(9.345e12 * 1e-12, 4, "J"), "9.345 J");
        assert_eq!(Prefix::show(0.000_565, 3, "J"), "565 µJ");
        assert_eq!(Prefix::show(30_317_279_616.0, 3, ""), "30.3 G");
        assert_eq!(Prefix::show(0.0, 3, "J"), "0 J");
        assert_eq!(Prefix::of(1e-20), Prefix { factor: 1e-12, letter: "p" });
        assert_eq!(Prefix::of(f64::INFINITY).letter, "");
    }
}
