//! The code blocks of a Markdown page, fenced or indented, each with the directives of the comment before it.

use crate::directive::{self, Directive};

/// One code block.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Line of its first line of text, from 1.
    pub(crate) line: usize,
    pub(crate) text: Vec<String>,
    pub(crate) directives: Vec<Directive>,
}

/// All code blocks of a page, in order.
///
/// # Panics
///
/// If a directive is not understood or has no block.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut directives: Vec<Directive> = Vec::new();
    let mut lines = page.lines().enumerate().peekable();
    let mut previous_blank = true;
    while let Some((number, line)) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- documents:") {
            let mut text = comment.to_owned();
            while !text.contains("-->") {
                let (_, more) = lines.next().expect("a comment that ends");
                text.push('\n');
                text.push_str(more);
            }
            directives.extend(directive::parse(text.split("-->").next().unwrap_or_default()));
        } else if line.starts_with("```") {
            let mut block = Block { line: number + 2, ..Block::default() };
            for (_, line) in lines.by_ref().take_while(|(_, line)| !line.starts_with("```")) {
                block.text.push(line.to_owned());
            }
            block.directives = std::mem::take(&mut directives);
            blocks.push(block);
        } else if previous_blank && line.starts_with("    ") && !line.trim().is_empty() {
            let mut block = Block { line: number + 1, ..Block::default() };
            block.text.push(line[4..].to_owned());
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("    ")) {
                block.text.push(line[4..].to_owned());
            }
            block.directives = std::mem::take(&mut directives);
            blocks.push(block);
        } else if !line.trim().is_empty() {
            assert!(directives.is_empty(), "line {}: a directive without a block", number + 1);
        }
        previous_blank = line.trim().is_empty() || line.ends_with("-->");
    }
    assert!(directives.is_empty(), "a directive without a block at the end");
    blocks
}

/// A command of a block and the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Block {
    /// Its commands, if it is a block of commands: continued lines joined, comments removed, `a && b` as two.
    ///
    /// # Panics
    ///
    /// If lines that are no commands stand between commands.
    pub(crate) fn commands(&self) -> Vec<Command> {
        // A table may have a row for hwsim.
        if !self.text.iter().any(|line| !line.starts_with(' ') && is_command(line)) {
            return Vec::new();
        }
        let mut commands = Vec::new();
        let mut lines = self.text.iter().zip(self.line..);
        while let Some((text, line)) = lines.next() {
            let mut text = without_comment(text).to_owned();
            while let Some(start) = text.strip_suffix('\\') {
                let (more, _) = lines.next().expect("a line after the backslash");
                text = format!("{} {}", start.trim_end(), without_comment(more).trim_start());
            }
            if text.is_empty() {
                continue;
            }
            assert!(is_command(&text), "line {line}: `{text}` stands between commands but is none");
            commands.extend(text.split(" && ").map(|text| Command { line, text: text.to_owned() }));
        }
        commands
    }
}

/// Whether a line starts with the program, cargo, or a variable for the program.
fn is_command(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        })
    });
    matches!(words.next(), Some("hwsim" | "cargo" | "iverilog" | "vvp" | "sh"))
}

/// The line without the `# ...` at its end, unless within quotes.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (index, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted && (index == 0 || line[..index].ends_with(' ')) => {
                return line[..index].trim_end();
            }
            _ => {}
        }
    }
    line.trim_end()
}

#[test]
fn commands_are_found_in_both_kinds_of_blocks() {
    let page = "text\n\n```\nhwsim a --b \"x # y\"   # why\nhwsim c \\\n    --d && hwsim e\n```\n\n\
                \x20   A=1 hwsim f\n\n    no command\n\nlist\n    hwsim not a block\n\n```toml\nx = 1\n```\n";
    let commands: Vec<_> =
        blocks(page).iter().flat_map(Block::commands).map(|c| (c.line, c.text)).collect();
    let expected =
        [(4, "hwsim a --b \"x # y\""), (5, "hwsim c --d"), (5, "hwsim e"), (9, "A=1 hwsim f")];
    let expected: Vec<_> = expected.map(|(line, text)| (line, text.to_owned())).into();
    assert_eq!(commands, expected);
}

#[test]
#[should_panic(expected = "stands between commands")]
fn a_line_that_is_no_command_is_not_passed_over() {
    blocks("```\nhwsim a\nhwism b\n```\n")[0].commands();
}
