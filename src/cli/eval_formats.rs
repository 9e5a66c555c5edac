//! `hwsim eval --wl --fl --layer-formats`: a saved model in other word lengths, without training it anew.

use super::arguments::fixed_type;
use super::errors::Failure;
use crate::files::{layer_formats, model};
use crate::network::{Network, Parameter};
use crate::precision::{
    LayerFormats, LayerFormatsSource, NumberFormat, RoleFormats, TensorFormats,
};
use anyhow::{Context as _, anyhow};
use hwmodel::{Format, SimdLevel};
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;

/// The formats that a model is quantised to.
#[derive(Debug, clap::Args)]
pub(super) struct FormatsAfterTraining {
    /// Quantise the model to words of so many bits, 1 to 32; without --fl the fractional length is
    /// chosen for each tensor from its values (docs/train.md).
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(1..=32), help_heading = "Quantise after training")]
    wl: Option<u32>,
    /// Fractional length of these words, -64 to 64.
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, value_parser = clap::value_parser!(i32).range(-64..=64), help_heading = "Quantise after training")]
    fl: Option<i32>,
    /// Quantise the model to this format in place of --wl and --fl, as in u8,4 or ap_fixed<16,6,AP_RND,AP_SAT>, whose modes then
    /// hold for the layers that have it.
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with_all = ["wl", "fl"], help_heading = "Quantise after training")]
    number_format: Option<String>,
    /// Quantise single layers to other formats, as in conv1=8,4;fc=16,12, or tensors of a layer, as in conv1.weight=8,7 (bias,
    /// input, output), or as a file of `hwsim calibrate` says, @FILE.toml; the others have --wl and --fl, or stay as they are
    /// without --wl.
    #[arg(long, value_name = "LIST|@FILE", help_heading = "Quantise after training")]
    layer_formats: Option<LayerFormatsSource>,
}

/// The list that `source` says or whose file it names.
///
/// # Errors
/// A usage error if the file cannot be read or has something else than formats.
pub(super) fn listed(source: &LayerFormatsSource) -> Result<LayerFormats, Failure> {
    match source {
        LayerFormatsSource::List(list) => Ok(list.clone()),
        LayerFormatsSource::File(path) => layer_formats::read(path)
            .with_context(|| format!("`--layer-formats`: formats in `{}`", path.display()))
            .map_err(Failure::Usage),
    }
}

/// What quantising did to the parameters.
#[derive(Debug, Serialize)]
pub(super) struct Quantised {
    /// Format of all layers that are not named.
    format: Option<String>,
    /// Formats of named layers, as given.
    layer_formats: Option<String>,
    /// Parameters that were quantised.
    parameters: u64,
    /// Of these, outside their format.
    saturated: u64,
    /// Of these, rounded to zero.
    flushed_to_zero: u64,
}

impl FormatsAfterTraining {
    /// Whether any is given.
    pub(super) fn is_given(&self) -> bool {
        self.wl.is_some()
            || self.fl.is_some()
            || self.number_format.is_some()
            || self.layer_formats.is_some()
    }

    /// The file of formats that is read, if there is one.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.layer_formats.as_ref().and_then(LayerFormatsSource::file)
    }

    /// Quantises `network` as asked for; `None` if nothing is.
    ///
    /// # Errors
    /// A usage error for `--fl` without `--wl`, an impossible format, a file that cannot be read, or a layer or tensor that the
    /// network does not have.
    pub(super) fn apply(
        &self,
        network: &mut Network,
        simd: SimdLevel,
    ) -> Result<Option<Quantised>, Failure> {
        let typed = self.number_format.as_ref().map(|text| fixed_type(text, "--number-format"));
        let typed = typed.transpose()?.map(RoleFormats::typed);
        let all = match (self.wl, self.fl) {
            (None, None) => typed,
            (None, Some(fl)) => {
                return Err(Failure::usage(anyhow!(
                    "`--fl {fl}` needs a word length: add `--wl BITS`, 1 to 32"
                )));
            }
            (Some(wl), None) => Some(RoleFormats::all(NumberFormat::DynamicFixed { wl })),
            (Some(wl), Some(fl)) => {
                Some(RoleFormats::fixed(Format::new(wl, fl).map_err(Failure::usage)?))
            }
        };
        let list = self.layer_formats.as_ref().map(listed).transpose()?.unwrap_or_default();
        if all.is_none() && list.is_empty() {
            return Ok(None);
        }
        let unfit = |error| Failure::usage(anyhow!("`--layer-formats` {error}"));
        let names = network.parameters.iter().map(|parameter| parameter.name.as_str());
        let own = TensorFormats::new(&list, names).map_err(unfit)?;
        let wanted = |parameter: &Parameter| {
            let own = own.of(&parameter.name, all.unwrap_or(parameter.formats)).map_err(unfit)?;
            Ok::<_, Failure>(own.or(all))
        };
        let wanted = network
            .parameters
            .iter()
            .map(|parameter| Ok::<_, Failure>((parameter.name.clone(), wanted(parameter)?)));
        let wanted: HashMap<_, _> = wanted.collect::<Result<_, _>>()?;
        let counts =
            model::quantise(network, simd, |parameter| wanted.get(&parameter.name).copied()?)?;
        Ok(Some(Quantised {
            format: all.map(|formats| described(&formats)),
            layer_formats: self.layer_formats.as_ref().map(ToString::to_string),
            parameters: counts.elements,
            saturated: counts.saturated_high + counts.saturated_low,
            flushed_to_zero: counts.flushed_to_zero,
        }))
    }
}

/// A format with the modes that it brings.
fn described(formats: &RoleFormats) -> String {
    let rounding = formats.modes.rounding.map(|mode| format!(", {mode}")).unwrap_or_default();
    let overflow = formats.modes.overflow.map(|mode| format!(", {mode}")).unwrap_or_default();
    format!("{}{rounding}{overflow}", formats.weight)
}

impl Quantised {
    /// A line for the table.
    pub(super) fn render(&self) -> String {
        let others = self.layer_formats.as_ref().map(|list| format!("layers {list}"));
        let formats: Vec<String> = self.format.iter().cloned().chain(others).collect();
        format!(
            "quantised after training to {}: {} parameters, {} saturated, {} rounded to zero\n",
            formats.join(", "),
            self.parameters,
            self.saturated,
            self.flushed_to_zero
        )
    }
}
