//! Formats of single layers and tensors for the parameters of a network.

use super::layer_formats::LayerFormats;
use crate::precision::{Modes, NumberFormat, RoleFormats};
use hwmodel::number::format_text::FixedType;
use std::collections::BTreeMap;

/// The layer that a parameter tensor belongs to: `conv1` for `conv1.weight`.
pub fn layer_of(tensor: &str) -> &str {
    tensor.rsplit_once('.').map_or(tensor, |(layer, _)| layer)
}

/// Which tensor of a layer a format is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerTensor {
    /// The weight of a product, γ of a normalisation, or a table.
    Weight,
    /// The bias of a product, β of a normalisation.
    Bias,
    /// What a product reads.
    Input,
    /// Its results.
    Output,
    /// Gradients.
    Gradient,
}

impl LayerTensor {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Weight, Self::Bias, Self::Input, Self::Output, Self::Gradient];

    /// The word behind the name of the layer.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Input => "input",
            Self::Output => "output",
            Self::Gradient => "gradient",
        }
    }
}

/// Formats that do not fit a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorFormatsError {
    /// No layer of this name.
    #[error("names layer `{layer}`, which the network does not have: its layers are {known}")]
    UnknownLayer {
        /// The layer.
        layer: String,
        /// Every layer with parameters.
        known: String,
    },
    /// The layer has no such tensor.
    #[error("names `{layer}.{tensor}`: the tensors of layer `{layer}` are {known}")]
    UnknownTensor {
        /// The layer.
        layer: String,
        /// What stands behind its name.
        tensor: String,
        /// The tensors of the layer.
        known: String,
    },
    /// The formats of one layer state several rounding or overflow modes.
    #[error(
        "has formats of layer `{layer}` with different modes: a layer has one rounding and one overflow mode, so state the same in each of its formats"
    )]
    Modes {
        /// The layer.
        layer: String,
    },
    /// A layer would compute partly in float32.
    #[error(
        "leaves layer `{layer}` partly in float32 (weight {weight}, input {input}, output {output}): give the others a format as well, as `{layer}=WL,FL` or for all layers"
    )]
    Partial {
        /// The layer.
        layer: String,
        /// Format of its weight.
        weight: NumberFormat,
        /// Of its input.
        input: NumberFormat,
        /// Of its output.
        output: NumberFormat,
    },
}

/// What a list says about one layer.
#[derive(Debug, Clone, Default)]
struct OfLayer {
    all: Option<FixedType>,
    tensors: BTreeMap<LayerTensor, FixedType>,
    modes: Modes,
}

/// A [`LayerFormats`] for the parameter tensors of a network.
#[derive(Debug, Clone, Default)]
pub struct TensorFormats(BTreeMap<String, OfLayer>);

impl TensorFormats {
    /// `list` for a network with the parameter tensors `names`. An entry whose name is that of a layer holds for all of it,
    /// also where the name ends like a tensor.
    ///
    /// # Errors
    /// If the list names a layer or tensor that there is not, or states several modes for one layer.
    pub fn new<'a>(
        list: &LayerFormats,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TensorFormatsError> {
        let names: Vec<&str> = names.into_iter().collect();
        let mut known: Vec<&str> = names.iter().map(|name| layer_of(name)).collect();
        known.dedup();
        let mut layers: BTreeMap<String, OfLayer> = BTreeMap::new();
        for (name, format) in list.iter() {
            let (layer, tensor) = split(name, &known, &names)?;
            let own = layers.entry(layer.to_owned()).or_default();
            match tensor {
                None => own.all = Some(format),
                Some(tensor) => drop(own.tensors.insert(tensor, format)),
            }
        }
        for (layer, own) in &mut layers {
            let different = || TensorFormatsError::Modes { layer: layer.clone() };
            own.modes = own.stated_modes().ok_or_else(different)?;
        }
        Ok(Self(layers))
    }

    /// The formats of parameter tensor `name`, and of inputs, results and gradients where it is the first of its layer: what
    /// the list does not say is as in `others`. `None` if the list says nothing about its layer.
    ///
    /// # Errors
    /// If a layer would be partly in float32.
    pub fn of(
        &self,
        name: &str,
        others: RoleFormats,
    ) -> Result<Option<RoleFormats>, TensorFormatsError> {
        let layer = layer_of(name);
        let Some(own) = self.0.get(layer) else { return Ok(None) };
        let base = own.all.map_or(others, RoleFormats::typed);
        let given =
            |tensor| own.tensors.get(&tensor).map(|fixed| NumberFormat::Fixed(fixed.format));
        let activation = given(LayerTensor::Input).unwrap_or(base.activation);
        let output = given(LayerTensor::Output).unwrap_or(base.output());
        let weight = given(LayerTensor::Weight).unwrap_or(base.weight);
        let is_bias = name.ends_with(".bias");
        let found = RoleFormats {
            weight: given(LayerTensor::Bias).filter(|_| is_bias).unwrap_or(weight),
            activation,
            output: Some(output).filter(|output| *output != activation),
            gradient: given(LayerTensor::Gradient).unwrap_or(base.gradient),
            modes: if own.all.is_none() && own.modes.is_none() { base.modes } else { own.modes },
        };
        let is_float = |format: NumberFormat| format == NumberFormat::Float32;
        // A fixed weight alone is a float32 product of fixed numbers.
        if is_float(activation) != is_float(output) || is_float(weight) && !is_float(activation) {
            let (layer, input) = (layer.to_owned(), activation);
            return Err(TensorFormatsError::Partial { layer, weight, input, output });
        }
        Ok(Some(found))
    }
}

impl OfLayer {
    /// The modes of all formats of the layer, if they do not contradict each other.
    fn stated_modes(&self) -> Option<Modes> {
        let stated = self.all.iter().chain(self.tensors.values()).copied().map(Modes::from);
        let mut stated = stated.filter(|modes| !modes.is_none());
        let first = stated.next().unwrap_or_default();
        stated.all(|other| other == first).then_some(first)
    }
}

/// Layer and tensor of an entry; no tensor if it is about the whole layer.
fn split<'a>(
    entry: &'a str,
    known: &[&str],
    names: &[&str],
) -> Result<(&'a str, Option<LayerTensor>), TensorFormatsError> {
    if known.contains(&entry) {
        return Ok((entry, None));
    }
    let Some((layer, tensor)) = entry.rsplit_once('.').filter(|(layer, _)| known.contains(layer))
    else {
        let is_tensor = |end: &str| LayerTensor::ALL.iter().any(|tensor| tensor.name() == end);
        let layer = entry.rsplit_once('.').filter(|(_, end)| is_tensor(end));
        let layer = layer.map_or(entry, |(layer, _)| layer).to_owned();
        return Err(TensorFormatsError::UnknownLayer { layer, known: known.join(", ") });
    };
    let has = |tensor: &LayerTensor| {
        let has_bias = || names.iter().any(|name| name.strip_suffix(".bias") == Some(layer));
        *tensor != LayerTensor::Bias || has_bias()
    };
    let mut tensors = LayerTensor::ALL.into_iter().filter(has);
    match tensors.clone().find(|known| known.name() == tensor) {
        Some(found) => Ok((layer, Some(found))),
        None => Err(TensorFormatsError::UnknownTensor {
            layer: layer.to_owned(),
            tensor: tensor.to_owned(),
            known: tensors.by_ref().map(LayerTensor::name).collect::<Vec<_>>().join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::{Format, Overflow, Rounding};

    const NAMES: [&str; 6] =
        ["conv.weight", "conv.bias", "lstm.input.weight", "lstm.weight", "fc.weight", "fc.bias"];

    fn formats(list: &str) -> Result<TensorFormats, TensorFormatsError> {
        TensorFormats::new(&list.parse().unwrap(), NAMES)
    }

    fn refused(list: &str) -> String {
        formats(list).unwrap_err().to_string()
    }

    fn fixed(wl: u32, fl: i32) -> NumberFormat {
        NumberFormat::Fixed(Format::new(wl, fl).unwrap())
    }

    #[test]
    fn tensors_have_their_own_format_and_others_that_of_the_layer() {
        let list = "conv=10,4;conv.weight=8,7;conv.bias=16,12;conv.input=u8,8;fc.output=12,6";
        let formats = formats(list).unwrap();
        let others = RoleFormats::fixed(Format::new(6, 3).unwrap());
        let conv = formats.of("conv.weight", others).unwrap().unwrap();
        let unsigned = NumberFormat::Fixed(Format::unsigned(8, 8).unwrap());
        assert_eq!((conv.weight, conv.activation), (fixed(8, 7), unsigned));
        assert_eq!((conv.output, conv.gradient), (Some(fixed(10, 4)), fixed(10, 4)));
        assert_eq!(formats.of("conv.bias", others).unwrap().unwrap().weight, fixed(16, 12));
        let fc = formats.of("fc.bias", others).unwrap().unwrap();
        assert_eq!((fc.weight, fc.output), (fixed(6, 3), Some(fixed(12, 6))));
        assert_eq!(formats.of("lstm.weight", others).unwrap(), None);
    }

    #[test]
    fn a_layer_whose_name_ends_like_a_tensor_is_a_layer() {
        let formats = formats("lstm.input=8,4;lstm.input.weight=6,4").unwrap();
        let others = RoleFormats::all(NumberFormat::Float32);
        let own = formats.of("lstm.input.weight", others).unwrap().unwrap();
        assert_eq!((own.weight, own.activation, own.output), (fixed(6, 4), fixed(8, 4), None));
        assert_eq!(formats.of("lstm.weight", others), Ok(None));
    }

    #[test]
    fn modes_are_those_of_the_layer() {
        let formats = formats("conv.weight=8,7;conv.output=ap_fixed<8,4,AP_RND,AP_SAT>").unwrap();
        let others = RoleFormats::fixed(Format::new(8, 4).unwrap());
        let modes = formats.of("conv.weight", others).unwrap().unwrap().modes;
        let stated = (Some(Rounding::HalfUp), Some(Overflow::Saturate));
        assert_eq!((modes.rounding, modes.overflow), stated);
        insta::assert_snapshot!(refused("conv.weight=ap_fixed<8,4>;conv.output=ap_fixed<8,4,AP_RND>"), @"has formats of layer `conv` with different modes: a layer has one rounding and one overflow mode, so state the same in each of its formats");
    }

    #[test]
    fn what_a_network_lacks_is_named() {
        insta::assert_snapshot!(refused("conv9.weight=8,4"), @"names layer `conv9`, which the network does not have: its layers are conv, lstm.input, lstm, fc");
        insta::assert_snapshot!(refused("conv.wieght=8,4"), @"names `conv.wieght`: the tensors of layer `conv` are weight, bias, input, output, gradient");
        insta::assert_snapshot!(refused("lstm.bias=8,4"), @"names `lstm.bias`: the tensors of layer `lstm` are weight, input, output, gradient");
        let float = RoleFormats::all(NumberFormat::Float32);
        let partial = |list: &str| formats(list).unwrap().of("conv.weight", float).unwrap_err();
        insta::assert_snapshot!(partial("conv.input=8,4;conv.output=8,4"), @"leaves layer `conv` partly in float32 (weight float32, input ⟨8, 4⟩, output ⟨8, 4⟩): give the others a format as well, as `conv=WL,FL` or for all layers");
        partial("conv.weight=8,4;conv.input=8,4");
        let weight_alone = formats("conv.weight=8,4").unwrap().of("conv.weight", float).unwrap();
        assert_eq!(weight_alone.unwrap().activation, NumberFormat::Float32);
    }
}
