//! Text files for `$readmemh`: one word a line, hexadecimal, most significant digit first.

use hwmodel::cast::index;
use std::fmt::Write;

/// The widest memory word in bits.
pub(super) const MAX_WORD_BITS: u32 = 4096;

/// What is wrong with a line (from 1) of a text file.
pub(super) type LineError = (Option<usize>, String);

fn digits(bits: u32) -> usize {
    bits.div_ceil(4) as usize
}

/// One two's complement word of `bits` (1 to 128) bits a line, as `$readmemh` reads them.
pub(crate) fn words(values: impl IntoIterator<Item = i128>, bits: u32) -> String {
    let (mask, width) = (u128::MAX >> (128 - bits), digits(bits));
    let mut text = String::new();
    for value in values {
        let _ = writeln!(text, "{:0width$x}", value.cast_unsigned() & mask);
    }
    text
}

/// The `count` words of [`words`], sign-extended; `unsigned` ones are not.
pub(super) fn parse_words(
    text: &str,
    bits: u32,
    count: usize,
    unsigned: bool,
) -> Result<Vec<i128>, LineError> {
    let value = |word: &str| u128::from_str_radix(word, 16).ok();
    lines(text, bits, count)?
        .into_iter()
        .enumerate()
        .map(|(index, word)| {
            let word = value(word).filter(|&word| word <= u128::MAX >> (128 - bits));
            let word = word.ok_or_else(|| no_word(index, bits))?;
            let unused = 128 - bits;
            Ok(if unsigned { word as i128 } else { ((word << unused) as i128) >> unused })
        })
        .collect()
}

/// The bits of `image` (lowest first, as `hwmodel::number::pack` has them) cut into words of `word_bits`:
/// word w holds bits w·W to w·W + W - 1, its most significant digit written first. Elements may
/// straddle words; what the last word does not need is zero.
pub(super) fn packed(image: &[u8], bits: u64, word_bits: u32) -> String {
    let mut text = String::new();
    let bit = |at: u64| at < bits && image[(at / 8) as usize] >> (at % 8) & 1 == 1;
    for word in 0..bits.div_ceil(word_bits.into()) {
        let first = word * u64::from(word_bits);
        for digit in (0..digits(word_bits) as u64).rev() {
            let nibble = (0..4).rev().fold(0u32, |nibble, place| {
                let offset = 4 * digit + place;
                nibble << 1 | u32::from(offset < u64::from(word_bits) && bit(first + offset))
            });
            text.push(char::from_digit(nibble, 16).expect("four bits are one digit"));
        }
        text.push('\n');
    }
    text
}

/// The image of `bits` bits that [`packed`] wrote.
pub(super) fn parse_packed(text: &str, bits: u64, word_bits: u32) -> Result<Vec<u8>, LineError> {
    let mut image = vec![0u8; index(bits.div_ceil(8))];
    let words = index(bits.div_ceil(word_bits.into()));
    for (index, word) in lines(text, word_bits, words)?.into_iter().enumerate() {
        let first = index as u64 * u64::from(word_bits);
        for (digit, character) in word.chars().rev().enumerate() {
            let nibble = character.to_digit(16).ok_or_else(|| no_word(index, word_bits))?;
            for place in (0..4).filter(|place| nibble >> place & 1 == 1) {
                let offset = 4 * digit as u64 + place;
                let at = first + offset;
                if offset >= u64::from(word_bits) || at >= bits {
                    let why = format!("bit {offset} is set, which the memory does not use");
                    return Err((Some(index + 1), why));
                }
                image[(at / 8) as usize] |= 1 << (at % 8);
            }
        }
    }
    Ok(image)
}

fn no_word(index: usize, bits: u32) -> LineError {
    let digits = digits(bits);
    (Some(index + 1), format!("no word of {bits} bits, which has {digits} hexadecimal digits"))
}

/// The lines of a file of `count` words, each with the digits of `bits` bits.
fn lines(text: &str, bits: u32, count: usize) -> Result<Vec<&str>, LineError> {
    let lines: Vec<&str> = text.lines().collect();
    let right =
        |line: &str| line.len() == digits(bits) && line.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(index) = lines.iter().position(|line| !right(line)) {
        return Err(no_word(index, bits));
    }
    if lines.len() != count {
        return Err((None, format!("it has {} words instead of {count}", lines.len())));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::number::pack;
    use hwmodel::{FixedTensor, Format};
    use proptest::prelude::*;

    #[test]
    fn hand_worked_words() {
        assert_eq!(words([-1, 5, -32], 6), "3f\n05\n20\n");
        assert_eq!(parse_words("3f\n05\n20\n", 6, 3, false), Ok(vec![-1, 5, -32]));
        assert_eq!(parse_words("3f\n", 6, 1, true), Ok(vec![63]));
        assert_eq!(parse_words("80000000\n", 32, 1, false), Ok(vec![-1 << 31]));
        // 12 bits: 1 and -1 are 0xfff001 in bits 23 … 0.
        let image = [0x01, 0xf0, 0xff];
        assert_eq!(packed(&image, 24, 8), "01\nf0\nff\n");
        assert_eq!(packed(&image, 24, 24), "fff001\n");
        assert_eq!(packed(&image, 24, 32), "00fff001\n");
        // Nine bits a word: 0x001, 0x1f8, 0x3f.
        assert_eq!(packed(&image, 24, 9), "001\n1f8\n03f\n");
    }

    #[test]
    fn damaged_text_names_its_line() {
        for (text, line) in [("3f\n5\n", 2), ("3f\n+5\n", 2), ("zz\n05\n", 1), ("3f\n7f\n", 2)] {
            let error = parse_words(text, 6, 2, false).unwrap_err();
            assert_eq!(error.0, Some(line), "{text}");
            assert!(error.1.contains("6 bits"), "{}", error.1);
        }
        let error = parse_words("3f\n", 6, 2, false).unwrap_err();
        assert_eq!(error, (None, "it has 1 words instead of 2".to_owned()));
        let error = parse_packed("01\nf0\n1f\n", 20, 8).unwrap_err();
        assert_eq!(error, (Some(3), "bit 4 is set, which the memory does not use".to_owned()));
    }

    proptest! {
        #[test]
        fn images_survive(
            raw in proptest::collection::vec(any::<i32>(), 1..40), wl in 1u32..=32, word in 1u32..200,
        ) {
            let format = Format::new(wl, 0).unwrap();
            let raw: Vec<i32> = raw.iter().map(|raw| raw >> (32 - wl)).collect();
            let tensor = FixedTensor::from_raw(&[raw.len()], format, &raw).unwrap();
            let image = pack::pack(tensor.data(), format);
            let bits = u64::from(wl) * raw.len() as u64;
            prop_assert_eq!(&parse_packed(&packed(&image, bits, word), bits, word).unwrap(), &image);
            let wide: Vec<i128> = raw.iter().map(|&raw| raw.into()).collect();
            let text = words(wide.clone(), wl);
            prop_assert_eq!(&text, &packed_by_element(&image, wl, raw.len()));
            prop_assert_eq!(parse_words(&text, wl, raw.len(), false).unwrap(), wide);
        }
    }

    /// Words of one element each are the packed words of the element's width.
    fn packed_by_element(image: &[u8], wl: u32, elements: usize) -> String {
        packed(image, u64::from(wl) * elements as u64, wl)
    }
}
