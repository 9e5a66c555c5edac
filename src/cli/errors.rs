//! Error messages (one line each) and exit codes.

use super::output;
use std::process::ExitCode;

/// Why a command ended without success.
#[derive(Debug)]
pub(super) enum Failure {
    /// Wrong usage or configuration: exit code 2.
    Usage(anyhow::Error),
    /// A failed run: exit code 1.
    Run(anyhow::Error),
    /// The work is done, but some of its outputs failed: exit code 1.
    Outputs(Vec<anyhow::Error>),
}

/// The error with its causes on one line.
pub(super) fn one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    let mut said = line.clone();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // A transparent error repeats its source.
        if !said.contains(&cause) {
            line.push_str(&format!(": {cause}"));
            said = cause;
        }
    }
    line.trim_end().to_owned()
}

impl Failure {
    /// The same failure with what was being done.
    pub(super) fn context(self, what: impl std::fmt::Display + Send + Sync + 'static) -> Self {
        match self {
            Self::Usage(error) => Self::Usage(error.context(what)),
            Self::Run(error) => Self::Run(error.context(what)),
            Self::Outputs(errors) => Self::Outputs(errors),
        }
    }

    /// A usage error.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }

    /// The error, for any exit code.
    pub(super) fn into_error(self) -> anyhow::Error {
        match self {
            Self::Usage(error) | Self::Run(error) => error,
            Self::Outputs(errors) => {
                let lines: Vec<String> = errors.iter().map(one_line).collect();
                anyhow::anyhow!("{}", lines.join("; "))
            }
        }
    }

    /// Prints the error with its causes on one line, or each of several, and gives its exit code.
    pub(super) fn report(&self) -> ExitCode {
        let (errors, code) = match self {
            Self::Usage(error) => (std::slice::from_ref(error), 2),
            Self::Run(error) => (std::slice::from_ref(error), 1),
            Self::Outputs(errors) => (errors.as_slice(), 1),
        };
        for error in errors {
            output::note(&format!("hwsim: {}", one_line(error)));
        }
        ExitCode::from(code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}
