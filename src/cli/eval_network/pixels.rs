//! Inputs made of images: built-in data sets at their own size, and folders of pictures.

use super::arguments::{NetworkArguments, Size};
use super::feed::Feed;
use crate::cli::errors::Failure;
use crate::cli::model_data::DataArguments;
use crate::cli::pixels::PixelArguments;
use crate::cli::setup;
use crate::data::{
    DataError, DatasetKind, Normalisation, Preprocessing, TestImages, load_pictures, test_images,
};
use crate::inference::{Layout, fit};
use crate::onnx::model::{Dimension, Input};
use crate::tensor::{ElementType, Elements, Tensor};
use anyhow::anyhow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a network takes of images.
struct Wanted {
    channels: Option<usize>,
    size: Option<Size>,
    layout: Layout,
}

/// Images of `--images` or `--dataset`, if one is given.
pub(super) fn images(
    arguments: &NetworkArguments,
    data: &DataArguments,
    limit: Option<usize>,
    inputs: &[Input],
) -> Result<Option<Feed>, Failure> {
    let (dataset, data_dir) = (data.dataset, data.data_dir.as_ref());
    if arguments.images.is_none() && dataset.is_none() {
        if let Some(flag) = arguments.of_pixels().chain(data.pixels.given()).next() {
            return Err(Failure::usage(anyhow!(
                "`--{flag}` needs images: add `--images DIR` or `--dataset NAME`"
            )));
        }
        return Ok(None);
    }
    let [input] = inputs else {
        return Err(Failure::usage(anyhow!(
            "the network has {} inputs, but images are for one: give the inputs as arrays, `--x FILE.npz`",
            inputs.len()
        )));
    };
    let wanted = wanted(input, arguments.layout.map(Layout::from))?;
    let test = match (&arguments.images, dataset) {
        (Some(folder), _) => pictures(folder, arguments, &wanted)?,
        (None, Some(kind)) => built_in(kind, data_dir, arguments, &wanted)?,
        (None, None) => return Ok(None),
    };
    let test = match limit {
        Some(limit) => test.limited(limit),
        None => test,
    };
    let (array, pixels) = numbers(&test, (arguments, &data.pixels), input, &wanted)?;
    let array = fit(input, &array, None).map_err(Failure::usage)?;
    let labels = test.images.labels.iter().map(|&label| i64::from(label)).collect();
    let labels = Elements::Integers(Arc::new(labels));
    let labels = Tensor::new(vec![test.images.len()], ElementType::Int64, labels);
    let of = match (&arguments.images, dataset) {
        (Some(folder), _) => folder.display().to_string(),
        (_, kind) => kind.map_or(String::new(), |kind| format!("{kind} ({})", test.origin)),
    };
    Ok(Some(Feed {
        arrays: vec![array],
        labels_given: false,
        labels: labels.filter(|_| !test.class_names.is_empty()),
        source: of,
        pixels: Some(pixels),
        classes: test.class_names,
    }))
}

/// What `input` takes, as far as its shape says it.
fn wanted(input: &Input, stated: Option<Layout>) -> Result<Wanted, Failure> {
    let fixed = |axis: usize| match input.shape.get(axis) {
        Some(Dimension::Fixed(size)) => Some(*size),
        _ => None,
    };
    let size = |height: Option<usize>, width: Option<usize>| {
        height.zip(width).map(|(height, width)| Size { height, width })
    };
    match input.shape.len() {
        4 => {
            let layout = Layout::of(input).or(stated).ok_or_else(|| {
                Failure::usage(anyhow!(
                    "the shape of input `{}` does not show where the channels are: add `--layout nchw` or `--layout nhwc`",
                    input.name
                ))
            })?;
            Ok(match layout {
                Layout::Nchw => {
                    Wanted { channels: fixed(1), size: size(fixed(2), fixed(3)), layout }
                }
                Layout::Nhwc => {
                    Wanted { channels: fixed(3), size: size(fixed(1), fixed(2)), layout }
                }
            })
        }
        3 => Ok(Wanted { channels: Some(1), size: size(fixed(1), fixed(2)), layout: Layout::Nhwc }),
        2 => {
            let layout = stated.unwrap_or(Layout::Nchw);
            Ok(Wanted { channels: None, size: None, layout })
        }
        axes => Err(Failure::usage(anyhow!(
            "input `{}` has {axes} axes, but images have 2 (all pixels in a row), 3 (grey) or 4: give arrays, `--x FILE`",
            input.name
        ))),
    }
}

fn pictures(
    folder: &Path,
    arguments: &NetworkArguments,
    wanted: &Wanted,
) -> Result<TestImages, Failure> {
    let stated = arguments.crop.or(arguments.image).or(wanted.size);
    let size = stated.ok_or_else(|| {
        Failure::usage(anyhow!("the network does not say its image size: add `--image HxW`"))
    })?;
    let preprocessing = Preprocessing {
        size: (size.height, size.width),
        channels: wanted.channels.unwrap_or(1),
        shorter_side: arguments.resize.map(|side| side as usize),
        crop: arguments.crop.is_some(),
    };
    if !matches!(preprocessing.channels, 1 | 3) {
        return Err(Failure::usage(anyhow!(
            "the network takes images of {} channels, but pictures have 1 or 3: give arrays, `--x FILE`",
            preprocessing.channels
        )));
    }
    load_pictures(folder, &preprocessing).map_err(Into::into)
}

fn built_in(
    kind: DatasetKind,
    data_dir: Option<&PathBuf>,
    arguments: &NetworkArguments,
    wanted: &Wanted,
) -> Result<TestImages, Failure> {
    if matches!(kind, DatasetKind::Folder | DatasetKind::Arrays | DatasetKind::Text) {
        return Err(Failure::usage(anyhow!(
            "`--dataset {kind}` is for networks of layers: give `--images DIR`, or arrays with `--x FILE` or `--data FILE.npz`"
        )));
    }
    if let Some(flag) = [("resize", arguments.resize.is_some()), ("crop", arguments.crop.is_some())]
        .into_iter()
        .find(|(_, given)| *given)
    {
        return Err(Failure::usage(anyhow!(
            "`--{}` is for `--images`: a data set is resized with `--image HxW`",
            flag.0
        )));
    }
    let search = setup::search_path(kind, data_dir.cloned())?;
    let test = test_images(kind, &search).map_err(|error| match error {
        DataError::NoFolder { .. } => Failure::usage(error),
        other => other.into(),
    })?;
    if let Some(size) = arguments.image {
        return test.resized([size.height, size.width]).map_err(Into::into);
    }
    let own = (test.images.height, test.images.width);
    if let Some(size) = wanted.size.filter(|size| (size.height, size.width) != own) {
        return Err(Failure::usage(anyhow!(
            "the network takes images of {0}x{1}, and those of {kind} are {2}x{3}: add `--image {0}x{1}` to resize them",
            size.height,
            size.width,
            own.0,
            own.1
        )));
    }
    Ok(test)
}

/// The images as numbers in the layout of the network, and how they became so.
fn numbers(
    test: &TestImages,
    (arguments, pixels): (&NetworkArguments, &PixelArguments),
    input: &Input,
    wanted: &Wanted,
) -> Result<(Tensor, String), Failure> {
    let images = &test.images;
    let (n, height, width, channels) = (images.len(), images.height, images.width, images.channels);
    if let Some(expected) = wanted.channels.filter(|&expected| expected != channels) {
        return Err(Failure::usage(anyhow!(
            "the network takes images of {expected} channels, and these have {channels}"
        )));
    }
    let Normalisation { mean, std } = pixels.normalisation(channels)?;
    let integers = !input.element.is_real();
    let tables: Vec<[f32; 256]> = mean
        .iter()
        .zip(&std)
        .map(|(mean, std)| {
            std::array::from_fn(|pixel| {
                let pixel = pixel as f32;
                let scaled = match arguments.scale {
                    Some(scale) => pixel * scale,
                    None if integers => pixel,
                    None => pixel / 255.0,
                };
                (scaled - mean) / std
            })
        })
        .collect();
    let plane = height * width;
    let mut values = Vec::with_capacity(images.pixels.len());
    for image in images.pixels.chunks_exact(plane * channels) {
        match wanted.layout {
            Layout::Nhwc => {
                let table = tables.iter().cycle();
                values.extend(image.iter().zip(table).map(|(&p, table)| table[usize::from(p)]));
            }
            Layout::Nchw => {
                for (channel, table) in tables.iter().enumerate() {
                    let own = image.iter().skip(channel).step_by(channels);
                    values.extend(own.map(|&p| table[usize::from(p)]));
                }
            }
        }
    }
    let shape = match (input.shape.len(), wanted.layout) {
        (2, _) => vec![n, plane * channels],
        (3, _) => vec![n, height, width],
        (_, Layout::Nchw) => vec![n, channels, height, width],
        (_, Layout::Nhwc) => vec![n, height, width, channels],
    };
    let array = Tensor::new(shape, ElementType::Float32, Elements::Float32(Arc::new(values)));
    let array = array.expect("as many numbers as pixels");
    let scale = match arguments.scale {
        Some(scale) => format!("pixel · {scale}"),
        None if integers => "pixel".to_owned(),
        None => "pixel / 255".to_owned(),
    };
    let text = pixels.text(&scale);
    let stated = if arguments.scale.is_some() || pixels.given().next().is_some() {
        ""
    } else {
        " (the network does not say it: --scale, --mean, --std)"
    };
    Ok((array, format!("images of {height}x{width}x{channels}, numbers are {text}{stated}")))
}
