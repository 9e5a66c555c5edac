//! Counts comparisons and mismatches.

use super::{BlockFile, GoldenError, Line};
use hwmodel::SimdLevel;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Display;

/// The outcome of checking a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Cases (block files) of the file.
    pub cases: u64,
    /// Lines with expected values, by kind.
    pub rows: BTreeMap<String, u64>,
    /// Single values compared.
    pub values: u64,
    /// Values that differ.
    pub mismatches: u64,
    /// The first of them: line, quantity, expected and found.
    pub first_mismatch: Option<String>,
}

impl Report {
    /// Cases of a block file, rows of a table.
    pub fn cases_or_rows(&self) -> u64 {
        if self.cases > 0 { self.cases } else { self.rows.values().sum() }
    }

    /// True if values were compared and none differs.
    pub fn passed(&self) -> bool {
        self.values > 0 && self.mismatches == 0
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, cases, values, mismatches, .. } = self;
        write!(f, "{file}: {cases} cases, {values} values, {mismatches} mismatches")?;
        match &self.first_mismatch {
            Some(first) => write!(f, "; first: {first}"),
            None => Ok(()),
        }
    }
}

/// Compares values and collects a [`Report`].
#[derive(Debug)]
pub struct Checker {
    report: Report,
    levels: Vec<SimdLevel>,
}

impl Checker {
    /// A checker of the file called `file` at every SIMD level of this CPU.
    pub fn new(file: &str) -> Self {
        Self::at_levels(file, &SimdLevel::available())
    }

    /// A checker of the file called `file` at these SIMD levels.
    pub fn at_levels(file: &str, levels: &[SimdLevel]) -> Self {
        Self {
            levels: levels.to_vec(),
            report: Report {
                file: file.to_owned(),
                cases: 0,
                rows: BTreeMap::new(),
                values: 0,
                mismatches: 0,
                first_mismatch: None,
            },
        }
    }

    /// The SIMD levels at which values are to be recomputed.
    pub fn levels(&self) -> Vec<SimdLevel> {
        self.levels.clone()
    }

    /// Counts a case.
    pub fn case(&mut self) {
        self.report.cases += 1;
    }

    /// Counts a line with expected values under its own name.
    pub fn row(&mut self, line: &Line<'_>) {
        self.row_of(line.tag());
    }

    /// Counts a line with expected values under `kind`.
    pub fn row_of(&mut self, kind: &str) {
        *self.report.rows.entry(kind.to_owned()).or_default() += 1;
    }

    /// Compares for equality.
    pub fn equal<T: PartialEq + Display>(
        &mut self,
        line: &Line<'_>,
        what: impl Display,
        expected: T,
        found: T,
    ) {
        let same = expected == found;
        self.record(same, line, what, expected, found);
    }

    /// Compares floats: |found - expected| ≤ relative·|expected| + absolute. Infinities must be equal,
    /// NaN equals only NaN.
    pub fn close(
        &mut self,
        line: &Line<'_>,
        what: impl Display,
        (expected, found): (f64, f64),
        relative: f64,
        absolute: f64,
    ) {
        #[expect(clippy::float_cmp, reason = "equal infinities")]
        let same = expected == found
            || (expected.is_nan() && found.is_nan())
            || (expected.is_finite()
                && (found - expected).abs() <= relative * expected.abs() + absolute);
        self.record(same, line, what, expected, found);
    }

    fn record(
        &mut self,
        same: bool,
        line: &Line<'_>,
        what: impl Display,
        expected: impl Display,
        found: impl Display,
    ) {
        self.report.values += 1;
        if !same {
            self.mismatch(|| {
                format!("line {}: {what}: expected {expected}, found {found}", line.number())
            });
        }
    }

    fn mismatch(&mut self, text: impl FnOnce() -> String) {
        self.report.mismatches += 1;
        self.report.first_mismatch.get_or_insert_with(text);
    }

    /// Compares a count with the one that the header announces under `key`, if it does.
    pub fn announced(&mut self, file: &BlockFile, key: &str, found: u64) {
        if let Some(expected) = file.count(key).filter(|expected| *expected != found) {
            self.mismatch(|| format!("header: {key} is {expected}, the file has {found}"));
        }
    }

    /// The report. A count that the header announces (`n_cases`, and `n_<kind>` for each kind of
    /// line) and the file does not have is a mismatch, so that a cut-off file does not pass.
    ///
    /// # Errors
    /// If nothing was compared.
    pub fn finish(mut self, file: &BlockFile, kinds: &[&str]) -> Result<Report, GoldenError> {
        self.announced(file, "n_cases", self.report.cases);
        for kind in kinds {
            let rows = self.report.rows.get(*kind).copied().unwrap_or(0);
            self.announced(file, &format!("n_{kind}"), rows);
        }
        if self.report.values == 0 {
            let reason = "the file has no values to check".into();
            return Err(GoldenError::Line { file: file.name().to_owned(), line: 1, reason });
        }
        Ok(self.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mismatch_is_kept_and_all_are_counted() {
        let file = BlockFile::from_text("f.csv", "#{\"n_x\": 2}\n".into()).unwrap();
        let line = Line::new("f.csv", 5, "x,1");
        let mut checker = Checker::new("f.csv");
        checker.row(&line);
        checker.equal(&line, "n", 1, 1);
        checker.close(&line, "y", (2.0, 2.0 + 1e-12), 1e-9, 0.0);
        checker.close(&line, "y", (f64::NAN, f64::NAN), 0.0, 0.0);
        checker.close(&line, "y", (f64::INFINITY, f64::INFINITY), 0.0, 0.0);
        checker.close(&line, "y", (f64::INFINITY, 1.0), 1e-9, 0.0);
        checker.close(&line, "y", (1.0, f64::NAN), 1e-9, 1.0);
        checker.equal(&line, "n", 1, 2);
        let report = checker.finish(&file, &["x"]).unwrap();
        assert_eq!((report.values, report.mismatches), (7, 4));
        let first = report.first_mismatch.as_deref();
        assert_eq!(first, Some("line 5: y: expected inf, found 1"));
        assert!(!report.passed());
    }

    #[test]
    fn an_empty_check_is_an_error() {
        let file = BlockFile::from_text("f.csv", "#{}\n".into()).unwrap();
        assert!(Checker::new("f.csv").finish(&file, &[]).is_err());
    }
}
