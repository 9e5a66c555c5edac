//! The table of settings: nothing twice, nothing missing, and a flag and its key mean the same.

use super::controller::CONTROLLER;
use super::tests::{flags, resolve};
use super::{TrainArguments, table};
use crate::setting::{About, Described, Kind, Need, Values};
use std::collections::BTreeSet;

/// A possible value of a setting, as typed after the flag and as written in a file. It is not the default where
/// the setting has another value.
fn example(setting: &dyn Described) -> (String, String) {
    let about = setting.about();
    let default = setting.default_value().map(|value| value.to_string());
    let quoted = |text: String| (text.clone(), format!("'{text}'"));
    match about.kind {
        Kind::Switch { .. } => (String::new(), "true".to_owned()),
        Kind::Whole(least, most) => {
            let other = [least, most].map(|value| value.to_string());
            let [least, most] = other;
            let value = if Some(&least) == default.as_ref() { most } else { least };
            (value.clone(), value)
        }
        Kind::Wholes(least, _) => (least.to_string(), format!("[{least}]")),
        Kind::Real(..) => {
            let value =
                ["0.25", "0.75"].into_iter().find(|value| Some(*value) != default.as_deref());
            let value = value.unwrap_or_default().to_owned();
            (value.clone(), value)
        }
        Kind::Word { words, .. } | Kind::Named { words, .. } => {
            let words = words();
            let other = words.iter().find(|word| Some(**word) != default.as_deref());
            quoted((*other.unwrap_or(&words[0])).to_owned())
        }
        Kind::Words { words, .. } => {
            let all = words();
            (all.join(","), format!("['{}']", all.join("', '")))
        }
        Kind::Text(_) if about.example.is_empty() => quoted(default.unwrap()),
        Kind::Text(_) => quoted(about.example.to_owned()),
        Kind::Path => quoted("folder/file".to_owned()),
    }
}

fn abouts() -> impl Iterator<Item = &'static About> {
    table::settings().map(|setting| setting.about())
}

#[test]
fn no_name_is_used_twice() {
    let mut seen = BTreeSet::new();
    for about in abouts() {
        let off = match about.kind {
            Kind::Switch { off: Some(off) } => {
                assert_eq!(off.names[0], format!("no-{}", about.name));
                assert!(!off.help.is_empty() && !off.help.ends_with('.'), "{}", about.name);
                off.names
            }
            _ => &[],
        };
        for name in [about.name].iter().chain(about.aliases).chain(off) {
            assert!(seen.insert(*name), "--{name} is there twice");
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(letters), "{name}");
        }
    }
}

#[test]
fn every_setting_says_what_it_does_and_has_a_possible_default() {
    for setting in table::settings() {
        let about = setting.about();
        assert!(about.help.starts_with(|c: char| !c.is_whitespace()), "{}", about.name);
        assert!(!about.help.ends_with('.'), "{}", about.name);
        let Some(value) = setting.default_value() else { continue };
        assert_eq!(about.kind.check(&value), Ok(()), "{}", about.name);
        assert_eq!(about.default_words, "", "{} has a default value", about.name);
        assert_eq!(about.kind.parse(&value.to_string()).as_ref(), Ok(&value), "{}", about.name);
    }
    for about in abouts() {
        for text in [about.neutral.unwrap_or_default(), about.example] {
            assert!(text.is_empty() || about.kind.parse(text).is_ok(), "{}: {text}", about.name);
        }
    }
}

#[test]
fn needs_name_settings_and_words_that_exist() {
    let possible = |setting: &str, word: &str| {
        let about = table::find(setting).unwrap_or_else(|| panic!("no setting {setting}")).about();
        let value = about.kind.parse(word).unwrap_or_else(|error| panic!("{setting}: {error}"));
        assert_eq!(about.kind.check(&value), Ok(()), "{setting} {word}");
    };
    for about in abouts() {
        for need in about.needs {
            match *need {
                Need::Is(setting, words) => words.iter().for_each(|word| possible(setting, word)),
                Need::IsNot { setting, word, unless, .. } => {
                    possible(setting, word);
                    unless.iter().for_each(|(setting, word)| possible(setting, word));
                }
                Need::With(settings) => {
                    settings.iter().for_each(|name| assert!(table::find(name).is_some(), "{name}"));
                }
                // With nothing given it says what it needs, or nothing.
                Need::Other(check) => drop(check(&Values::default())),
            }
        }
    }
}

#[test]
fn a_flag_and_its_key_mean_the_same() {
    for setting in table::settings() {
        let name = setting.about().name;
        let (flag, toml) = example(setting);
        let from_flag = flags(&format!("--{name} {flag}"));
        let given: Vec<_> = from_flag.values.names().collect();
        assert_eq!(given, [name]);
        let text = format!("{name} = {toml}");
        let from_file = toml::from_str::<TrainArguments>(&text);
        if setting.about().flag_only {
            assert!(from_file.unwrap_err().to_string().contains("unknown setting"), "{name}");
            continue;
        }
        assert_eq!(from_file.unwrap(), from_flag, "{name}");
        for alias in setting.about().aliases {
            assert_eq!(flags(&format!("--{alias} {flag}")), from_flag, "{alias}");
        }
        if let Kind::Switch { off: Some(off) } = setting.about().kind {
            let from_file: TrainArguments = toml::from_str(&format!("{name} = false")).unwrap();
            assert!(off.names.iter().all(|name| flags(&format!("--{name}")) == from_file));
        }
    }
    // Whole numbers without a point are numbers too.
    let whole: TrainArguments = toml::from_str("l2 = 0\naccumulator = 'exact'").unwrap();
    assert_eq!(whole, flags("--l2 0 --accumulator exact"));
}

/// Flags that meet the needs of a setting.
fn with_needs(about: &About) -> String {
    let mut line = String::new();
    let mut need = |setting: &str, word: &str| {
        if setting != about.name && !line.contains(&format!("--{setting} ")) {
            line.push_str(&format!("--{setting} {word} "));
        }
    };
    need(CONTROLLER.name(), table::controllers_with(about.name)[0].name());
    for condition in about.needs {
        match *condition {
            Need::Is("schedule", ["step"]) => {
                need("schedule", "step");
                need("milestones", "3");
            }
            Need::Is(setting, words) => need(setting, words[0]),
            Need::IsNot { setting: "dataset", .. } => need("dataset", "cifar10"),
            Need::With(settings) => {
                need(settings[0], &example(table::find(settings[0]).unwrap()).0);
            }
            Need::IsNot { .. } | Need::Other(_) => {}
        }
    }
    line
}

/// A setting with what it needs is accepted as flag and as key, with the same result; numbers outside the range are not.
#[test]
fn every_setting_is_accepted_with_what_it_needs() {
    for setting in table::settings() {
        let about = setting.about();
        if about.flag_only || ["controllers", "preset"].contains(&about.name) {
            continue;
        }
        let line = with_needs(about);
        let plain = |text: &str| (text.to_owned(), text.to_owned());
        let (flag, toml) = match about.name {
            // Limits that depend on other settings.
            "arch" => ("mlp".to_owned(), "'mlp'".to_owned()),
            "schedule" => ("cosine".to_owned(), "'cosine'".to_owned()),
            "fl" => plain("31"),
            "resolution-upper" | "lookback-upper" => plain("151"),
            "cosine-minimum" => plain("0.001"),
            _ => example(setting),
        };
        let options = |flag: &str, toml: &str| {
            let resolved = resolve(&format!("{line}{flag}"), toml);
            let resolved = resolved.unwrap_or_else(|error| panic!("{line}{flag} {toml}: {error}"));
            (resolved.options, resolved.explicit.len())
        };
        let by_flag = options(&format!("--{} {flag}", about.name), "");
        assert_eq!(by_flag, options("", &format!("{} = {toml}", about.name)));
        let outside = match about.kind {
            Kind::Whole(least, _) | Kind::Wholes(least, _) => (least - 1).to_string(),
            Kind::Real(..) => "nan".to_owned(),
            _ => continue,
        };
        let error = resolve(&format!("{line}--{} {outside}", about.name), "").unwrap_err();
        assert!(error.starts_with(&format!("`--{}` is ", about.name)), "{error}");
        assert!(error.contains(": use "), "{error}");
    }
}
