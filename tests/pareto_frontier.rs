//! `hwsim pareto measure`, `complete`, `pick` and `evaluate` on small tables and a tiny grid.

use assert_cmd::Command;
use hwsim::design::peppp::ErrorMatrix;
use predicates::str::contains;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

fn hwsim(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command.arg("pareto").args(arguments.split_whitespace());
    command
}

const TRAINING: &str = "--arch mlp --epochs 1 --learning-rate 0.02 --set batch-size=20 --quiet";
const CONFIGURATIONS: &str = "wl2-fl0,wl16-fl12,1-5-2/1-6-7";

fn measure(out: &Path, more: &str) -> Command {
    let mut command = hwsim(&format!(
        "measure --partitions 2 --partition-classes 2-3 --train-images 100 --test-images 40 {TRAINING} {more}"
    ));
    command.args(["--configurations", CONFIGURATIONS, "--data-dir"]).arg(data());
    command.arg("--out").arg(out);
    command
}

/// A table of rank 2: partition i, configuration j with memory that grows with j.
fn table(folder: &TempDir) -> PathBuf {
    let mut text = "partition,configuration,memory_mb,error\n".to_owned();
    for i in 0..6 {
        for j in 0..8 {
            let (a, b) = (0.1 + 0.05 * f64::from(i), 0.3 - 0.04 * f64::from(i));
            let error = a * (1.0 - 0.1 * f64::from(j)) + b * f64::from(j * 3 % 5) / 5.0;
            text.push_str(&format!("p{i},wl{}-fl4,{},{error}\n", j + 4, 10 + 5 * j + i));
        }
    }
    let path = folder.path().join("errors.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_measurement_goes_on_where_it_was_and_repeats() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("errors.csv");
    measure(&out, "--threads 2").assert().success();
    let whole = std::fs::read_to_string(&out).unwrap();
    let matrix = ErrorMatrix::read(whole.as_bytes(), "errors.csv").unwrap();
    assert_eq!(matrix.partitions, ["p01", "p02"]);
    assert_eq!(matrix.configurations, CONFIGURATIONS.split(',').collect::<Vec<_>>());
    // 100 images of 2 or 3 classes are enough to beat guessing with 16 bits.
    assert!(matrix.error(0, 1).unwrap() < 0.5 && matrix.error(1, 1).unwrap() < 0.5, "{whole}");
    assert!(matrix.memory_mb[(0, 0)] < matrix.memory_mb[(0, 1)]);
    // A log cut in its middle: the same bytes at the end, on another number of threads.
    let log = folder.path().join("errors.csv.log");
    let bytes = std::fs::read(&log).unwrap();
    std::fs::write(&log, &bytes[..bytes.len() - 150]).unwrap();
    std::fs::remove_file(&out).unwrap();
    measure(&out, "--threads 1").assert().success();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), whole);
    // A sample of the same entries needs no training, and leaves the other errors empty.
    measure(&out, "--ratio 0.5").assert().success();
    let sample = ErrorMatrix::read(std::fs::read(&out).unwrap().as_slice(), "sample").unwrap();
    let mut known = 0;
    for row in 0..2 {
        for column in 0..3 {
            if let Some(error) = sample.error(row, column) {
                assert_eq!(Some(error), matrix.error(row, column));
                known += 1;
            }
        }
    }
    assert_eq!(known, 3);
    // A new task with real training, from this matrix.
    let answer = folder.path().join("answer.csv");
    std::fs::write(&out, &whole).unwrap();
    let mut pick = hwsim(&format!(
        "pick --memory 100MB --train --classes Trouser,8 --train-images 60 --test-images 20 --measurements 2 --rank 2 {TRAINING}"
    ));
    pick.arg(&out).arg("--data-dir").arg(data()).arg("--out").arg(&answer);
    pick.assert().success().stdout(contains("recommended: ")).stdout(contains("2 of 3"));
    let answer = std::fs::read_to_string(answer).unwrap();
    assert_eq!(answer.lines().count(), 4, "{answer}");
    let recommended = answer.lines().filter(|line| line.ends_with(",true")).count();
    assert_eq!(recommended, 1, "{answer}");
}

#[test]
fn a_table_of_low_rank_is_completed_and_its_frontier_predicted() {
    let folder = TempDir::new().unwrap();
    let table = table(&folder);
    let completed = folder.path().join("completed.csv");
    let mut command =
        hwsim("complete --sample uniform --ratio 0.85 --lambda 0.0001 --iterations 20000");
    command.arg(&table).arg("--out").arg(&completed).assert().success();
    let text = std::fs::read(&completed).unwrap();
    let found = ErrorMatrix::read(text.as_slice(), "completed").unwrap();
    let truth = ErrorMatrix::read(std::fs::read(&table).unwrap().as_slice(), "x").unwrap();
    for row in 0..6 {
        for column in 0..8 {
            let (a, b) = (found.error(row, column).unwrap(), truth.error(row, column).unwrap());
            assert!((a - b).abs() < 0.02, "{row} {column}: {a} {b}");
        }
    }
    let pick = |more: &str| {
        let mut command = hwsim(&format!("pick --partition p3 --rank 2 --measurements 2 {more}"));
        command.arg(&table).assert()
    };
    // A budget for all of them recommends the one with the lowest error.
    let best =
        (0..8).min_by(|&a, &b| truth.error(3, a).unwrap().total_cmp(&truth.error(3, b).unwrap()));
    let name = &truth.configurations[best.unwrap()];
    pick("--memory 100MB").success().stdout(contains(format!("recommended: {name},")));
    pick("--memory 13MB").success().stdout(contains("recommended: wl4-fl4,"));
    pick("--memory 12MB").failure().code(2).stderr(contains("the smallest takes 13 MB"));
    pick("--memory 100MB --memory-cap 12MB").failure().code(2).stderr(contains("12 MB"));
}

#[test]
fn leaving_partitions_out_gives_a_table() {
    let folder = TempDir::new().unwrap();
    let (table, out) = (table(&folder), folder.path().join("evaluation.csv"));
    let mut command =
        hwsim("evaluate --settings I,II --methods ed-mf,qr-mf --budgets 2,4 --rank 2 --repeats 1");
    command.arg(&table).arg("--out").arg(&out).assert().success().stdout(contains("hyper_diff"));
    let text = std::fs::read_to_string(&out).unwrap();
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 8);
    // Rank 2 and no noise: two measurements tell everything.
    assert!(rows.iter().all(|row| row[7].parse::<f64>().unwrap() < 1e-9), "{text}");
}

#[test]
fn wrong_tables_and_arguments_are_explained() {
    let folder = TempDir::new().unwrap();
    let wrong = |text: &str, arguments: &str, expected: &str| {
        let path = folder.path().join("wrong.csv");
        std::fs::write(&path, text).unwrap();
        hwsim(arguments).arg(&path).assert().failure().code(2).stderr(contains(expected));
    };
    let header = "partition,configuration,memory_mb,error\n";
    wrong("", "complete", "no column `partition`");
    wrong(header, "complete", "no rows");
    wrong(&format!("{header}a,c,1,NaN\n"), "complete", "`NaN` is no error from 0 to 1");
    wrong(&format!("{header}a,c,1,\n"), "complete", "no error is known");
    wrong(&format!("{header}a,c,1,0.5\n"), "complete --sample uniform --ratio 2", "ratio is 2");
    wrong(&format!("{header}a,c,1,0.5\n"), "complete --lambda much", "--lambda is `much`");
    wrong(&format!("{header}a,c,1,0.5\n"), "evaluate", "at least 2 partitions");
    wrong(&format!("{header}a,c,1,0.5\nb,c,1,\n"), "evaluate", "1 of 2 errors are missing");
    wrong(&format!("{header}a,c,1,0.5\n"), "evaluate --settings VII", "unknown setting `VII`");
    wrong(&format!("{header}a,c,1,0.5\n"), "pick --memory 1MB --partition b", "no partition `b`");
    wrong(&format!("{header}a,c,1,0.5\n"), "pick --memory 1MB", "--partition");
    wrong(
        &format!("{header}a,c,1,0.5\nb,c,1,0.5\n"),
        "pick --memory 1MB --partition a --epochs 2",
        "no meaning with --partition",
    );
    wrong(&format!("{header}a,c,1,0.5\n"), "pick --memory much --partition a", "kB, MB or GB");
    let out = folder.path().join("out.csv");
    for (more, expected) in [
        ("--partitions none", "--partitions is `none`"),
        ("--partitions 0", "no partitions"),
        ("--partition-classes 1-3", "1 to 3 classes"),
        ("--partitions superclasses", "no class `beaver`"),
        ("--set wl=4", "`wl` cannot be set"),
        ("--memory-cap 1kB", "no configuration takes at most"),
    ] {
        let mut command = hwsim(&format!("measure --configurations wl8-fl4 --arch mlp {more}"));
        command.arg("--data-dir").arg(data()).arg("--out").arg(&out);
        command.assert().failure().code(2).stderr(contains(expected));
    }
    let mut command = hwsim("measure --configurations wl8,wl8-fl4");
    command.arg("--out").arg(&out).assert().failure().code(2).stderr(contains("wl8-fl4/wl16-fl12"));
}
