//! Set-up that commands share: threads, SIMD level, data and machine.

use super::errors::Failure;
use crate::data::{self, DEFAULT_SIZE, DataError, Dataset, DatasetKind, SearchPath, TextOptions};
use anyhow::{Context, anyhow};
use hwmodel::SimdLevel;
use hwmodel::energy::{EnergyTable, EnergyTables};
use hwmodel::machine::Machine;
use std::path::{Path, PathBuf};

/// The environment variable that forces a SIMD level.
const SIMD_VARIABLE: &str = "HWSIM_SIMD";
/// The environment variable that names a folder of data sets.
const DATA_VARIABLE: &str = "HWSIM_DATA";

/// Makes the thread pool.
pub(super) fn threads(threads: Option<usize>) -> Result<(), Failure> {
    const MOST: usize = 1024;
    if let Some(threads) = threads.filter(|threads| !(1..=MOST).contains(threads)) {
        return Err(Failure::usage(anyhow!(
            "`--threads` is {threads}: use 1 to {MOST}, or leave it out for one a processor"
        )));
    }
    // The calling thread joins the pool, so that serial work need not wake another thread.
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).use_current_thread();
    pool.build_global().context("cannot start threads")?;
    Ok(())
}

/// The SIMD level of `HWSIM_SIMD`, or the best.
pub(super) fn simd() -> Result<SimdLevel, Failure> {
    Ok(forced_simd()?.unwrap_or_else(SimdLevel::best))
}

/// The SIMD level of `HWSIM_SIMD` alone, or every one that this CPU has.
pub(super) fn simd_levels() -> Result<Vec<SimdLevel>, Failure> {
    Ok(forced_simd()?.map_or_else(SimdLevel::available, |level| vec![level]))
}

fn forced_simd() -> Result<Option<SimdLevel>, Failure> {
    match std::env::var(SIMD_VARIABLE) {
        Err(_) => Ok(None),
        Ok(name) if name.is_empty() => Ok(None),
        Ok(name) => SimdLevel::named(&name)
            .map(Some)
            .with_context(|| format!("environment variable {SIMD_VARIABLE}"))
            .map_err(Failure::Usage),
    }
}

/// The name of the processor, where the system says it as Linux does.
pub(super) fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, name) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.trim().to_owned())
}

/// Loads a data set for a network that takes samples of shape `input`, `[h, w, c]`, or images of the default size, from where the user said, `HWSIM_DATA`, the system, or the program itself.
///
/// # Errors
/// A usage error if `HWSIM_DATA` is no folder, if a data set that is not embedded is given no place, or one that is
/// embedded is given one.
pub(super) fn dataset(
    kind: DatasetKind,
    text: &TextOptions,
    data_dir: Option<PathBuf>,
    input: Option<[usize; 3]>,
    (train, test): (Option<usize>, Option<usize>),
) -> Result<Dataset, Failure> {
    let search = search_path(kind, data_dir)?;
    let dataset = match kind {
        DatasetKind::Text => data::load_text(&search, text),
        DatasetKind::Arrays => data::load_arrays(&search, input),
        _ => data::load_sized(kind, &search, input.map_or(DEFAULT_SIZE, |[h, w, _]| [h, w])),
    };
    let dataset = dataset.map_err(|error| match error {
        DataError::NoFolder { .. } => Failure::usage(error),
        other => other.into(),
    })?;
    Ok(dataset.limit(train, test)?)
}

/// Where a data set is looked for: where the user said, `HWSIM_DATA`, the system, or the program itself.
///
/// # Errors
/// A usage error if `HWSIM_DATA` is no folder, or a data set that is embedded is given a place.
pub(super) fn search_path(
    kind: DatasetKind,
    data_dir: Option<PathBuf>,
) -> Result<SearchPath, Failure> {
    if let (DatasetKind::FashionMnistSlice, Some(folder)) = (kind, &data_dir) {
        return Err(Failure::usage(anyhow!(
            "`--data-dir {}` has no effect on data set {kind}, which is part of the program: leave it out, or use \
             `--dataset fashion-mnist`",
            folder.display()
        )));
    }
    let environment_dir = environment_dir(data_dir.is_some())?;
    Ok(SearchPath { data_dir, environment_dir, system: true })
}

/// The folder of `HWSIM_DATA`, which counts unless the data has a folder in the command.
fn environment_dir(overridden: bool) -> Result<Option<PathBuf>, Failure> {
    let folder = std::env::var_os(DATA_VARIABLE).filter(|folder| !folder.is_empty() && !overridden);
    let Some(folder) = folder.map(PathBuf::from) else { return Ok(None) };
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    Err(Failure::usage(anyhow!(
        "the environment variable {DATA_VARIABLE} is `{}`, which is {}: set it to a folder of data sets, or unset it",
        folder.display(),
        if folder.exists() { "not a folder" } else { "not there" }
    )))
}

/// A shipped machine by name, or one described in a TOML file. An energy table in such a file that ends in
/// .csv is a file too, in the folder of the description.
pub(super) fn machine(name: &str) -> Result<Machine, Failure> {
    let Description { text, tables, .. } = description(name)?;
    Machine::from_toml(&text, name, &tables).map_err(Failure::usage)
}

/// A machine's description and energy tables.
pub(super) struct Description {
    /// TOML text.
    pub(super) text: String,
    /// Energy tables that it may name.
    pub(super) tables: EnergyTables,
    /// CSV text of its user-defined energy table.
    pub(super) own_table: Option<String>,
}

/// The description of a shipped machine by name, or of one in a TOML file.
pub(super) fn description(name: &str) -> Result<Description, Failure> {
    let mut tables = EnergyTables::builtin()?;
    if Machine::names().any(|known| known == name) {
        let text = Machine::builtin_toml(name)?.to_owned();
        return Ok(Description { text, tables, own_table: None });
    }
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        let known: Vec<_> = Machine::names().collect();
        return Err(Failure::usage(anyhow!(
            "unknown machine `{name}`: use one of {}, or a file ending in .toml",
            known.join(", ")
        )));
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read machine `{name}`"))
        .map_err(Failure::Usage)?;
    let mut own_table = None;
    if let Some(table) = Machine::energy_table_in(&text).filter(|table| table.ends_with(".csv")) {
        let file = path.with_file_name(&table);
        let rows = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read energy table `{}`", file.display()))
            .map_err(Failure::Usage)?;
        tables.insert(EnergyTable::from_csv(&rows, &table).map_err(Failure::usage)?);
        own_table = Some(rows);
    }
    Ok(Description { text, tables, own_table })
}
