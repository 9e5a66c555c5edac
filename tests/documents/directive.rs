//! What the comment before a block says to the test:
//!
//! ```text
//! <!-- documents:
//! append `hwsim train`: --max-steps 2     arguments added to the commands that contain the text
//! skip `cargo test`: the test command itself     with a reason of `REASONS`
//! exit `hwsim golden check x`: 1          the exit code that the page promises
//! write `run.toml`                        the block is this file
//! -->
//! ```

/// Why a command may be skipped; nothing else is a reason.
pub(crate) const REASONS: [&str; 2] = ["the test command itself", "submits jobs to a cluster"];

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    Append { to: String, arguments: String },
    Skip { what: String },
    Exit { what: String, code: i32 },
    Write { path: String },
}

impl Directive {
    /// The text that a command contains if the directive concerns it; none for a file.
    pub(crate) fn subject(&self) -> Option<&str> {
        match self {
            Self::Append { to: what, .. } | Self::Skip { what } | Self::Exit { what, .. } => {
                Some(what)
            }
            Self::Write { .. } => None,
        }
    }
}

/// The directives of a comment's text, one a line.
///
/// # Panics
///
/// If one is not understood or gives a reason that is none.
pub(crate) fn parse(text: &str) -> Vec<Directive> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(parse_line).collect()
}

fn parse_line(line: &str) -> Directive {
    let mut parts = line.splitn(3, '`');
    let (verb, subject) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let rest = parts.next().unwrap_or_default();
    let value = rest.strip_prefix(':').unwrap_or(rest).trim().to_owned();
    assert!(!subject.is_empty(), "`{line}`: what it concerns is not in backticks");
    let subject = subject.to_owned();
    match verb.trim() {
        "append" => Directive::Append { to: subject, arguments: value },
        "skip" => {
            assert!(REASONS.contains(&value.as_str()), "`{value}` is no reason; {REASONS:?} are");
            Directive::Skip { what: subject }
        }
        "exit" => Directive::Exit { what: subject, code: value.parse().expect("an exit code") },
        "write" => Directive::Write { path: subject },
        other => panic!("`{other}` is no directive: append, skip, exit or write"),
    }
}

#[test]
#[should_panic(expected = "is no reason")]
fn a_command_is_not_skipped_for_any_reason() {
    parse("skip `hwsim train`: takes long");
}
