//! `hwsim train --controllers`: several runs, their files, and resuming after a stop.

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

const RUNS: [&str; 3] = ["static", "shen", "float32"];

/// Two epochs of five steps of the perceptron for each of three controllers.
fn several(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder);
    command.args(["train", "--arch", "mlp", "--limit-train", "160", "--limit-test", "50"]);
    command.args(["--batch-size", "32", "--epochs", "2", "--seed", "3"]);
    command.args(["--controllers", &RUNS.join(","), "--factor", "F", "--wl", "10"]);
    command.args(["--trace", "trace.csv", "--summary", "out.json", "--checkpoint", "checkpoints"]);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    command.arg("--data-dir").arg(data).args(more);
    command
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_run_has_its_files_and_the_table_is_that_of_compare() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let table = stdout(&mut several(path, &["--quiet", "--save-model", "net.safetensors"]));
    for name in RUNS {
        for file in [
            format!("trace.{name}.csv"),
            format!("net.{name}.safetensors"),
            format!("checkpoints/{name}/checkpoint.safetensors"),
        ] {
            assert!(path.join(&file).exists(), "{file}");
        }
    }
    let summaries = RUNS.map(|name| format!("out.{name}.json"));
    let mut compare = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    let compared = stdout(compare.current_dir(path).arg("compare").args(&summaries));
    // The names of runs are those of the files there, and those of the controllers here.
    let body = |table: &str| -> Vec<String> {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        table.lines().skip(1).map(words).collect()
    };
    assert_eq!(body(&table), body(&compared));
    let heads: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, RUNS);

    // A single run with the settings that belong to it is the same run.
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let mut one = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    one.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(path);
    one.args(["train", "--arch", "mlp", "--limit-train", "160", "--limit-test", "50", "--quiet"]);
    one.args(["--batch-size", "32", "--epochs", "2", "--seed", "3", "--controller", "shen"]);
    one.args(["--factor", "F", "--trace", "one.csv", "--data-dir"]).arg(data).assert().success();
    assert!(read(path, "one.csv") == read(path, "trace.shen.csv"));
}

#[test]
fn finished_runs_are_not_repeated_and_others_go_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let table = stdout(&mut several(path, &["--quiet"]));
    let traces = RUNS.map(|name| read(path, &format!("trace.{name}.csv")));

    // As if the process had ended in the second run, before its summary was written.
    std::fs::remove_file(path.join("out.shen.json")).unwrap();
    for gone in ["out.float32.json", "trace.float32.csv"] {
        std::fs::remove_file(path.join(gone)).unwrap();
    }
    std::fs::remove_dir_all(path.join("checkpoints/float32")).unwrap();
    let mut again = several(path, &["--resume", "checkpoints"]);
    let done = again.assert().success();
    let notes = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(notes.contains("static: finished before"), "{notes}");
    assert!(!notes.contains("shen: finished before") && !notes.contains("float32: fin"), "{notes}");
    assert_eq!(String::from_utf8(done.get_output().stdout.clone()).unwrap(), table);
    for (name, trace) in RUNS.iter().zip(&traces) {
        assert!(read(path, &format!("trace.{name}.csv")) == *trace, "{name}");
    }

    // Other options are another run: its checkpoint is not continued.
    let other =
        several(path, &["--quiet", "--resume", "checkpoints", "--l2", "0.5"]).output().unwrap();
    let text = String::from_utf8(other.stderr).unwrap();
    assert_eq!(other.status.code(), Some(1), "{text}");
    insta::assert_snapshot!(text.trim_end(), @"hwsim: the run of static: the checkpoint cannot be continued: it belongs to a run with other options");
}
