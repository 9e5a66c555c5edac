//! One clear line for every failure, and its exit code.

use std::process::ExitCode;

/// Why a command ended without success.
#[derive(Debug)]
pub(super) enum Failure {
    /// Wrong usage or configuration: exit code 2.
    Usage(anyhow::Error),
    /// A failed run: exit code 1.
    Run(anyhow::Error),
}

impl Failure {
    /// A usage error.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }

    /// The error, whatever its exit code.
    pub(super) fn into_error(self) -> anyhow::Error {
        match self {
            Self::Usage(error) | Self::Run(error) => error,
        }
    }

    /// Prints the error with its causes on one line and gives its exit code.
    pub(super) fn report(&self) -> ExitCode {
        let (error, code) = match self {
            Self::Usage(error) => (error, 2),
            Self::Run(error) => (error, 1),
        };
        let mut line = format!("hwsim: {error}");
        let mut said = error.to_string();
        for cause in error.chain().skip(1) {
            let cause = cause.to_string();
            // A transparent error repeats its source.
            if !said.contains(&cause) {
                line.push_str(&format!(": {cause}"));
                said = cause;
            }
        }
        eprintln!("{}", line.trim_end());
        ExitCode::from(code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}
