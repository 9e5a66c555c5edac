//! Traces as one page of HTML: the papers' figures and tables of a run, what the machine spent, and where it all comes from.
//!
//! [`Run::read`] takes a trace row by row into sums and [`Series`], so that its length does not matter; the other modules make
//! [`Section`]s of figures and tables out of runs; [`Report::render`] makes the page. docs/report.md describes the page.

mod arithmetic;
mod block;
mod costs;
mod designs;
mod error;
mod layer;
mod learning;
mod overflow;
mod overlay;
mod overview;
mod page;
mod panels;
mod precision;
mod provenance;
mod published;
mod relative;
mod results;
mod run;
mod series;
mod settings;
mod spending;
mod summary;
mod totals;

pub use arithmetic::Arithmetic;
pub use block::{Block, Figure, Row, Section, Table};
pub use costs::Costs;
pub use designs::Designs;
pub use error::ReportError;
pub use layer::LayerRun;
pub use published::{Published, PublishedMethod, published};
pub use run::Run;
pub use series::Series;
pub use settings::{SETTINGS, Setting, Settings, differ, of_summary, of_trace, other_options};
pub use summary::RunSummary;
pub use totals::{COMPONENTS, CYCLES, PASSES, ROLES, Totals};

/// Everything on a page.
#[derive(Debug, Clone)]
pub struct Report {
    title: String,
    runs: Vec<Run>,
    designs: Vec<Designs>,
}

impl Report {
    /// A report on `runs`, with `summaries` of some of them and tables of designs. A summary belongs to the run of the same name;
    /// if there is none for one of them, they belong to the runs in their order. Runs of one name are numbered.
    ///
    /// # Errors
    /// If a summary belongs to no run, or to another.
    pub fn new(
        title: Option<String>,
        mut runs: Vec<Run>,
        summaries: Vec<RunSummary>,
        designs: Vec<Designs>,
    ) -> Result<Self, ReportError> {
        for (summary, index) in pair(&runs, summaries)? {
            summary.check(&runs[index])?;
            runs[index].summary = Some(summary);
        }
        number_equal_names(&mut runs);
        let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        let title = title.unwrap_or_else(|| names.join(", "));
        Ok(Self { title, runs, designs })
    }

    /// The runs.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Contents of the page.
    pub fn sections(&self) -> Vec<Section> {
        let runs = &self.runs;
        vec![
            overview::section(runs),
            results::section(runs),
            learning::section(runs),
            precision::section(runs),
            relative::sparsity(runs),
            relative::costs(runs),
            overflow::section(runs),
            spending::section(runs),
            designs::section(runs, &self.designs),
            provenance::section(runs),
        ]
    }

    /// The page: equal inputs give equal bytes.
    pub fn render(&self) -> String {
        page::render(&self.title, &self.runs, &self.sections())
    }
}

/// The run of each summary.
fn pair(runs: &[Run], summaries: Vec<RunSummary>) -> Result<Vec<(RunSummary, usize)>, ReportError> {
    let by_name = |summary: &RunSummary| {
        let path = std::path::Path::new(&summary.file);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut found = runs.iter().enumerate().filter(|(_, run)| run.name == stem);
        found.next().map(|(index, _)| index).filter(|_| found.next().is_none())
    };
    let found: Option<Vec<usize>> = summaries.iter().map(by_name).collect();
    let indices = match found {
        Some(found) if (1..found.len()).all(|i| !found[..i].contains(&found[i])) => found,
        _ if summaries.len() == runs.len() => (0..runs.len()).collect(),
        _ => {
            let (file, given) = (summaries[0].file.clone(), summaries.len());
            let reason = format!(
                "{given} summaries for {} traces: give them the names of their traces, or one for each trace in the same order",
                runs.len()
            );
            return Err(ReportError::Summary { file, reason });
        }
    };
    Ok(summaries.into_iter().zip(indices).collect())
}

fn number_equal_names(runs: &mut [Run]) {
    let mut used = std::collections::HashSet::new();
    for run in runs {
        let name = run.name.clone();
        let mut number = 1;
        while !used.insert(run.name.clone()) {
            number += 1;
            run.name = format!("{name} ({number})");
        }
    }
}

#[cfg(test)]
mod tests;
