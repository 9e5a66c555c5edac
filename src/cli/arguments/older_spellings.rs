//! Flags and values of earlier versions: still accepted, not shown in the help.

use clap::Command;

/// Lists whose items were separate arguments, as in `--acc 16 24`: the command and its flags.
const BLANK_LISTS: [(&str, &[&str]); 1] = [("gap", &["--accumulator", "--acc", "--formats"])];

/// Adds the flags that had another name in single commands. Flags with an older name in every command have it as a hidden
/// alias where they are defined.
pub(in crate::cli) fn accept_older_spellings(command: Command) -> Command {
    // Elsewhere `--overflow` is that of words.
    let overflow = |command: Command| {
        command.mut_arg("accumulator_overflow", |argument| argument.alias("overflow"))
    };
    command
        .mut_subcommand("gap", overflow)
        .mut_subcommand("golden", |golden| golden.mut_subcommand("export", overflow))
}

/// Joins items of a list that stand in separate arguments: `gap --acc 16 24 exact` becomes `gap --acc 16,24,exact`.
/// `arguments` begin with the name of the program.
pub(in crate::cli) fn join_lists<I: IntoIterator<Item = std::ffi::OsString>>(
    arguments: I,
) -> Vec<std::ffi::OsString> {
    let mut joined: Vec<std::ffi::OsString> = arguments.into_iter().collect();
    let command = joined.get(1).and_then(|name| name.to_str()).unwrap_or_default();
    let Some((_, flags)) = BLANK_LISTS.iter().find(|(name, _)| *name == command) else {
        return joined;
    };
    let mut index = 2;
    while index < joined.len() {
        let Some(flag) = joined[index].to_str().filter(|flag| flags.contains(flag)) else {
            index += 1;
            continue;
        };
        // Formats have commas inside.
        let separator = if flag == "--formats" { ";" } else { "," };
        while let Some(next) =
            joined.get(index + 2).and_then(|next| next.to_str()).filter(|next| is_item(next))
        {
            let next = next.to_owned();
            joined[index + 1].push(separator);
            joined[index + 1].push(next);
            joined.remove(index + 2);
        }
        index += 2;
    }
    joined
}

/// Whether a text is an item of a list rather than a flag or a file.
fn is_item(text: &str) -> bool {
    text == "exact"
        || text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || ",.;:x- ".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(line: &str) -> String {
        let parts = join_lists(line.split_whitespace().map(Into::into));
        parts.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn items_after_a_list_belong_to_it() {
        let line = "hwsim gap model --acc 16 24 exact --formats 8,4 16,-2 --json";
        assert_eq!(joined(line), "hwsim gap model --acc 16,24,exact --formats 8,4;16,-2 --json");
        // A file after a list is none of its items, and other flags are left alone.
        let line = "hwsim gap --accumulator 16,24 model.safetensors --m 4 5";
        assert_eq!(joined(line), line);
        for line in ["hwsim", "hwsim gap --acc", "hwsim gap --acc 16", "hwsim cost --acc 16 24"] {
            assert_eq!(joined(line), line);
        }
    }
}
