//! Formats of single layers and their tensors: `conv1=8,4;fc.weight=16,12`.

use hwmodel::number::format_text::{FixedType, FormatTextError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Layers, or tensors of layers, by name, each with its format; written `LAYER=WL,FL` or `LAYER.TENSOR=WL,FL`, several joined
/// by `;`. A format may have any notation of [`FixedType`], and brings its modes with it. Which part of a name is the layer is
/// known when there is a network: [`TensorFormats`](super::TensorFormats).
///
/// ```
/// use hwsim::precision::LayerFormats;
/// let list: LayerFormats = "conv1=8,4; fc.weight=16,12".parse()?;
/// assert_eq!(list.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["conv1", "fc.weight"]);
/// assert_eq!(list.to_string(), "conv1=8,4;fc.weight=16,12");
/// # Ok::<(), hwsim::precision::LayerFormatsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerFormats(Vec<(String, FixedType)>);

/// A list of layer formats that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerFormatsError {
    /// An entry does not have the form.
    #[error(
        "`{0}` is not a layer format: write LAYER=WL,FL or LAYER.weight=WL,FL, several joined by `;`, as in conv1=8,4;fc=16,12, or @FILE.toml"
    )]
    Form(String),
    /// A format is impossible.
    #[error("layer `{layer}`: {source}")]
    Format {
        /// The layer.
        layer: String,
        /// The problem.
        source: FormatTextError,
    },
    /// A layer stands twice in the list.
    #[error("layer `{0}` is named twice: keep one of its formats")]
    Twice(String),
}

impl LayerFormats {
    /// A list of these entries.
    ///
    /// # Errors
    /// If a name is given twice.
    pub fn new(
        entries: impl IntoIterator<Item = (String, FixedType)>,
    ) -> Result<Self, LayerFormatsError> {
        let mut list = Self::default();
        for (name, format) in entries {
            list.add(name, format)?;
        }
        Ok(list)
    }

    fn add(&mut self, name: String, format: FixedType) -> Result<(), LayerFormatsError> {
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(LayerFormatsError::Twice(name));
        }
        self.0.push((name, format));
        Ok(())
    }

    /// The names of layers and tensors with their formats, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, FixedType)> {
        self.0.iter().map(|(layer, format)| (layer.as_str(), *format))
    }

    /// Whether no layer is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for LayerFormats {
    type Err = LayerFormatsError;
    fn from_str(text: &str) -> Result<Self, LayerFormatsError> {
        let mut list = Self::default();
        for entry in text.split(';').map(str::trim) {
            let form = || LayerFormatsError::Form(entry.to_owned());
            let (layer, format) = entry.split_once('=').ok_or_else(form)?;
            let layer = layer.trim().to_owned();
            if layer.is_empty() {
                return Err(form());
            }
            match format.parse() {
                Ok(format) => list.add(layer, format)?,
                Err(source) => return Err(LayerFormatsError::Format { layer, source }),
            }
        }
        Ok(list)
    }
}

impl TryFrom<String> for LayerFormats {
    type Error = LayerFormatsError;
    fn try_from(text: String) -> Result<Self, LayerFormatsError> {
        text.parse()
    }
}

impl From<LayerFormats> for String {
    fn from(list: LayerFormats) -> Self {
        list.to_string()
    }
}

impl fmt::Display for LayerFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (layer, format)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            write!(f, "{separator}{layer}={format}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_lists_are_explained() {
        let explain = |text: &str| text.parse::<LayerFormats>().unwrap_err().to_string();
        insta::assert_snapshot!(explain("conv1=8"), @"layer `conv1`: `8`: not a number format: write WL,FL as in 8,4 (u8,4 is unsigned), ap_fixed<16,6,AP_RND,AP_SAT>, ac_fixed<16,6,true>, fixed<16,6>, FIXED<16,6> or INT8");
        insta::assert_snapshot!(explain("conv1=0,4"), @"layer `conv1`: `0,4`: word length 0 is impossible: use 1 to 32 bits");
        insta::assert_snapshot!(explain("fc=8,4;conv1=8,65"), @"layer `conv1`: `8,65`: fractional length 65 is impossible: use -64 to 64 bits");
        insta::assert_snapshot!(explain("fc=8,4;fc=8,5"), @"layer `fc` is named twice: keep one of its formats");
        for text in ["", ";", "=8,4", "fc=8,4;", "fc 8,4"] {
            assert!(
                matches!(text.parse::<LayerFormats>(), Err(LayerFormatsError::Form(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn formats_of_any_notation_bring_their_modes() {
        let text = "conv1=u8,4;conv2=ap_fixed<16,6>;fc=ac_fixed<8,3,true,AC_RND,AC_SAT>";
        let list: LayerFormats = text.parse().unwrap();
        assert_eq!(list.to_string(), "conv1=u8,4;conv2=16,10,floor,wrap;fc=8,5,half-up,saturate");
        assert_eq!(list.to_string().parse(), Ok(list));
        for text in ["fc=8,x", "fc=-8,4", "fc=ap_fixed<0,0>", "fc=ap_fixed<16,6"] {
            assert!(
                matches!(text.parse::<LayerFormats>(), Err(LayerFormatsError::Format { .. })),
                "{text}"
            );
        }
    }
}
