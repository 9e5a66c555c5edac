//! `--conventions`: conventions by name and by setting.

use super::convention::Convention;
use super::error::ConventionError;
use super::named::{Named, apply};
use hwmodel::number::accumulator::AccumulatorError;

/// A convention that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// As it was written.
    pub name: String,
    /// Its settings.
    pub convention: Convention,
}

/// Reads conventions separated by commas. Each is a name, a name with settings joined by `+` (`hls4ml+rounding=half-up`), or
/// settings alone, which change the first of the list: `hwsim,rounding=floor,overflow=wrap` varies one thing at a time.
///
/// # Errors
/// If a name, key or value is unknown, there is only one convention, or one has the settings of the first.
pub fn parse(text: &str) -> Result<Vec<Choice>, ConventionError> {
    let mut choices: Vec<Choice> = Vec::new();
    for item in text.split(',').map(str::trim) {
        let mut parts = item.split('+').map(str::trim).peekable();
        let mut convention = match parts.peek().copied() {
            Some(setting) if setting.contains('=') => {
                choices.first().map_or_else(Convention::default, |first| first.convention)
            }
            name => {
                parts.next();
                Named::find(name.unwrap_or_default())?
            }
        };
        for setting in parts {
            apply(&mut convention, setting)?;
        }
        convention
            .accumulator
            .check()
            .map_err(|error| match error {
                // Without a fractional length it has no effect.
                AccumulatorError::Rounding(_) => None,
                error => {
                    Some(ConventionError::Accumulator { name: item.to_owned(), source: error })
                }
            })
            .or_else(|error| error.map_or(Ok(()), Err))?;
        if let Some(first) = choices.first().filter(|first| first.convention.equals(&convention)) {
            let (first, second) = (first.name.clone(), item.to_owned());
            return Err(ConventionError::Same { first, second });
        }
        choices.push(Choice { name: item.to_owned(), convention });
    }
    if choices.len() < 2 {
        return Err(ConventionError::One(text.to_owned()));
    }
    Ok(choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::{Overflow, Rounding};

    #[test]
    fn settings_change_the_first_convention() {
        let list = parse("hls4ml, rounding=AP_RND, hwsim+overflow=wrap").unwrap();
        let found: Vec<_> =
            list.iter().map(|c| (c.convention.rounding, c.convention.overflow)).collect();
        let expected = [
            (Rounding::Floor, Overflow::Wrap),
            (Rounding::HalfUp, Overflow::Wrap),
            (Rounding::NearestEven, Overflow::Wrap),
        ];
        assert_eq!(found, expected);
        assert_eq!(list[1].name, "rounding=AP_RND");
    }

    #[test]
    fn wrong_lists_are_explained() {
        let explain = |text: &str| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(explain("hwsim"), @"`--conventions hwsim` names one convention: name two or more, as in hls4ml,hwsim or hwsim,rounding=floor");
        insta::assert_snapshot!(explain("hwsim,hls4ml+overflow=saturate+rounding=nearest-even"), @"the conventions `hwsim` and `hls4ml+overflow=saturate+rounding=nearest-even` have the same settings: nothing can differ");
        insta::assert_snapshot!(explain("hwsim,clip=maybe"), @"`clip=maybe`: use after, before or sum");
        assert!(explain("hwsim,hls").contains("hls4ml"));
        assert!(explain("hwsim,round=floor").contains("rounding"));
        assert!(explain("hwsim,rounding=nearest").contains("nearest-even"));
        assert!(explain("hwsim,,hls4ml").contains("unknown convention ``"));
    }
}
