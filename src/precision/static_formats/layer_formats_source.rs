//! Where formats of single layers come from: a list, or a file that has them.

use super::layer_formats::{LayerFormats, LayerFormatsError};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A list of formats as text, or `@FILE` that holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerFormatsSource {
    /// `conv1=8,4;fc=16,12`.
    List(LayerFormats),
    /// `@formats.toml`.
    File(PathBuf),
}

impl LayerFormatsSource {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::List(_) => None,
            Self::File(path) => Some(path),
        }
    }
}

impl FromStr for LayerFormatsSource {
    type Err = LayerFormatsError;
    fn from_str(text: &str) -> Result<Self, LayerFormatsError> {
        match text.trim().strip_prefix('@') {
            Some("") => Err(LayerFormatsError::Form(text.to_owned())),
            Some(file) => Ok(Self::File(file.into())),
            None => text.parse().map(Self::List),
        }
    }
}

impl fmt::Display for LayerFormatsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(list) => list.fmt(f),
            Self::File(path) => write!(f, "@{}", path.display()),
        }
    }
}
