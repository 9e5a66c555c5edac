//! Shell completions, manual pages and the short help, generated from the command line's definition.

use super::errors::Failure;
use super::output::{self, Attempts};
use anyhow::{Context as _, anyhow};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Headings whose flags only `--help` lists.
const IN_FULL_HELP: [&str; 3] =
    ["AdaPT controller", "MuPPET and Shen et al. 2024", "Learning rate schedule"];

/// Completions for a shell, on standard output.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "As in: hwsim completions bash > ~/.local/share/bash-completion/completions/hwsim"
)]
pub(super) struct CompletionsArguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Manual pages in roff.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "As in: hwsim man train | man -l -    or    hwsim man -o ~/.local/share/man/man1"
)]
pub(super) struct ManArguments {
    /// The command whose page is printed, as in `pareto pick` [default: hwsim itself].
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder, which is made if it is missing.
    #[arg(short, long, value_name = "DIR", conflicts_with = "command")]
    output: Option<PathBuf>,
}

/// Takes the flags of single controllers and schedules out of `hwsim train -h`; `--help` has them all.
pub(super) fn short_help(command: Command) -> Command {
    command.mut_subcommand("train", |train| {
        let train = train.mut_args(|argument| {
            let detailed =
                argument.get_help_heading().is_some_and(|heading| IN_FULL_HELP.contains(&heading));
            if detailed { argument.hide_short_help(true) } else { argument }
        });
        train
            .after_help(
                "--help also lists the flags of learning rate schedules and of single controllers.",
            )
            .after_long_help("docs/train.md explains every setting.")
    })
}

pub(super) fn completions(
    arguments: &CompletionsArguments,
    mut command: Command,
) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "hwsim", &mut text);
    output::print(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(arguments: &ManArguments, mut command: Command) -> Result<ExitCode, Failure> {
    command.build();
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let mut pages = Attempts::default();
        write_pages(&command, folder, &mut pages);
        pages.finish()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut found = &command;
    for name in &arguments.command {
        found = found.find_subcommand(name).ok_or_else(|| {
            let known: Vec<_> = found.get_subcommands().map(Command::get_name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Failure::usage(anyhow!(
                "`{}` has no command `{name}`: it has {known}",
                found.get_name()
            ))
        })?;
    }
    output::print(&page(found)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The page of a command.
fn page(command: &Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// Writes the pages of a command and its subcommands; a failure on one does not stop the others.
fn write_pages(command: &Command, folder: &Path, pages: &mut Attempts) {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let file = folder.join(format!("{name}.1"));
    let text = page(command).map_err(Failure::into_error);
    pages.add(text.and_then(|text| output::write(&file, &text)));
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help")
    {
        write_pages(subcommand, folder, pages);
    }
}
