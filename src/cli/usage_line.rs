//! One line for a command line that the parser refuses.

use clap::error::ErrorKind;

/// What `error` says, on one line: what is wrong, what is allowed, and for all but values where to read on.
pub(super) fn usage_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut line = String::new();
    let mut listed = false;
    let mut help = None;
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("For more information") {
            break;
        }
        if let Some(usage) = part.strip_prefix("Usage:") {
            help = Some(command(usage));
            break;
        }
        if line.is_empty() {
            line = part.strip_prefix("error: ").unwrap_or(part).to_owned();
        } else if let Some(values) = part.strip_prefix("[possible values: ") {
            line.push_str(&format!(": use one of {}", values.trim_end_matches(']')));
        } else if let Some(tip) = part.strip_prefix("tip: ") {
            line.push_str(&format!("; {tip}"));
        } else {
            // The items of a list that the first line announces.
            line.push_str(if listed { ", " } else { " " });
            line.push_str(part);
            listed = true;
        }
    }
    for (terse, plain) in PLAIN {
        if let Some(start) = line.strip_suffix(terse) {
            line = format!("{start}{plain}");
        }
    }
    let value = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    match help {
        Some(command) if !value => format!("{line}; see `{command} --help`"),
        _ => line,
    }
}

/// How the standard library says that a text is not a number, and what a user reads.
const PLAIN: [(&str, &str); 7] = [
    ("invalid digit found in string", "not a whole number that is allowed here"),
    ("cannot parse integer from empty string", "empty: give a whole number"),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
    ("number would be zero for non-zero type", "use 1 or more"),
    ("invalid float literal", "not a number"),
    ("cannot parse float from empty string", "empty: give a number"),
];

/// The command of a usage, without its arguments.
fn command(usage: &str) -> String {
    let words = usage.split_whitespace();
    let names = words.take_while(|word| !word.starts_with(['-', '<', '[']));
    names.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn refused(arguments: &[&str]) -> String {
        let error = crate::cli::command().try_get_matches_from(arguments).unwrap_err();
        usage_line(&error)
    }

    #[test]
    fn every_kind_of_error_is_one_clear_line() {
        let line = |text: &str| refused(&text.split_whitespace().collect::<Vec<_>>());
        insta::assert_snapshot!(line("hwsim train --epochs many"), @"invalid value 'many' for '--epochs <N>': not a whole number that is allowed here");
        insta::assert_snapshot!(line("hwsim train --variant papers"), @"invalid value 'papers' for '--variant <WORD>': use one of paper, released; a similar value exists: 'paper'");
        insta::assert_snapshot!(line("hwsim train --seed 9223372036854775808"), @"invalid value '9223372036854775808' for '--seed <N>': the number is too large");
        insta::assert_snapshot!(line("hwsim gemm --m -1"), @"unexpected argument '-1' found; see `hwsim gemm --help`");
        insta::assert_snapshot!(line("hwsim gemm --accumulator 65"), @"invalid value '65' for '--accumulator <BITS>': accumulator width `65` is impossible: use 1 to 64 bits, or `exact`");
        insta::assert_snapshot!(line("hwsim gemm --nonsense"), @"unexpected argument '--nonsense' found; a similar argument exists: '--n'; see `hwsim gemm --help`");
        insta::assert_snapshot!(line("hwsim gemm --rownding floor"), @"unexpected argument '--rownding' found; a similar argument exists: '--rounding'; see `hwsim gemm --help`");
        insta::assert_snapshot!(line("hwsim nonsense"), @"unrecognized subcommand 'nonsense'; see `hwsim --help`");
        insta::assert_snapshot!(line("hwsim gap"), @"the following required arguments were not provided: <MODEL>; see `hwsim gap --help`");
        insta::assert_snapshot!(line("hwsim gap model --m 1 --n 1 --k 1"), @"the argument '[MODEL]' cannot be used with: --m <M>, --n <N>, --k <K>; see `hwsim gap --help`");
        insta::assert_snapshot!(line("hwsim golden export"), @"the following required arguments were not provided: --layer <LAYER>, --output <DIR>, <MODEL>; see `hwsim golden export --help`");
        insta::assert_snapshot!(line("hwsim gap model --layer"), @"a value is required for '--layer <LAYER>' but none was supplied");
        insta::assert_snapshot!(refused(&["hwsim", "train", "--arch", "two\nlines"]), @"invalid value 'two lines' for '--arch <NAME>': use one of lenet5, alexnet, resnet20, mlp, resnet18, resnet34, resnet50, vgg11, vgg13, vgg16, vgg19, googlenet, mobilenetv2, alexnet-imagenet, lstm, transformer");
    }

    /// Commands with the names that lead to them.
    fn commands(
        command: &clap::Command,
        path: &[String],
        all: &mut Vec<(Vec<String>, clap::Command)>,
    ) {
        let inner: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
        for next in &inner {
            let mut path = path.to_vec();
            path.push(next.get_name().to_owned());
            commands(next, &path, all);
        }
        if inner.is_empty() {
            all.push((path.to_vec(), command.clone()));
        }
    }

    /// Whatever a flag of any command is given, the parser answers with one line that names the flag.
    #[test]
    fn a_wrong_value_of_any_flag_of_any_command_is_one_line() {
        let mut all = Vec::new();
        commands(&crate::cli::command(), &["hwsim".to_owned()], &mut all);
        let mut named = BTreeSet::new();
        for (path, command) in &all {
            for flag in command.get_arguments().filter(|flag| flag.get_action().takes_values()) {
                let Some(name) = flag.get_long() else { continue };
                for value in ["", "\u{1}nonsense\n;", "-99999999999999999999", "nan"] {
                    let given = [path.join(" "), format!("--{name}={value}")];
                    let Err(error) = command.clone().try_get_matches_from(&given) else {
                        continue;
                    };
                    let line = usage_line(&error);
                    assert_eq!(line.lines().count(), 1, "{given:?}: {line}");
                    assert!(!line.contains("error:") && !line.ends_with(':'), "{given:?}: {line}");
                    if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
                    {
                        assert!(line.contains(&format!("--{name}")), "{given:?}: {line}");
                        named.insert((path.clone(), name.to_owned()));
                    }
                }
            }
        }
        assert!(all.len() > 20 && named.len() > 100, "{} {}", all.len(), named.len());
    }
}
