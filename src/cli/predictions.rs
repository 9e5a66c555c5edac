//! `hwsim eval --predictions`: the predicted class of each sample, as CSV.

use super::errors::Failure;
use super::output::Pending;
use crate::data::SampleSet;
use anyhow::anyhow;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Refuses `--prediction-scores` without a file to write them to.
pub(super) fn scores_have_a_file(scores: bool, file: &Option<PathBuf>) -> Result<(), Failure> {
    if !scores || file.is_some() {
        return Ok(());
    }
    Err(Failure::usage(anyhow!(
        "`--prediction-scores` has no effect without a file: add `--predictions FILE`"
    )))
}

/// A file of predictions, written batch by batch.
pub(super) struct Predictions {
    file: Pending,
    /// Targets of a sequence; `None` for images, which have one.
    targets_each: Option<usize>,
    classes: usize,
    scores: bool,
    /// Rows so far.
    rows: usize,
}

impl Predictions {
    /// Begins the file `path` for the samples of `test` in `classes` classes, with the scores of all classes if asked.
    pub(super) fn begin(
        path: &Path,
        test: &SampleSet,
        classes: usize,
        scores: bool,
    ) -> anyhow::Result<Self> {
        let mut file = Pending::begin(path)?;
        let sequences = test.sequences().is_some();
        let mut header = String::from("index");
        header.push_str(if sequences { ",position,label,prediction" } else { ",label,prediction" });
        if scores {
            (0..classes).for_each(|class| header.push_str(&format!(",score_{class}")));
        }
        writeln!(file, "{header}")?;
        let targets_each = sequences.then(|| test.targets_each());
        Ok(Self { file, targets_each, classes, scores, rows: 0 })
    }

    /// Adds the rows of a batch: `logits`, `[labels.len(), classes]`.
    pub(super) fn add(&mut self, labels: &[u16], logits: &[f32]) -> anyhow::Result<()> {
        for (label, logits) in labels.iter().zip(logits.chunks_exact(self.classes)) {
            match self.targets_each {
                None => write!(self.file, "{}", self.rows)?,
                Some(each) => write!(self.file, "{},{}", self.rows / each, self.rows % each)?,
            }
            write!(self.file, ",{label},{}", largest(logits))?;
            if self.scores {
                for score in logits {
                    write!(self.file, ",{score}")?;
                }
            }
            writeln!(self.file)?;
            self.rows += 1;
        }
        Ok(())
    }

    /// Puts the file in its place.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.file.finish()
    }
}

/// The class of the largest logit, the first one of equals: what top-1 counts by.
fn largest(logits: &[f32]) -> usize {
    let better = |best: usize, class| if logits[class] > logits[best] { class } else { best };
    (1..logits.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_scores_is_the_prediction() {
        assert_eq!(largest(&[1.0, 3.0, 3.0, -2.0]), 1);
        assert_eq!(largest(&[0.5]), 0);
        assert_eq!(largest(&[-2.0, -1.0]), 1);
    }
}
