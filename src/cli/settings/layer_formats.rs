//! Formats of single layers for the static controller: `conv1=8,4;fc=16,12`.

use super::error::SettingsError;
use crate::precision::{RoleFormats, StaticOptions, TensorInfo};
use hwmodel::{Format, FormatError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Layers by name, each with its ⟨WL, FL⟩; written `LAYER=WL,FL`, several joined by `;`.
///
/// ```
/// use hwsim::cli::settings::LayerFormats;
/// let list: LayerFormats = "conv1=8,4; fc=16,12".parse()?;
/// assert_eq!(list.iter().map(|(layer, _)| layer).collect::<Vec<_>>(), ["conv1", "fc"]);
/// assert_eq!(list.to_string(), "conv1=8,4;fc=16,12");
/// # Ok::<(), hwsim::cli::settings::LayerFormatsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerFormats(Vec<(String, Format)>);

/// A list of layer formats that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerFormatsError {
    /// An entry does not have the form.
    #[error(
        "`{0}` is no layer format: write LAYER=WL,FL, several joined by `;`, as in conv1=8,4;fc=16,12"
    )]
    Form(String),
    /// A format is impossible.
    #[error("layer `{layer}`: {source}")]
    Format {
        /// The layer.
        layer: String,
        /// What is wrong.
        source: FormatError,
    },
    /// A layer stands twice in the list.
    #[error("layer `{0}` is named twice: keep one of its formats")]
    Twice(String),
}

impl LayerFormats {
    /// The layers with their formats, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Format)> {
        self.0.iter().map(|(layer, format)| (layer.as_str(), *format))
    }

    /// Whether no layer is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The format given for `layer`.
    pub fn get(&self, layer: &str) -> Option<Format> {
        self.iter().find(|(name, _)| *name == layer).map(|(_, format)| format)
    }
}

impl FromStr for LayerFormats {
    type Err = LayerFormatsError;
    fn from_str(text: &str) -> Result<Self, LayerFormatsError> {
        let mut list = Self::default();
        for entry in text.split(';').map(str::trim) {
            let form = || LayerFormatsError::Form(entry.to_owned());
            let (layer, format) = entry.split_once('=').ok_or_else(form)?;
            let (wl, fl) = format.split_once(',').ok_or_else(form)?;
            let layer = layer.trim().to_owned();
            let wl = wl.trim().parse().map_err(|_| form())?;
            let fl = fl.trim().parse().map_err(|_| form())?;
            if layer.is_empty() {
                return Err(form());
            }
            if list.get(&layer).is_some() {
                return Err(LayerFormatsError::Twice(layer));
            }
            match Format::new(wl, fl) {
                Ok(format) => list.0.push((layer, format)),
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
            write!(f, "{separator}{layer}={},{}", format.wl(), format.fl())?;
        }
        Ok(())
    }
}

/// The layer that a parameter tensor belongs to: `conv1` for `conv1.weight`.
fn layer_of(tensor: &TensorInfo) -> &str {
    tensor.name.rsplit_once('.').map_or(tensor.name.as_str(), |(layer, _)| layer)
}

/// Options of the static controller for the `tensors` of a network: every tensor of a layer named in
/// `list` (weights and biases) has that format in every role, all others have `global`.
///
/// # Errors
/// If the network has no layer of a name in the list.
pub fn static_options(
    tensors: &[TensorInfo],
    global: Format,
    list: &LayerFormats,
) -> Result<StaticOptions, SettingsError> {
    let mut known: Vec<&str> = tensors.iter().map(layer_of).collect();
    known.dedup();
    for (layer, _) in list.iter() {
        if !known.contains(&layer) {
            let (layer, known) = (layer.to_owned(), known.join(", "));
            return Err(SettingsError::UnknownLayer { layer, known });
        }
    }
    if list.is_empty() {
        return Ok(StaticOptions::global(global));
    }
    let format = |tensor| RoleFormats::fixed(list.get(layer_of(tensor)).unwrap_or(global));
    Ok(StaticOptions { formats: tensors.iter().map(format).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> Vec<TensorInfo> {
        let shapes: [(&str, &[usize]); 5] = [
            ("conv1.weight", &[6, 5, 5, 1]),
            ("conv1.bias", &[6]),
            ("block.conv2.weight", &[16, 5, 5, 6]),
            ("fc.weight", &[10, 400]),
            ("fc.bias", &[10]),
        ];
        shapes.map(|(name, shape)| TensorInfo::from_shape(name, shape)).into()
    }

    fn format(wl: u32, fl: i32) -> Format {
        Format::new(wl, fl).unwrap()
    }

    #[test]
    fn named_layers_have_their_format_and_others_the_global_one() {
        let list: LayerFormats = "fc=16,12;block.conv2=6,-2".parse().unwrap();
        let options = static_options(&tensors(), format(8, 4), &list).unwrap();
        let found: Vec<_> = options.formats.iter().map(|f| f.weight.fixed().unwrap()).collect();
        let (global, fc) = (format(8, 4), format(16, 12));
        assert_eq!(found, [global, global, format(6, -2), fc, fc]);
        assert_eq!(options.formats[3].activation.fixed(), Some(fc));
        assert_eq!(options.formats[3].gradient.fixed(), Some(fc));
    }

    #[test]
    fn an_empty_list_is_one_format_for_all() {
        let options = static_options(&tensors(), format(8, 4), &LayerFormats::default()).unwrap();
        assert_eq!(options, StaticOptions::global(format(8, 4)));
    }

    #[test]
    fn unknown_layers_list_the_known() {
        let list: LayerFormats = "fc=16,12;conv3=8,4".parse().unwrap();
        let error = static_options(&tensors(), format(8, 4), &list).unwrap_err();
        insta::assert_snapshot!(error, @"`layer-formats` names layer `conv3`, which the network does not have: its layers are conv1, block.conv2, fc");
    }

    #[test]
    fn unreadable_lists_are_explained() {
        let explain = |text: &str| text.parse::<LayerFormats>().unwrap_err().to_string();
        insta::assert_snapshot!(explain("conv1=8"), @"`conv1=8` is no layer format: write LAYER=WL,FL, several joined by `;`, as in conv1=8,4;fc=16,12");
        insta::assert_snapshot!(explain("conv1=0,4"), @"layer `conv1`: word length 0 is impossible: use 1 to 32 bits");
        insta::assert_snapshot!(explain("fc=8,4;conv1=8,65"), @"layer `conv1`: fractional length 65 is impossible: use -64 to 64 bits");
        insta::assert_snapshot!(explain("fc=8,4;fc=8,5"), @"layer `fc` is named twice: keep one of its formats");
        for text in ["", ";", "=8,4", "fc=8,4;", "fc=8,x", "fc=-8,4", "fc 8,4"] {
            assert!(
                matches!(text.parse::<LayerFormats>(), Err(LayerFormatsError::Form(_))),
                "{text}"
            );
        }
    }
}
