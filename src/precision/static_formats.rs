//! Formats that are chosen before training: one for all epochs, or one from each of some epochs on.

mod format_schedule;
mod layer_formats;
mod layer_formats_source;
mod tensor_formats;

pub use format_schedule::{FormatSchedule, FormatScheduleError};
pub use layer_formats::{LayerFormats, LayerFormatsError};
pub use layer_formats_source::LayerFormatsSource;
pub use tensor_formats::{LayerTensor, TensorFormats, TensorFormatsError, layer_of};

use super::constant::Constant;
use super::options::ControllerDescription;
use super::scheduled::Scheduled;
use super::shared_settings::{FL, HEADING, NUMBER_FORMAT, WL, number_format};
use super::{
    ControllerOptions, NumberFormat, PrecisionController, PrecisionError, RoleFormats, TensorInfo,
};
use crate::setting::{Given, Refusal, Setting, text};
use hwmodel::Format;
use hwmodel::number::format_text::FixedType;
use serde::{Deserialize, Serialize};

/// Formats of single layers. They are completed with the layers of the network when there is one.
pub const LAYER_FORMATS: Setting<LayerFormatsSource> = text(
    "layer-formats",
    "static: formats of single layers as LAYER=WL,FL or of their tensors as LAYER.weight=WL,FL (bias, input, output, gradient), joined by `;`, as in conv1=8,4;fc3=16,12, or @FILE.toml of `hwsim calibrate`; all others have --wl and --fl, or --number-format",
)
.placeholder("LIST")
.example("conv1=8,4;fc=16,12");

/// Formats by epoch.
pub const FORMAT_SCHEDULE: Setting<FormatSchedule> = text(
    "format-schedule",
    "static: formats from given epochs on as EPOCH:WL,FL or EPOCH:LAYER=WL,FL joined by `;`, as in 0:8,4;5:12,6;10:16,8",
)
.placeholder("LIST")
.example("0:8,4;5:fc=16,12");

/// The controller and its settings.
pub const DESCRIPTION: ControllerDescription = ControllerDescription {
    name: "static",
    heading: HEADING,
    settings: &[&WL, &FL, &NUMBER_FORMAT, &LAYER_FORMATS, &FORMAT_SCHEDULE],
    defaults: &[],
    options: |given| Ok(ControllerOptions::Static(options(given)?)),
};

/// The options without formats of single layers.
fn options(given: &dyn Given) -> Result<StaticOptions, Refusal> {
    let schedule = FORMAT_SCHEDULE.optional(given)?.unwrap_or_default();
    Ok(StaticOptions::scheduled(number_format(given)?, &schedule))
}

pub(super) fn build(
    options: &StaticOptions,
    tensors: &[TensorInfo],
) -> Result<Box<dyn PrecisionController>, PrecisionError> {
    options.controller(tensors)
}

/// Which formats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticOptions {
    /// The formats at first: one entry for all tensors, or one entry a tensor in their order.
    pub formats: Vec<RoleFormats>,
    /// Changes, by ascending epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<FormatStage>,
}

/// Formats from an epoch on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatStage {
    /// The first epoch that has them, counted from 0; at least 1.
    pub epoch: u32,
    /// One entry for all tensors, or one entry a tensor in their order.
    pub formats: Vec<RoleFormats>,
}

impl StaticOptions {
    /// ⟨WL, FL⟩ for every tensor in every role and epoch.
    pub fn global(format: Format) -> Self {
        Self { formats: vec![RoleFormats::fixed(format)], later: Vec::new() }
    }

    /// Options that name no layer: every tensor has the latest format of `schedule`, before its first entry `global`.
    pub fn scheduled(global: impl Into<FixedType>, schedule: &FormatSchedule) -> Self {
        let global = global.into();
        let at = |epoch| vec![RoleFormats::typed(schedule.latest(epoch, None).unwrap_or(global))];
        let stage = |epoch| FormatStage { epoch, formats: at(epoch) };
        Self { formats: at(0), later: schedule.changes().into_iter().map(stage).collect() }
    }

    /// A controller of `tensors` with these formats.
    ///
    /// # Errors
    /// If a tensor is empty, a stage has neither one nor as many formats as there are tensors, a dynamic word
    /// length is impossible, or epochs do not ascend from 1.
    pub fn controller(
        &self,
        tensors: &[TensorInfo],
    ) -> Result<Box<dyn PrecisionController>, PrecisionError> {
        let formats = one_a_tensor(&self.formats, tensors)?;
        if self.later.is_empty() {
            return Ok(Box::new(Constant::new("static", tensors, formats)?));
        }
        let stage = |stage: &FormatStage| {
            one_a_tensor(&stage.formats, tensors).map(|formats| (stage.epoch, formats))
        };
        let later = self.later.iter().map(stage).collect::<Result<_, _>>()?;
        Ok(Box::new(Scheduled::new("static", tensors, formats, later)?))
    }
}

/// The formats of a stage for each of `tensors`.
fn one_a_tensor(
    formats: &[RoleFormats],
    tensors: &[TensorInfo],
) -> Result<Vec<RoleFormats>, PrecisionError> {
    let formats = match formats {
        [one] => vec![*one; tensors.len()],
        several if several.len() == tensors.len() => several.to_vec(),
        several => {
            let allowed = format!("one for all tensors or one for each of {}", tensors.len());
            let given = format!("a list of {}", several.len());
            return Err(PrecisionError::option("formats", given, allowed));
        }
    };
    for own in &formats {
        for role in [own.weight, own.activation, own.output(), own.gradient] {
            if let NumberFormat::DynamicFixed { wl } = role {
                Format::new(wl, 0)?;
            }
        }
        if [own.activation, own.output()].iter().filter(|&&f| f == NumberFormat::Float32).count()
            == 1
        {
            let given = format!("activation {}, output {}", own.activation, own.output());
            let allowed = "float32 for both or for neither".to_owned();
            return Err(PrecisionError::option("formats", given, allowed));
        }
    }
    Ok(formats)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> [TensorInfo; 2] {
        [TensorInfo::from_shape("w", &[2, 3]), TensorInfo::from_shape("b", &[2])]
    }

    #[test]
    fn results_are_float32_only_with_their_operands() {
        let fixed = RoleFormats::fixed(Format::new(8, 4).unwrap());
        let of = |own, output| {
            let formats = RoleFormats { output: Some(output), ..own };
            StaticOptions { formats: vec![formats], later: vec![] }.controller(&tensors())
        };
        let long = NumberFormat::DynamicFixed { wl: 16 };
        assert_eq!(of(fixed, long).unwrap().formats()[0].output(), long);
        let float32 = NumberFormat::Float32;
        assert!(of(RoleFormats::all(float32), float32).is_ok());
        for (own, output) in [
            (fixed, float32),
            (RoleFormats::all(float32), long),
            (fixed, NumberFormat::DynamicFixed { wl: 33 }),
        ] {
            assert!(of(own, output).is_err(), "{own:?} {output:?}");
        }
    }

    #[test]
    fn one_format_or_a_list() {
        let (a, b) = (Format::new(8, 4).unwrap(), Format::new(6, 2).unwrap());
        let global = StaticOptions::global(a).controller(&tensors()).unwrap();
        assert_eq!(global.formats(), [RoleFormats::fixed(a); 2]);
        let list = StaticOptions {
            formats: vec![RoleFormats::fixed(a), RoleFormats::fixed(b)],
            later: vec![],
        };
        let listed = list.controller(&tensors()).unwrap();
        assert_eq!(listed.formats()[1].weight.fixed(), Some(b));
        assert_eq!(listed.formats()[1].gradient.word_length(), 6);
    }

    #[test]
    fn a_list_of_another_length_is_refused() {
        let none = StaticOptions { formats: vec![], later: vec![] };
        let error = none.controller(&tensors()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "precision option `formats` is a list of 0: use one for all tensors or one for each of 2"
        );
        let dynamic = RoleFormats::all(NumberFormat::DynamicFixed { wl: 40 });
        assert!(
            StaticOptions { formats: vec![dynamic], later: vec![] }.controller(&tensors()).is_err()
        );
    }

    #[test]
    fn later_stages_are_checked_as_the_first() {
        let stage = |epoch, wl| FormatStage {
            epoch,
            formats: vec![RoleFormats::all(NumberFormat::DynamicFixed { wl })],
        };
        let first = StaticOptions::global(Format::new(8, 4).unwrap());
        let with = |later| StaticOptions { later, ..first.clone() }.controller(&tensors());
        assert_eq!(with(vec![stage(3, 12)]).unwrap().formats(), [first.formats[0]; 2]);
        assert!(with(vec![stage(3, 40)]).is_err());
        assert!(with(vec![stage(0, 12)]).is_err());
        assert!(with(vec![FormatStage { epoch: 1, formats: vec![] }]).is_err());
    }

    #[test]
    fn a_schedule_without_stages_is_not_written() {
        let options = StaticOptions::global(Format::new(8, 4).unwrap());
        let text = serde_json::to_string(&options).unwrap();
        assert!(!text.contains("later"), "{text}");
        assert_eq!(serde_json::from_str::<StaticOptions>(&text).unwrap(), options);
    }
}
