//! Lists in one argument: items separated by commas, and ranges of whole numbers, as in `4,8..64:8,exact`.

use std::str::FromStr;

/// More items than a list of settings has.
const MOST_ITEMS: usize = 1 << 16;

/// A list that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum ListError {
    /// Nothing between two commas.
    #[error("an item of the list is empty: write items separated by commas, as in 8,16,32")]
    Empty,
    /// Not a range.
    #[error(
        "`{0}` is no range: write FIRST..LAST, FIRST..LAST:STEP or FIRST..LAST:xFACTOR in whole numbers, both ends \
         included, as in 8..64, 8..64:8 or 8..64:x2"
    )]
    Range(String),
    /// A range with too many numbers.
    #[error("the list has more than {MOST_ITEMS} numbers: give a larger step")]
    TooLong,
    /// Not a number.
    #[error(
        "`{0}` is no number that is allowed here: write numbers and ranges, as in 8,16 or 8..64:8"
    )]
    Number(String),
}

/// The items of `text`, with ranges as the numbers in them.
pub(in crate::cli) fn expand(text: &str) -> Result<Vec<String>, ListError> {
    let mut items = Vec::new();
    for item in text.split(',').map(str::trim) {
        match item.split_once("..") {
            _ if item.is_empty() => return Err(ListError::Empty),
            None => items.push(item.to_owned()),
            Some((first, rest)) => {
                let wrong = || ListError::Range(item.to_owned());
                range(first, rest, MOST_ITEMS - items.len().min(MOST_ITEMS), wrong, &mut items)?;
            }
        }
        if items.len() > MOST_ITEMS {
            return Err(ListError::TooLong);
        }
    }
    Ok(items)
}

fn range(
    first: &str,
    rest: &str,
    most: usize,
    wrong: impl Fn() -> ListError,
    items: &mut Vec<String>,
) -> Result<(), ListError> {
    let whole = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong());
    let (last, step) = rest.split_once(':').unwrap_or((rest, "1"));
    let (first, last) = (whole(first)?, whole(last)?);
    let factor = step.trim().strip_prefix('x');
    let step = whole(factor.unwrap_or(step))?;
    // A factor multiplies a positive number only.
    let possible = first <= last
        && match factor {
            None => step >= 1,
            Some(_) => step >= 2 && first >= 1,
        };
    if !possible {
        return Err(wrong());
    }
    let mut next = Some(first);
    let mut count = 0;
    while let Some(number) = next.filter(|&number| number <= last) {
        if count == most {
            return Err(ListError::TooLong);
        }
        count += 1;
        items.push(number.to_string());
        next = match factor {
            None => number.checked_add(step),
            Some(_) => number.checked_mul(step),
        };
    }
    Ok(())
}

/// A value parser: the items of a list as numbers.
pub(in crate::cli) fn numbers<T: FromStr>(text: &str) -> Result<Vec<T>, ListError> {
    let number = |item: String| item.parse().map_err(|_| ListError::Number(item));
    expand(text)?.into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_both_ends() {
        assert_eq!(numbers::<u32>("8..11"), Ok(vec![8, 9, 10, 11]));
        assert_eq!(numbers::<u32>("8..64:8"), Ok((1..=8).map(|i| 8 * i).collect()));
        assert_eq!(numbers::<u32>("4,8..30:8, 64"), Ok(vec![4, 8, 16, 24, 64]));
        assert_eq!(numbers::<u32>("8..64:x2"), Ok(vec![8, 16, 32, 64]));
        assert_eq!(numbers::<i32>("-2..2:2"), Ok(vec![-2, 0, 2]));
        assert_eq!(
            numbers::<i64>("9223372036854775806..9223372036854775807").map(|n| n.len()),
            Ok(2)
        );
        assert_eq!(expand("16..24:8,exact"), Ok(["16", "24", "exact"].map(str::to_owned).to_vec()));
        assert_eq!(expand("a"), Ok(vec!["a".to_owned()]));
    }

    #[test]
    fn impossible_lists_are_refused() {
        for text in ["", "8,,16", "8,"] {
            assert_eq!(expand(text), Err(ListError::Empty), "{text}");
        }
        for text in [
            "8..4", "8..", "..8", "8..64:0", "8..64:-8", "0..8:x2", "1..8:x1", "1.5..3", "a..b",
            "1..2..3",
        ] {
            assert_eq!(expand(text), Err(ListError::Range(text.to_owned())), "{text}");
        }
        assert_eq!(expand("1..9223372036854775807"), Err(ListError::TooLong));
        assert_eq!(expand("1..40000,1..40000"), Err(ListError::TooLong));
        assert_eq!(numbers::<u32>("8,x"), Err(ListError::Number("x".to_owned())));
        assert_eq!(numbers::<u32>("-1"), Err(ListError::Number("-1".to_owned())));
    }
}
