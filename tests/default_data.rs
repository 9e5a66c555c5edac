//! Equal settings give equal data on every machine, independent of the data sets installed there.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder of data sets as `HWSIM_DATA` names it: Fashion-MNIST as black images, and a text.
fn installed() -> TempDir {
    let folder = TempDir::new().unwrap();
    let fashion = folder.path().join("fashion-mnist");
    fs::create_dir(&fashion).unwrap();
    for (name, count) in [("train", 30_u32), ("t10k", 20)] {
        let mut images: Vec<u8> =
            [2051, count, 28, 28].iter().flat_map(|n: &u32| n.to_be_bytes()).collect();
        images.resize(images.len() + count as usize * 28 * 28, 0);
        fs::write(fashion.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
        let mut labels: Vec<u8> =
            [2049, count].iter().flat_map(|n: &u32| n.to_be_bytes()).collect();
        labels.extend((0..count).map(|index| (index % 10) as u8));
        fs::write(fashion.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
    }
    fs::create_dir(folder.path().join("text")).unwrap();
    fs::write(folder.path().join("text/a.txt"), "to be or not to be ".repeat(400)).unwrap();
    folder
}

fn hwsim(folder: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command.args(line.split(' '));
    command
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// The one line of a refused command.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

/// Trains for two steps; name and origin of the data, and the trace.
fn train(folder: &TempDir, environment: Option<&Path>, more: &str) -> (String, String) {
    let mut command =
        hwsim(folder, "train --limit-train 20 --limit-test 10 --batch-size 10 --max-steps 2");
    command.args(["--quiet", "--trace", "t.csv", "--summary", "s.json", "--save-model", "model"]);
    command.args(more.split_whitespace());
    if let Some(environment) = environment {
        command.env("HWSIM_DATA", environment);
    }
    command.assert().success();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let summary: Value = serde_json::from_str(&read("s.json")).unwrap();
    let data = format!("{} {}", summary["dataset"], summary["data_origin"]).replace('"', "");
    (data, read("t.csv"))
}

#[test]
fn what_is_installed_does_not_change_the_default() {
    let (folder, installed) = (TempDir::new().unwrap(), installed());
    let plain = train(&folder, None, "--arch mlp");
    assert_eq!(plain.0, "fashion-mnist-slice embedded");
    for more in ["--arch mlp", "--arch mlp --dataset embedded"] {
        assert_eq!(train(&folder, Some(installed.path()), more), plain, "{more}");
    }
    let text = train(&folder, None, "--dataset text --sequence-length 8");
    assert_eq!(text.0, "text embedded");
    assert_eq!(train(&folder, Some(installed.path()), "--dataset text --sequence-length 8"), text);

    // The data set that is named is not the slice, nor is that of a folder.
    let place = installed.path().join("fashion-mnist");
    let named = train(&folder, Some(installed.path()), "--arch mlp --dataset fashion-mnist");
    assert_eq!(named.0, format!("fashion-mnist {}", place.display()));
    assert_ne!(named.1, plain.1);
    let given = format!("--arch mlp --data-dir {}", place.display());
    assert_eq!(train(&folder, None, &given), named);
}

#[test]
fn a_model_is_evaluated_on_the_data_it_was_trained_on() {
    let (folder, installed) = (TempDir::new().unwrap(), installed());
    train(&folder, None, "--arch mlp");
    let data = |more: &str| {
        let line = format!("eval model --limit-test 10 --format json{more}");
        let result = stdout(hwsim(&folder, &line).env("HWSIM_DATA", installed.path()));
        let result: Value = serde_json::from_str(&result).unwrap();
        format!("{} {}", result["dataset"], result["data_origin"]).replace('"', "")
    };
    let full = format!("fashion-mnist {}", installed.path().join("fashion-mnist").display());
    assert_eq!(data(""), "fashion-mnist-slice embedded");
    assert_eq!(data(" --dataset fashion-mnist"), full);
    assert_eq!(data(&format!(" --data-dir {}", installed.path().display())), full);
    let gap = stdout(hwsim(&folder, "gap model --images 2").env("HWSIM_DATA", installed.path()));
    assert!(gap.contains("fashion-mnist-slice (embedded)"), "{gap}");
}

/// Checkpoints of the time when `fashion-mnist` meant the slice where no files were found.
#[test]
fn an_earlier_checkpoint_goes_on_with_the_slice() {
    let folder = TempDir::new().unwrap();
    let slice = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let given = format!("--arch mlp --data-dir {} --checkpoint ck", slice.display());
    let (_, whole) = train(&folder, None, &given);
    hwsim(&folder, "train --resume ck --trace t.csv --quiet").assert().success();
    let read = fs::read_to_string(folder.path().join("t.csv")).unwrap();
    assert_eq!(read, whole);
}

#[test]
fn a_folder_of_data_sets_that_is_not_there_is_an_error() {
    let folder = TempDir::new().unwrap();
    train(&folder, None, "--arch mlp");
    fs::write(folder.path().join("file"), "x").unwrap();
    let commands = [
        "train --max-steps 1",
        "train --dataset text --max-steps 1",
        "train --dataset fashion-mnist --max-steps 1",
        "eval model",
        "gap model",
        "golden export model --layer 0 --output out",
        "sweep --train --arch mlp --output sweep.csv",
        "pareto measure --partitions 1 --configurations wl8-fl4 --output out.csv",
    ];
    for line in commands {
        let said = refused(hwsim(&folder, line).env("HWSIM_DATA", "/nonexistent"));
        // A sweep says at which point.
        assert!(
            said.ends_with("the environment variable HWSIM_DATA is `/nonexistent`, which is not there: set it to a folder of data sets, or unset it"),
            "{line}: {said}"
        );
    }
    let said = refused(hwsim(&folder, commands[0]).env("HWSIM_DATA", "file"));
    assert!(said.contains("HWSIM_DATA is `file`, which is not a folder"), "{said}");
    // Unset, and overridden.
    let short = "eval model --limit-test 10";
    hwsim(&folder, short).env("HWSIM_DATA", "").assert().success();
    let slice = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let mut given = hwsim(&folder, short);
    given.env("HWSIM_DATA", "/nonexistent").arg("--data-dir").arg(slice).assert().success();
}

#[test]
fn what_is_embedded_has_no_folder() {
    let folder = TempDir::new().unwrap();
    train(&folder, None, "--arch mlp");
    let said = refused(&mut hwsim(&folder, "train --dataset embedded --data-dir ."));
    assert!(said.contains("`--data-dir` needs another data set"), "{said}");
    let said =
        refused(&mut hwsim(&folder, "eval model --dataset fashion-mnist-slice --data-dir ."));
    assert!(said.contains("use `--dataset fashion-mnist`"), "{said}");
}
