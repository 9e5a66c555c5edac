//! The arrays that a network is run on, from wherever the user says.

use super::arguments::{Dimension, NetworkArguments};
use crate::cli::errors::Failure;
use crate::cli::pixels::PixelArguments;
use crate::data::arrays::ArrayFile;
use crate::inference::{Layout, fit};
use crate::onnx::model::{self, Input};
use crate::tensor::Tensor;
use anyhow::anyhow;
use std::path::Path;

/// Inputs, and what is right for them.
pub(super) struct Feed {
    /// An array for each input of the network, in their order.
    pub(super) arrays: Vec<Tensor>,
    /// What is right.
    pub(super) labels: Option<Tensor>,
    /// Whether the user gave them, so that it is an error if they fit no output.
    pub(super) labels_given: bool,
    /// Where they come from, for the result.
    pub(super) source: String,
    /// How pixels became numbers, if there were pixels.
    pub(super) pixels: Option<String>,
    /// Names of the classes, if known.
    pub(super) classes: Vec<String>,
}

/// Names under which Keras and others store inputs with what is right for them; the first pair that is there is taken.
const PAIRS: [(&str, &str); 4] =
    [("x", "y"), ("x_test", "y_test"), ("X_test", "y_test"), ("x_train", "y_train")];

/// Gives open dimensions the sizes that the user states.
pub(in crate::cli) fn resolve(
    inputs: &mut [Input],
    dimensions: &[Dimension],
) -> Result<(), Failure> {
    for Dimension { name, size } in dimensions {
        let mut found = false;
        let open = inputs.iter_mut().flat_map(|input| &mut input.shape);
        for dimension in open {
            if *dimension == model::Dimension::Open(Some(name.clone())) {
                *dimension = model::Dimension::Fixed(*size);
                found = true;
            }
        }
        if !found {
            let names = inputs.iter().flat_map(|input| &input.shape).filter_map(|d| match d {
                model::Dimension::Open(Some(name)) => Some(format!("`{name}`")),
                _ => None,
            });
            let names: Vec<_> = names.collect();
            let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(Failure::usage(anyhow!(
                "`--dim {name}={size}`: no input has an open dimension of that name; there are {has}"
            )));
        }
    }
    Ok(())
}

/// Arrays of `--x`, `--y` and `--data`.
pub(super) fn arrays(
    arguments: &NetworkArguments,
    pixels: &PixelArguments,
    inputs: &[Input],
) -> Result<Option<Feed>, Failure> {
    let layout = arguments.layout.map(Layout::from);
    let (arrays, labels, source) = match (&arguments.x, &arguments.arrays) {
        (Some(x), _) => {
            let found = of_file(x, inputs)?;
            let labels = arguments.y.as_deref().map(single).transpose()?;
            (found, labels, x.display().to_string())
        }
        (None, Some(path)) => {
            let (found, labels) = of_pair(path, inputs)?;
            (found, Some(labels), path.display().to_string())
        }
        (None, None) if arguments.y.is_some() => {
            return Err(Failure::usage(anyhow!("`--y` needs the inputs as well: add `--x FILE`")));
        }
        (None, None) => return Ok(None),
    };
    if let Some(flag) = arguments.of_pixels().chain(pixels.given()).next() {
        return Err(Failure::usage(anyhow!(
            "`--{flag}` has no effect on arrays, which are taken as they are: leave it out"
        )));
    }
    let fitted = inputs.iter().zip(&arrays).map(|(input, array)| fit(input, array, layout));
    let arrays = fitted.collect::<Result<_, _>>().map_err(Failure::usage)?;
    let (labels_given, classes) = (labels.is_some(), Vec::new());
    Ok(Some(Feed { arrays, labels, labels_given, source, pixels: None, classes }))
}

/// The only array of a file.
fn single(path: &Path) -> Result<Tensor, Failure> {
    let mut file = ArrayFile::open(path).map_err(Failure::usage)?;
    let names = file.names();
    match names.as_slice() {
        [name] => file.read(name).map_err(Failure::usage),
        _ if names.iter().any(|name| name == "y") => file.read("y").map_err(Failure::usage),
        _ => Err(Failure::usage(anyhow!(
            "`{}` has {} arrays: one is needed, or one of the name y",
            path.display(),
            names.len()
        ))),
    }
}

/// An array for each input, by its name; a file with one array has that of a network with one input.
fn of_file(path: &Path, inputs: &[Input]) -> Result<Vec<Tensor>, Failure> {
    let mut file = ArrayFile::open(path).map_err(Failure::usage)?;
    let names = file.names();
    if let ([_], [name]) = (inputs, names.as_slice()) {
        return Ok(vec![file.read(name).map_err(Failure::usage)?]);
    }
    if !file.is_archive() {
        let wanted: Vec<_> = inputs.iter().map(|input| format!("`{}`", input.name)).collect();
        return Err(Failure::usage(anyhow!(
            "the network has {} inputs: give a .npz file with the arrays {}",
            inputs.len(),
            wanted.join(", ")
        )));
    }
    let x = |input: &Input| {
        let own = names.contains(&input.name);
        let name = if !own && inputs.len() == 1 { "x" } else { &input.name };
        file.read(name).map_err(Failure::usage)
    };
    inputs.iter().map(x).collect()
}

/// Inputs and what is right out of one archive.
fn of_pair(path: &Path, inputs: &[Input]) -> Result<(Vec<Tensor>, Tensor), Failure> {
    let mut file = ArrayFile::open(path).map_err(Failure::usage)?;
    let names = file.names();
    let has = |name: &str| names.iter().any(|known| known == name);
    // One array for each input by its name, with y.
    let by_name = inputs.iter().all(|input| has(&input.name));
    let y = PAIRS.iter().map(|(_, y)| *y).find(|y| has(y));
    if let (true, Some(y)) = (by_name, y) {
        let arrays = inputs.iter().map(|input| file.read(&input.name));
        let arrays = arrays.collect::<Result<_, _>>().map_err(Failure::usage)?;
        return Ok((arrays, file.read(y).map_err(Failure::usage)?));
    }
    let pair = PAIRS.iter().find(|(x, y)| has(x) && has(y)).filter(|_| inputs.len() == 1);
    let Some((x, y)) = pair else {
        let shown: Vec<_> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
        let wanted: Vec<_> = inputs.iter().map(|input| format!("`{}`", input.name)).collect();
        return Err(Failure::usage(anyhow!(
            "`{}` has {}: needed are x and y, x_test and y_test, x_train and y_train, or {} and y",
            path.display(),
            if shown.is_empty() { "no arrays".to_owned() } else { shown.join(", ") },
            wanted.join(", ")
        )));
    };
    Ok((vec![file.read(x).map_err(Failure::usage)?], file.read(y).map_err(Failure::usage)?))
}
