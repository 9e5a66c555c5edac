//! Runs a page's commands in order in one temporary folder, as a reader in the repository's folder would.

use crate::block::{Block, Command, blocks};
use crate::directive::Directive;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Runs every command of the page.
///
/// # Panics
///
/// If a command ends with another exit code than the page says, or a directive concerns no command.
pub(crate) fn page(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(name)).expect("the page");
    let folder = tempfile::tempdir().expect("a temporary folder");
    samples(root, folder.path());
    cifar10(&folder.path().join("data/cifar-10-batches-bin"));
    let blocks = blocks(&text);
    blocks.iter().for_each(|block| files(block, folder.path()));
    let mut faults = Vec::new();
    for block in &blocks {
        let commands = block.commands();
        for subject in block.directives.iter().filter_map(Directive::subject) {
            assert!(
                commands.iter().any(|command| command.text.contains(subject)),
                "{name}:{}: the comment's `{subject}` is in no command",
                block.line
            );
        }
        for command in &commands {
            if let Err(fault) = run(command, &block.directives, folder.path()) {
                faults.push(format!("{name}:{}: {fault}", command.line));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// What the repository has that commands read.
fn samples(root: &Path, folder: &Path) {
    for shared in ["docs/samples", "golden", "golden/conventions", "golden/networks"] {
        let copy = folder.join(shared);
        fs::create_dir_all(&copy).expect("a folder");
        for entry in fs::read_dir(root.join(shared)).expect("the folder").flatten() {
            if entry.path().is_file() {
                fs::copy(entry.path(), copy.join(entry.file_name())).expect("a copy");
            }
        }
    }
}

/// Noise in the layout of CIFAR-10 as `~/data`, so that commands about it can run.
fn cifar10(folder: &Path) {
    const RECORD: usize = 1 + 3 * 32 * 32;
    fs::create_dir_all(folder).expect("a folder");
    for (file, name) in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4"]
        .iter()
        .chain(&["data_batch_5", "test_batch"])
        .enumerate()
    {
        let mut state = file as u32 + 1;
        let bytes: Vec<u8> = (0..128 * RECORD)
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if index % RECORD == 0 { (index / RECORD % 10) as u8 } else { (state >> 24) as u8 }
            })
            .collect();
        fs::write(folder.join(format!("{name}.bin")), bytes).expect("a file");
    }
}

fn files(block: &Block, folder: &Path) {
    for directive in &block.directives {
        if let Directive::Write { path } = directive {
            fs::write(folder.join(path), block.text.join("\n") + "\n").expect("a file");
        }
    }
}

/// The command with more arguments, each replacing the value of that flag where the command has it (except the repeatable `--set`).
fn with_arguments(command: &str, added: &str) -> String {
    let mut words: Vec<&str> = command.split(' ').collect();
    let flags = added.split(' ').filter(|word| word.starts_with("--") && *word != "--set");
    for flag in flags {
        if let Some(index) = words.iter().position(|word| *word == flag) {
            words.drain(index..index + 2);
        }
    }
    format!("{} {added}", words.join(" "))
}

#[test]
fn a_shorter_value_takes_the_place_of_the_printed_one() {
    let found = with_arguments("hwsim x --epochs 2 --set a=1", "--epochs 1 --set b=2");
    assert_eq!(found, "hwsim x --set a=1 --epochs 1 --set b=2");
}

/// Whether a command runs the RTL in a simulator or reads what it left.
fn needs_simulator(command: &str) -> bool {
    command.contains("--verify")
        || command.contains("--synth")
        || ["iverilog ", "vvp ", "sh "].iter().any(|start| command.starts_with(start))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn run(command: &Command, directives: &[Directive], folder: &Path) -> Result<(), String> {
    let mut text = command.text.replacen("cargo run --release --", "hwsim", 1);
    let (mut expected, mut added) = (0, "");
    for directive in directives {
        match directive {
            Directive::Skip { what } if command.text.contains(what) => return Ok(()),
            // Of several that fit, the last.
            Directive::Append { to, arguments } if command.text.contains(to) => added = arguments,
            Directive::Exit { what, code } if command.text.contains(what) => expected = *code,
            _ => {}
        }
    }
    if !added.is_empty() {
        text = with_arguments(&text, added);
    }
    let program = PathBuf::from(env!("CARGO_BIN_EXE_hwsim"));
    let mut search = vec![program.parent().expect("the program's folder").to_owned()];
    search.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let output = std::process::Command::new("sh")
        .args(["-c", &text])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(search).expect("a search path"))
        .env("HOME", folder)
        .env_remove("HWSIM_DATA")
        .env_remove("HWSIM_SIMD")
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("`{text}`: {error}"))?;
    if output.status.code() == Some(expected) {
        return Ok(());
    }
    let tool = if text.contains("--synth") { "yosys" } else { "iverilog" };
    if needs_simulator(&text) && !on_path(tool) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no {tool} for `{text}`");
        return Ok(());
    }
    Err(format!(
        "`{text}` ended with {}, not {expected}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}
