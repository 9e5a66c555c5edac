//! `hwsim gap --conventions`.

use super::arguments::OutputArguments;
use super::errors::Failure;
use super::gap::{BATCH, GapArguments, ModelImages, Source, progress, words};
use super::gap_conventions_table as table;
use super::gap_table::Subject;
use super::model_data::images;
use super::output;
use crate::network::Network;
use crate::precision::{NumberFormat, START};
use crate::verify::conventions::{
    self, Choice, ConventionOptions, Details, LayerComparison, NAMED, Output, SCHEMA, details, rows,
};
use crate::verify::gap::{FloatLayers, GapOptions};
use anyhow::{Context as _, anyhow};
use hwmodel::Format;
use serde::Serialize;
use std::process::ExitCode;

/// Flags of a comparison of conventions.
#[derive(Debug, clap::Args)]
pub(super) struct ConventionArguments {
    /// Compare conventions on the same integers instead: names and settings separated by commas, as in hls4ml,hwsim or
    /// hwsim,rounding=floor,clip=sum; each is compared with the first. `list` shows the names and settings.
    #[arg(
        long,
        value_name = "LIST",
        help_heading = "Conventions",
        conflicts_with_all = ["accumulator", "accumulator_overflow", "csv"]
    )]
    conventions: Option<String>,
    /// Format of the outputs [default: that of the operands].
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Conventions",
        requires = "conventions",
        allow_hyphen_values = true
    )]
    format_out: Option<String>,
    /// Raw integer of the outputs that stands for 0.
    #[arg(
        long,
        value_name = "RAW",
        help_heading = "Conventions",
        requires = "conventions",
        allow_hyphen_values = true,
        default_value_t = 0
    )]
    zero_point: i64,
    /// Value of a product's last place over that of an output's, above 0 [default: the power of two that the formats give].
    #[arg(
        long,
        value_name = "NUMBER",
        help_heading = "Conventions",
        requires = "conventions",
        allow_hyphen_values = true
    )]
    scale_factor: Option<f64>,
}

/// What is to be compared.
pub(super) struct Comparison {
    choices: Vec<Choice>,
    format_out: Option<Format>,
    zero_point: i64,
    scale_factor: Option<f64>,
}

/// A named convention, for `--conventions list`.
#[derive(Serialize)]
struct Listed {
    kind: &'static str,
    name: &'static str,
    about: &'static str,
    settings: &'static str,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    #[serde(flatten)]
    subject: &'a Subject,
    conventions: Vec<Described<'a>>,
    zero_point: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_factor: Option<f64>,
    rows: Vec<Details<'a>>,
}

/// A convention with all its settings.
#[derive(Serialize)]
struct Described<'a> {
    name: &'a str,
    settings: std::collections::BTreeMap<&'static str, String>,
}

impl ConventionArguments {
    /// Whether the conventions are to be listed.
    pub(super) fn list(&self) -> bool {
        self.conventions.as_deref() == Some("list")
    }

    /// What is to be compared; `None` without `--conventions`.
    ///
    /// # Errors
    /// If the list or the format cannot be read.
    pub(super) fn comparison(&self) -> Result<Option<Comparison>, Failure> {
        let Some(list) = &self.conventions else { return Ok(None) };
        let choices = conventions::parse(list).map_err(Failure::usage)?;
        let format_out = self.format_out.as_ref().map(|text| words(text, "--format-out"));
        Ok(Some(Comparison {
            choices,
            format_out: format_out.transpose()?,
            zero_point: self.zero_point,
            scale_factor: self.scale_factor,
        }))
    }
}

/// Prints the names and settings there are.
pub(super) fn list(output: &OutputArguments) -> Result<ExitCode, Failure> {
    let named = NAMED.iter().map(|named| Listed {
        kind: "convention",
        name: named.name,
        about: named.about,
        settings: named.settings,
    });
    let keys = conventions::KEYS.iter().map(|key| Listed {
        kind: "setting",
        name: key.name,
        about: key.help,
        settings: "",
    });
    let all: Vec<Listed> = named.chain(keys).collect();
    let mut outputs = output::Attempts::default();
    outputs.add(output.emit_rows(&all, &all, |_| table::list()));
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

impl Comparison {
    /// Compares on the model or random product of `arguments`, in the formats of `options` or the model's own.
    pub(super) fn run(
        self,
        arguments: &GapArguments,
        options: &GapOptions,
    ) -> Result<ExitCode, Failure> {
        let simd = options.simd;
        let run = ConventionOptions { simd, choices: self.choices.clone() };
        let (subject, layers) = match arguments.source()? {
            Source::Random(product) => {
                let formats = or_default(&options.formats);
                let mut layers = self.layers("product", &formats)?;
                product
                    .with_operands(|operands| {
                        layers.iter_mut().try_for_each(|layer| layer.add(operands, &run))
                    })
                    .map_err(Failure::usage)?;
                (Subject::Random(product), layers)
            }
            Source::Model(model) => {
                let cannot = || format!("cannot compare `{}`", model.display());
                let ModelImages { network, layers, subject, dataset } =
                    ModelImages::load(arguments, model)?;
                let mut compared = Vec::new();
                for &layer in &layers {
                    let formats = match options.formats.is_empty() {
                        true => own_format(&network, layer).into_iter().collect(),
                        false => options.formats.clone(),
                    };
                    let name = &network.mac_layers[layer].name;
                    compared.push(self.layers(name, &or_default(&formats))?);
                }
                let mut network = FloatLayers::new(network, layers).with_context(cannot)?;
                let count = dataset.test.len();
                let bar = progress(count);
                for start in (0..count).step_by(BATCH) {
                    let end = count.min(start + BATCH);
                    network
                        .each(images(&dataset, start..end), simd, |index, operands| {
                            let mut layers = compared[index].iter_mut();
                            layers.try_for_each(|layer| layer.add(operands, &run))
                        })
                        .with_context(cannot)?;
                    bar.set_position(end as u64);
                }
                bar.finish_and_clear();
                (subject, compared.into_iter().flatten().collect())
            }
        };
        let rows = rows(&layers, &self.choices);
        let describe = |choice: &'_ Choice| {
            let settings = conventions::KEYS.iter();
            settings.map(|key| (key.name, key.get(&choice.convention))).collect()
        };
        let report = Report {
            schema: SCHEMA,
            subject: &subject,
            conventions: self
                .choices
                .iter()
                .map(|choice| Described { name: &choice.name, settings: describe(choice) })
                .collect(),
            zero_point: self.zero_point,
            scale_factor: self.scale_factor,
            rows: details(&layers, &rows),
        };
        let mut outputs = output::Attempts::default();
        let table = |_: &Report<'_>| table::render(&subject, &layers, &self.choices);
        outputs.add(arguments.output().emit_rows(&report, &rows, table));
        outputs.finish()?;
        Ok(ExitCode::SUCCESS)
    }

    /// A comparison of a layer in each of `formats`.
    fn layers(&self, name: &str, formats: &[Format]) -> Result<Vec<LayerComparison>, Failure> {
        let of = |&format: &Format| {
            let output = Output {
                format: self.format_out.unwrap_or(format),
                zero_point: self.zero_point,
                factor: self.scale_factor,
            };
            let output = output.checked().map_err(|error| Failure::usage(anyhow!("{error}")))?;
            Ok(LayerComparison::new(name.to_owned(), format, output, &self.choices))
        };
        formats.iter().map(of).collect()
    }
}

/// ⟨8, 4⟩ where no format is given.
fn or_default(formats: &[Format]) -> Vec<Format> {
    if formats.is_empty() { vec![START] } else { formats.to_vec() }
}

/// The format that a layer's weights have in the model.
fn own_format(network: &Network, layer: usize) -> Option<Format> {
    match network.mac_operands(layer)?.weight.formats.weight {
        NumberFormat::Fixed(format) => Some(format),
        _ => None,
    }
}
