//! `hwsim COMMAND --flag` in running text: the command exists and its help has the flag.

use std::collections::HashMap;
use std::process::Command;

/// What is wrong with the code spans of a page that start with `hwsim `, one line each.
pub(crate) fn faults(name: &str, page: &str) -> Vec<String> {
    let mut helps: HashMap<String, Option<String>> = HashMap::new();
    let mut faults = Vec::new();
    let mut fenced = false;
    for (line, number) in page.lines().zip(1..) {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for span in line.split('`').skip(1).step_by(2).filter(|span| span.starts_with("hwsim ")) {
            faults
                .extend(fault(span, &mut helps).map(|f| format!("{name}:{number}: `{span}`: {f}")));
        }
    }
    faults
}

fn fault(span: &str, helps: &mut HashMap<String, Option<String>>) -> Option<String> {
    let words: Vec<&str> = span.split_whitespace().skip(1).collect();
    let plain = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase());
    // Two words may name a command, as in `golden export`; of `machines show` the second is an argument.
    let names: Vec<&str> = words.iter().take_while(plain).take(2).copied().collect();
    let mut help = None;
    for length in (1..=names.len()).rev() {
        let command = names[..length].join(" ");
        let known = helps.entry(command.clone()).or_insert_with(|| read_help(&command));
        if known.is_some() {
            help = known.clone();
            break;
        }
    }
    let Some(help) = help else { return Some("no such command".to_owned()) };
    let flags = words.iter().filter(|word| word.starts_with("--"));
    let known: Vec<&str> = help
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("--"))
        .collect();
    let end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    flags
        .map(|flag| flag.split(end).next().unwrap_or_default())
        .find(|flag| !known.contains(flag))
        .map(|flag| format!("no flag `{flag}`"))
}

/// The help of a command, if there is one.
fn read_help(command: &str) -> Option<String> {
    let mut words = command.split(' ');
    let output = Command::new(env!("CARGO_BIN_EXE_hwsim"))
        .args(words.by_ref())
        .arg("--help")
        .output()
        .expect("the program");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    // `machines show --help` is the help of `machines`: an argument names no command.
    let usage = help.lines().find(|line| line.starts_with("Usage:"))?;
    let named = usage.contains(&format!("hwsim {command}"));
    (output.status.success() && named).then_some(help)
}

#[test]
fn wrong_commands_and_flags_are_found() {
    let page = "`hwsim golden-export`, `hwsim train --lfsr`, `hwsim pareto front --svg x`, `hwsim machines show X`\n\
                ```\n`hwsim nothing`\n```\n";
    let found = faults("x.md", page);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("no such command") && found[1].contains("no flag `--lfsr`"));
}
