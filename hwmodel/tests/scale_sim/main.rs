//! Runs of SCALE-Sim 3.0.0 itself, simulated again: every number and every byte of its three reports.

use hwmodel::scale_sim::{Config, Reports, Topology, simulate};
use std::fs;
use std::path::{Path, PathBuf};

/// Numbers of a report: the lines after the header, without the empty last column.
fn numbers(report: &str) -> Vec<Vec<&str>> {
    report.lines().skip(1).map(|line| line.trim_end_matches(',').split(", ").collect()).collect()
}

/// Whether two fields are the same number: integers exactly, ratios within 10^-9.
fn equal(ours: &str, theirs: &str) -> bool {
    if ours == theirs {
        return true;
    }
    match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(a), Ok(b)) => {
            let whole = a.fract() == 0.0 && b.fract() == 0.0;
            !whole && (a - b).abs() <= 1e-9 * b.abs()
        }
        _ => false,
    }
}

/// Columns of all layers of one run that agree; panics at the first one that does not.
fn check(run: &Path) -> usize {
    let read = |file: &str| fs::read_to_string(run.join(file)).unwrap();
    let (config, warnings) = Config::parse("config.cfg", &read("config.cfg")).unwrap();
    assert_eq!(warnings, [], "{}", run.display());
    let (topology, warnings) = Topology::parse("topology.csv", &read("topology.csv")).unwrap();
    assert_eq!(warnings, [], "{}", run.display());
    let reports = Reports::new(&simulate(&config, &topology).unwrap());
    let mut columns = 0;
    for (name, ours) in reports.files() {
        let theirs = read(name);
        assert_eq!(ours.lines().next(), theirs.lines().next(), "header of {}", run.display());
        let (ours_numbers, theirs_numbers) = (numbers(ours), numbers(&theirs));
        assert_eq!(ours_numbers.len(), theirs_numbers.len(), "layers of {}", run.display());
        for (ours, theirs) in ours_numbers.iter().zip(&theirs_numbers) {
            assert_eq!(ours.len(), theirs.len());
            for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
                assert!(
                    equal(a, b),
                    "{}, {name}, layer {}, column {}: {a}, SCALE-Sim {b}",
                    run.display(),
                    theirs[0],
                    index + 1
                );
                columns += 1;
            }
        }
        assert_eq!(ours, theirs, "text of {name} of {}", run.display());
    }
    columns
}

/// All runs below `folder`.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut runs: Vec<PathBuf> =
        entries.filter(|path| path.join("COMPUTE_REPORT.csv").is_file()).collect();
    runs.sort();
    runs
}

#[test]
fn shipped_runs_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/scale-sim");
    let runs = runs(&folder);
    assert!(runs.len() >= 20, "{} runs in {}", runs.len(), folder.display());
    for run in runs {
        assert!(check(&run) > 0);
    }
}

/// The whole reference: `HWSIM_SCALE_SIM_RUNS`, or `../shared/reference/scale-sim/runs` next to the repository.
#[test]
#[allow(clippy::print_stderr, reason = "the log of a test")]
fn reference_runs_agree() {
    let shared =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/scale-sim/runs");
    let folder = std::env::var_os("HWSIM_SCALE_SIM_RUNS").map_or(shared, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipping: no folder {}", folder.display());
        return;
    }
    let runs = runs(&folder);
    assert!(!runs.is_empty(), "no run in {}", folder.display());
    let columns: usize = runs.iter().map(|run| check(run)).sum();
    eprintln!("{} runs agree in {columns} numbers", runs.len());
}
