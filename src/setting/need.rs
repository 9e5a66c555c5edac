//! Conditions on other settings without which a setting has no effect.

use super::Given;

/// A condition on other settings.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// The setting has one of these words: the schedule is `step`.
    Is(&'static str, &'static [&'static str]),
    /// The setting has another word: the controller is not float32.
    IsNot {
        /// The setting.
        setting: &'static str,
        /// The word.
        word: &'static str,
        /// The required value, in words.
        needs: &'static str,
        /// An alternative setting that satisfies the need.
        unless: Option<(&'static str, &'static str)>,
    },
    /// One of these settings is given too; the first is named in the message.
    With(&'static [&'static str]),
    /// Any other condition: `None` if it holds.
    Other(fn(&dyn Given) -> Option<Unmet>),
}

/// An unsatisfied condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// A setting has another value.
    Value {
        /// The requirement, in words.
        needs: String,
        /// The given or default value, as a flag.
        found: String,
    },
    /// A setting is missing.
    Missing(&'static str),
}

impl Need {
    /// The unsatisfied need, if any.
    pub fn unmet(&self, given: &dyn Given) -> Option<Unmet> {
        let text = |name: &str| given.value(name).map(ToString::to_string).unwrap_or_default();
        let unmet = |setting: &str, needs: String| {
            Some(Unmet::Value { needs, found: format!("--{setting} {}", text(setting)) })
        };
        match *self {
            Self::Is(setting, words) if !words.contains(&text(setting).as_str()) => {
                unmet(setting, any_of(setting, words))
            }
            Self::IsNot { setting, word, needs, unless }
                if text(setting) == word
                    && unless.is_none_or(|(setting, word)| text(setting) != word) =>
            {
                unmet(setting, needs.to_owned())
            }
            Self::With(settings) if !settings.iter().any(|name| given.is_explicit(name)) => {
                Some(Unmet::Missing(settings[0]))
            }
            Self::Other(check) => check(given),
            _ => None,
        }
    }

    /// The settings that it is about, as far as they are known.
    pub fn settings(&self) -> &[&'static str] {
        match self {
            Self::Is(setting, _) | Self::IsNot { setting, .. } => std::slice::from_ref(setting),
            Self::With(settings) => settings,
            Self::Other(_) => &[],
        }
    }
}

/// `--setting a`, `b` or `c`, each in backquotes.
pub(crate) fn any_of(setting: &str, words: &[&str]) -> String {
    let mut text = format!("`--{setting} {}`", words.first().copied().unwrap_or_default());
    for (at, word) in words.iter().enumerate().skip(1) {
        text.push_str(if at + 1 == words.len() { " or " } else { ", " });
        text.push_str(&format!("`{word}`"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Setting, Values, one_of};
    use super::*;

    const COLOUR: Setting<String> = one_of("colour", "Colour", || vec!["red", "green"]);

    #[test]
    fn conditions() {
        let red = Values::default().with(&COLOUR, "red".to_owned());
        assert_eq!(Need::Is("colour", &["red"]).unmet(&red), None);
        let green = Need::Is("colour", &["green", "blue", "grey"]).unmet(&red);
        let needs = "`--colour green`, `blue` or `grey`".to_owned();
        assert_eq!(green, Some(Unmet::Value { needs, found: "--colour red".to_owned() }));
        let needs = "another colour";
        let not = |unless| Need::IsNot { setting: "colour", word: "red", needs, unless };
        assert!(not(None).unmet(&red).is_some());
        assert!(not(Some(("colour", "red"))).unmet(&red).is_none());
        assert_eq!(Need::With(&["shade", "hue"]).unmet(&red), Some(Unmet::Missing("shade")));
        assert_eq!(Need::With(&["shade", "colour"]).unmet(&red), None);
    }
}
