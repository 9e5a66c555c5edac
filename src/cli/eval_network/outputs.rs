//! Files of predictions and of confusions.

use crate::cli::output::Pending;
use crate::inference::Scores;
use crate::tensor::Tensor;
use anyhow::{Result, bail};
use std::io::Write as _;
use std::path::Path;

/// Writes the class that the network gives for each input as CSV: index, label if known, prediction, the scores if asked.
pub(super) fn predictions(
    path: &Path,
    outputs: &[(String, Tensor)],
    scores: Option<&Scores>,
    with_scores: bool,
) -> Result<()> {
    let of = |name: &str| outputs.iter().find(|(known, _)| known == name);
    let scored = match scores {
        Some(scores) => of(&scores.output),
        None => outputs.iter().find(|(_, tensor)| tensor.shape().len() == 2),
    };
    let found: Vec<(Option<usize>, usize)> = match (scores, scored) {
        (Some(scores), _) if !scores.predictions.is_empty() => {
            scores.predictions.iter().map(|&(right, found)| (Some(right), found)).collect()
        }
        (None, Some((_, tensor))) => {
            let classes = tensor.shape()[1].max(1);
            let wide = tensor.wide();
            let largest = |row: &[f64]| {
                (1..classes)
                    .fold(0, |best, class| if row[class] > row[best] { class } else { best })
            };
            wide.chunks(classes).map(|row| (None, largest(row))).collect()
        }
        _ => bail!(
            "the network gives no classes: `--predictions` needs an output with a score for each class"
        ),
    };
    let mut file = Pending::begin(path)?;
    let columns = scored.filter(|(_, tensor)| with_scores && tensor.shape().len() == 2);
    let wide = columns.map(|(_, tensor)| (tensor.shape()[1], tensor.wide()));
    let label = if scores.is_some() { ",label" } else { "" };
    write!(file, "index{label},prediction")?;
    if let Some((classes, _)) = &wide {
        for class in 0..*classes {
            write!(file, ",score_{class}")?;
        }
    }
    writeln!(file)?;
    for (index, (right, class)) in found.into_iter().enumerate() {
        write!(file, "{index}")?;
        if let Some(right) = right {
            write!(file, ",{right}")?;
        }
        write!(file, ",{class}")?;
        if let Some((classes, values)) = &wide {
            for score in values.iter().skip(index * classes).take(*classes) {
                write!(file, ",{}", hwmodel::cast::nearest_f32(*score))?;
            }
        }
        writeln!(file)?;
    }
    file.finish()
}

/// Writes the rows of each true class by the class that the network gives.
pub(super) fn confusion(path: &Path, scores: Option<&Scores>, classes: &[String]) -> Result<()> {
    let Some(scores) = scores.filter(|scores| !scores.confusion.is_empty()) else {
        bail!("there are no classes to compare: `--confusion` needs classes in --y or --data");
    };
    let name = |class: usize| classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    let mut writer = csv::Writer::from_writer(Pending::begin(path)?);
    let count = scores.confusion.len();
    let header = std::iter::once("class".to_owned()).chain((0..count).map(name));
    writer.write_record(header)?;
    for (class, row) in scores.confusion.iter().enumerate() {
        writer.write_record(std::iter::once(name(class)).chain(row.iter().map(u64::to_string)))?;
    }
    writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?.finish()
}
