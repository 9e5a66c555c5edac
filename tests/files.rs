//! No output destroys another output, an input, or the checkpoints of another run.

use assert_cmd::Command;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

fn hwsim(folder: &TempDir, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder.path());
    command.args(line.split_whitespace());
    command
}

/// Runs that end with exit code 2 and one line, which is returned.
fn refused(folder: &TempDir, line: &str) -> String {
    let output = hwsim(folder, line).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{line}: {text}");
    assert!(output.stdout.is_empty(), "{line}");
    text.trim_end().to_owned()
}

fn data() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded").display().to_string()
}

/// A run of one second.
fn train() -> String {
    let data = data();
    format!(
        "train --arch mlp --data-dir {data} --limit-train 64 --limit-test 10 --batch-size 32 \
         --epochs 1 --quiet"
    )
}

#[test]
fn every_command_refuses_to_overwrite() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let files = ["z.csv", "in.txt", "model", "run.toml", "matrix.csv", "a.log", "m.toml"];
    for name in files {
        std::fs::write(at(name), format!("content of {name}")).unwrap();
    }
    std::fs::create_dir(at("ck")).unwrap();
    std::os::unix::fs::symlink("z.csv", at("link.csv")).unwrap();
    let train = train();
    let lines = [
        format!("{train} --trace same.csv --summary same.csv"),
        format!("{train} --trace x.csv --save-model ./x.csv"),
        format!("{train} --summary x.json --save-model x.json"),
        format!("{train} --trace x.csv --summary x.csv.partial"),
        format!("{train} --checkpoint ck --summary ck/checkpoint.safetensors"),
        format!("{train} --machine m.toml --summary m.toml"),
        format!("{train} --trace z.csv --summary link.csv"),
        format!("{} --trace x.csv --summary x.csv --controllers adapt,static", train),
        "eval model --summary model".to_owned(),
        "gap model --acc 16 --csv model".to_owned(),
        "gemm --m 1 --n 1 --k 1 --a in.txt --out in.txt".to_owned(),
        "quantise --in in.txt --out in.txt".to_owned(),
        "report z.csv --output link.csv".to_owned(),
        "sweep --file run.toml --out run.toml".to_owned(),
        "sweep --rows 8 --out z.csv --slurm z.csv --shards 2".to_owned(),
        "sweep merge a.log --out a.log".to_owned(),
        "pareto front z.csv --minimise a --csv new.csv --svg new.csv".to_owned(),
        "pareto front z.csv --minimise a --svg z.csv".to_owned(),
        "pareto complete matrix.csv --out matrix.csv".to_owned(),
        "pareto pick matrix.csv --memory 1MB --partition 0 --measurements 1 --out matrix.csv"
            .to_owned(),
        "pareto evaluate matrix.csv --out matrix.csv".to_owned(),
        "cost --topology in.txt --output in.txt".to_owned(),
        "replay z.csv --machine tpu-like --output link.csv".to_owned(),
        "compare z.csv --output z.csv".to_owned(),
        "golden export model --layer 1 --out model".to_owned(),
        "golden check z.csv --output link.csv".to_owned(),
        "golden check . --output z.csv".to_owned(),
        "golden verify . --output z.csv".to_owned(),
        "machines show m.toml --output m.toml".to_owned(),
        "machines show m.toml --toml --output m.toml".to_owned(),
        "sweep --machine m.toml --rows 8 --out m.toml".to_owned(),
        "pareto measure --set machine=m.toml --configurations wl8-fl4 --output m.toml".to_owned(),
        "cost --scale-sim-config run.toml --topology in.txt --output in.txt".to_owned(),
        format!("{train} --init-from model --save-model model"),
    ];
    for line in &lines {
        let line = refused(&folder, line);
        assert!(line.contains("would"), "{line}");
    }
    for name in files {
        assert_eq!(std::fs::read_to_string(at(name)).unwrap(), format!("content of {name}"));
    }
    assert!(!at("same.csv.partial").exists());
}

#[test]
fn a_table_may_gain_its_column_in_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("z.csv"), "a,b\n1,2\n2,1\n").unwrap();
    hwsim(&folder, "pareto front z.csv --minimise a --csv ./z.csv --svg z.svg --maximise b")
        .assert()
        .success();
    let table = std::fs::read_to_string(folder.path().join("z.csv")).unwrap();
    assert!(table.starts_with("a,b,pareto\n"), "{table}");
}

#[test]
fn a_checkpoint_of_another_run_stays() {
    let folder = tempfile::tempdir().unwrap();
    let train = train();
    hwsim(&folder, &format!("{train} --checkpoint ck")).assert().success();
    let path = folder.path().join("ck/checkpoint.safetensors");
    let first = std::fs::read(&path).unwrap();
    let line = refused(&folder, &format!("{train} --checkpoint ck --seed 2"));
    insta::assert_snapshot!(line, @"hwsim: `ck` holds a checkpoint of another run (seed is 1, not 2): give another folder, or --overwrite to replace it");
    let lenet = train.replace("mlp", "lenet5");
    let line = refused(&folder, &format!("{lenet} --checkpoint ck --trace t.csv"));
    assert!(line.contains("(arch is mlp, not lenet5)"), "{line}");
    let line =
        refused(&folder, &format!("{} --checkpoint ck", train.replace("train 64", "train 32")));
    assert!(line.contains("limit-train is 64, not 32"), "{line}");
    assert!(!folder.path().join("t.csv.partial").exists());
    assert_eq!(std::fs::read(&path).unwrap(), first);
    // The same run again, and the user's word.
    hwsim(&folder, &format!("{train} --checkpoint ck")).assert().success();
    hwsim(&folder, &format!("{train} --checkpoint ck --seed 2 --overwrite")).assert().success();
    assert_ne!(std::fs::read(&path).unwrap(), first);
    // Several runs are refused before the first begins.
    let several = format!("{train} --controllers static,float32 --checkpoint several");
    hwsim(&folder, &several).assert().success();
    std::fs::write(folder.path().join("several/float32/checkpoint.safetensors"), "x").unwrap();
    let line = refused(&folder, &several);
    assert!(
        line.contains("float32` holds a checkpoint of another run (it cannot be read)"),
        "{line}"
    );
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let long = train().replace("--epochs 1 --quiet", "--epochs 100000 --checkpoint ck");
    let mut first = std::process::Command::new(env!("CARGO_BIN_EXE_hwsim"))
        .args(long.split_whitespace())
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(first.stderr.take().unwrap()).lines();
    // By now it holds the lock.
    assert!(lines.any(|line| line.unwrap().starts_with("training mlp")));
    let output = hwsim(&folder, &long).output().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text,
        "hwsim: another run is writing checkpoints into `ck`: wait for it or give another folder\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_device_stays_what_it_is() {
    // Through links, so that a fault replaces a link and not the device.
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::os::unix::fs::symlink("/dev/null", folder.path().join(name)).unwrap();
    }
    hwsim(&folder, &format!("{} --summary a --save-model b", train())).assert().success();
    for name in ["a", "b"] {
        assert!(
            std::fs::symlink_metadata(folder.path().join(name)).unwrap().is_symlink(),
            "{name}"
        );
    }
}
