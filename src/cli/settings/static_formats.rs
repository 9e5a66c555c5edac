//! The static controller's options for the layers of a network.

use super::error::SettingsError;
use crate::precision::{
    FormatSchedule, FormatStage, LayerFormats, RoleFormats, StaticOptions, TensorFormats,
    TensorFormatsError, TensorInfo, layer_of,
};
use hwmodel::number::format_text::FixedType;

/// Options of the static controller for the `tensors` of a network. In every epoch, every tensor of a layer (weights
/// and biases) has in every role the layer's latest format in `schedule`, else its own or the layer's in `list`, else the
/// latest format of all layers in `schedule`, else `global`.
///
/// # Errors
/// If the network has no layer or tensor of a name in list or schedule.
pub fn static_options(
    tensors: &[TensorInfo],
    global: impl Into<FixedType>,
    list: &LayerFormats,
    schedule: &FormatSchedule,
) -> Result<StaticOptions, SettingsError> {
    let global = global.into();
    let mut known: Vec<&str> = tensors.iter().map(|tensor| layer_of(&tensor.name)).collect();
    known.dedup();
    if let Some(layer) = schedule.layers().find(|layer| !known.contains(layer)) {
        let (setting, layer) = ("format-schedule", layer.to_owned());
        return Err(SettingsError::UnknownLayer { setting, layer, known: known.join(", ") });
    }
    if list.is_empty() && schedule.layers().next().is_none() {
        return Ok(StaticOptions::scheduled(global, schedule));
    }
    let names = tensors.iter().map(|tensor| tensor.name.as_str());
    let list = TensorFormats::new(list, names).map_err(SettingsError::LayerFormats)?;
    let format = |tensor: &TensorInfo, epoch| {
        let layer = layer_of(&tensor.name);
        if let Some(own) = schedule.latest(epoch, Some(layer)) {
            return Ok(RoleFormats::typed(own));
        }
        let others = RoleFormats::typed(schedule.latest(epoch, None).unwrap_or(global));
        Ok(list.of(&tensor.name, others)?.unwrap_or(others))
    };
    let at = |epoch| -> Result<Vec<_>, TensorFormatsError> {
        tensors.iter().map(|tensor| format(tensor, epoch)).collect()
    };
    let stage = |epoch| Ok(FormatStage { epoch, formats: at(epoch)? });
    let later =
        schedule.changes().into_iter().map(stage).collect::<Result<_, TensorFormatsError>>();
    Ok(StaticOptions {
        formats: at(0).map_err(SettingsError::LayerFormats)?,
        later: later.map_err(SettingsError::LayerFormats)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::Format;

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
        let options =
            static_options(&tensors(), format(8, 4), &list, &FormatSchedule::default()).unwrap();
        let found: Vec<_> = options.formats.iter().map(|f| f.weight.fixed().unwrap()).collect();
        let (global, fc) = (format(8, 4), format(16, 12));
        assert_eq!(found, [global, global, format(6, -2), fc, fc]);
        assert_eq!(options.formats[3].activation.fixed(), Some(fc));
        assert_eq!(options.formats[3].gradient.fixed(), Some(fc));
    }

    #[test]
    fn an_empty_list_is_one_format_for_all() {
        let options = static_options(
            &tensors(),
            format(8, 4),
            &LayerFormats::default(),
            &FormatSchedule::default(),
        )
        .unwrap();
        assert_eq!(options, StaticOptions::global(format(8, 4)));
    }

    #[test]
    fn unknown_layers_list_the_known() {
        let list: LayerFormats = "fc=16,12;conv3=8,4".parse().unwrap();
        let error = static_options(&tensors(), format(8, 4), &list, &FormatSchedule::default())
            .unwrap_err();
        insta::assert_snapshot!(error, @"`layer-formats` names layer `conv3`, which the network does not have: its layers are conv1, block.conv2, fc");
    }

    #[test]
    fn a_layers_own_formats_win_over_those_of_all_layers() {
        let list: LayerFormats = "fc=16,12".parse().unwrap();
        let schedule: FormatSchedule = "2:10,5;4:conv1=6,2;6:fc=20,10".parse().unwrap();
        let options = static_options(&tensors(), format(8, 4), &list, &schedule).unwrap();
        let lengths = |formats: &[RoleFormats]| -> Vec<u32> {
            formats.iter().map(|format| format.weight.word_length()).collect()
        };
        assert_eq!(lengths(&options.formats), [8, 8, 8, 16, 16]);
        let later: Vec<_> = options.later.iter().map(|s| (s.epoch, lengths(&s.formats))).collect();
        let expected = [
            (2, vec![10, 10, 10, 16, 16]),
            (4, vec![6, 6, 10, 16, 16]),
            (6, vec![6, 6, 10, 20, 20]),
        ];
        assert_eq!(later, expected);
        let schedule: FormatSchedule = "0:12,6;2:conv9=8,4".parse().unwrap();
        let error = static_options(&tensors(), format(8, 4), &list, &schedule).unwrap_err();
        insta::assert_snapshot!(error, @"`format-schedule` names layer `conv9`, which the network does not have: its layers are conv1, block.conv2, fc");
    }

    #[test]
    fn a_schedule_for_all_layers_needs_no_layers() {
        let schedule: FormatSchedule = "0:12,6;3:16,8".parse().unwrap();
        let options = StaticOptions::scheduled(format(8, 4), &schedule);
        assert_eq!(options.formats, [RoleFormats::fixed(format(12, 6))]);
        assert_eq!((options.later[0].epoch, options.later.len()), (3, 1));
        assert_eq!(options.later[0].formats, [RoleFormats::fixed(format(16, 8))]);
    }
}
