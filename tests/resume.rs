//! Commands that hwsim prints run when they are pasted; runs resume to another end, and start from a saved model.
#![cfg(unix)]

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const HWSIM: &str = env!("CARGO_BIN_EXE_hwsim");

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

fn hwsim(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(HWSIM);
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").current_dir(folder);
    command.args(line.split_whitespace());
    command
}

/// A training run of the perceptron: 64 images in updates of 16, four steps an epoch.
fn train(folder: &Path, line: &str) -> Command {
    let mut command = hwsim(folder, "train --quiet --data-dir");
    command.arg(data()).args(line.split_whitespace());
    command
}

const SMALL: &str = "--arch mlp --limit-train 64 --limit-test 20 --batch-size 16";

fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Interrupts a run once the trace `partial` has some rows; returns what it said.
fn interrupted(folder: &Path, arguments: &[String], partial: &str) -> String {
    let child = std::process::Command::new(HWSIM)
        .args(arguments)
        .env_remove("HWSIM_DATA")
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while std::fs::metadata(folder.join(partial)).map_or(0, |found| found.len()) < 20_000 {
        assert!(begin.elapsed() < Duration::from_secs(120), "the run does not start");
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = std::process::Command::new("kill").arg("-INT").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    stderr(&output)
}

/// Runs the command after `continue with: ` in a shell.
fn pasted(folder: &Path, said: &str) -> Output {
    let (_, command) = said.rsplit_once("continue with: ").unwrap();
    let mut shell = Command::new("sh");
    shell.env_remove("HWSIM_DATA").current_dir(folder).args(["-c", command]).output().unwrap()
}

const LONG: [&str; 12] = [
    "--arch",
    "mlp",
    "--limit-train",
    "320",
    "--limit-test",
    "20",
    "--batch-size",
    "16",
    "--epochs",
    "4",
    "--quiet",
    "--with-baseline",
];

/// A command of words that may have blanks in them.
fn with_words(folder: &Path, words: &[String]) -> Command {
    let mut command = hwsim(folder, "");
    command.args(words);
    command
}

/// The words of a long run without float32 twin, and `more`.
fn without_twin(more: &[&str]) -> Vec<String> {
    let data = data();
    let data = ["--data-dir", data.to_str().unwrap()];
    let words = ["train"].iter().chain(&LONG[..11]).chain(&data).chain(more);
    words.map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_stopped_run_goes_on_by_the_printed_command() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let odd = path.join("it's my data");
    std::fs::create_dir(&odd).unwrap();
    for entry in std::fs::read_dir(data()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), odd.join(entry.file_name())).unwrap();
    }
    let files = |prefix: &str| {
        let named = |flag: &str, name: &str| [flag.to_owned(), format!("{prefix} it's {name}")];
        [
            named("--trace", "t.csv"),
            named("--summary", "s.json"),
            named("--save-model", "m \"x\" $y"),
            named("--checkpoint", "ck"),
        ]
        .concat()
    };
    let arguments = |prefix: &str| {
        let mut words = vec!["train".to_owned()];
        words.extend(LONG.map(str::to_owned));
        words.extend(["--data-dir", "it's my data", "--trace-every", "2"].map(str::to_owned));
        words.extend(["--checkpoint-every", "10", "--threads", "2"].map(str::to_owned));
        words.extend(files(prefix));
        words
    };
    done(with_words(path, &arguments("whole")));
    let said = interrupted(path, &arguments("stopped"), "stopped it's t.csv.partial");
    let again = pasted(path, &said);
    assert!(again.status.success(), "{said}\n{}", stderr(&again));
    assert!(String::from_utf8_lossy(&again.stdout).contains("top-1"));
    for name in ["t.csv", "m \"x\" $y"] {
        let [whole, stopped] =
            ["whole", "stopped"].map(|prefix| read(path, &format!("{prefix} it's {name}")));
        assert!(whole == stopped, "{name}");
    }
    let summary = |prefix: &str| -> serde_json::Value {
        serde_json::from_slice(&read(path, &format!("{prefix} it's s.json"))).unwrap()
    };
    let [whole, stopped] = ["whole", "stopped"].map(summary);
    for key in ["top1", "loss", "su1", "su2", "macs", "top1_best"] {
        assert_eq!(whole[key], stopped[key], "{key}");
    }
    assert_eq!(whole["baseline"]["top1"], stopped["baseline"]["top1"]);
}

#[test]
fn a_run_without_a_place_for_checkpoints_goes_on_too() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let mut words = without_twin(&["--trace", "a b.csv"]);
    let said = interrupted(path, &words, "a b.csv.partial");
    let again = pasted(path, &said);
    assert!(again.status.success(), "{said}\n{}", stderr(&again));
    words.pop();
    words.push("whole.csv".to_owned());
    done(with_words(path, &words));
    assert!(read(path, "a b.csv") == read(path, "whole.csv"));
}

#[test]
fn several_runs_go_on_by_the_printed_command() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let words = without_twin(&[
        "--controllers",
        "static,float32",
        "--format-schedule",
        "0:8,4;3:12,6",
        "--trace",
        "a b.csv",
    ]);
    let said = interrupted(path, &words, "a b.static.csv.partial");
    let again = pasted(path, &said);
    assert!(again.status.success(), "{said}\n{}", stderr(&again));
    assert!(path.join("a b.static.csv").exists() && path.join("a b.float32.csv").exists());
}

/// The trace and the checkpoint of a run that was asked for in parts are those of one.
#[test]
fn more_epochs_give_the_bits_of_a_run_that_had_them_from_the_start() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    for (name, first, then, whole) in [
        ("epochs", "--epochs 2", "--epochs 5", "--epochs 5"),
        (
            "gzip",
            "--epochs 2 --schedule step --milestones 3",
            "--epochs 5",
            "--epochs 5 --schedule step --milestones 3",
        ),
        ("steps", "--max-steps 6", "--max-steps 15", "--max-steps 15"),
        ("mixed", "--max-steps 6", "--epochs 3", "--epochs 3"),
        (
            "cosine",
            "--schedule cosine --epochs 4 --max-steps 6",
            "--max-steps 11",
            "--schedule cosine --epochs 4 --max-steps 11",
        ),
    ] {
        let end = if name == "gzip" { ".csv.gz" } else { ".csv" };
        done(train(path, &format!("{SMALL} --trace {name}{end} --checkpoint {name} {first}")));
        let more = format!(
            "train --quiet --resume {name} --trace {name}{end} --save-model {name}.m {then} --data-dir"
        );
        let mut more = hwsim(path, &more);
        more.arg(data());
        let said = stderr(&done(more));
        assert_eq!(said, "", "{name}");
        done(train(path, &format!("{SMALL} --trace whole{end} --save-model whole.m {whole}")));
        assert!(
            read(path, &format!("{name}{end}")) == read(path, &format!("whole{end}")),
            "{name}"
        );
        assert!(read(path, &format!("{name}.m")) == read(path, "whole.m"), "{name}");
    }
}

#[test]
fn an_end_that_cannot_be_is_refused_and_a_curve_that_changes_is_said() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    done(train(path, &format!("{SMALL} --epochs 3 --checkpoint ck --schedule cosine")));
    let resume = |more: &str| {
        let mut command = hwsim(path, &format!("train --quiet --resume ck {more} --data-dir"));
        command.arg(data()).output().unwrap()
    };
    let fewer = resume("--epochs 2");
    assert_eq!(fewer.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&fewer), @"hwsim: the checkpoint cannot be continued: it has done 12 steps, and 8 are asked for: use more epochs or steps");
    let more = resume("--epochs 4");
    assert!(more.status.success());
    insta::assert_snapshot!(stderr(&more), @"hwsim: warning: the learning rate is that of 4 epochs from step 12 on only, so the result is not that of a run with as many from the start");
    let other = resume("--seed 9");
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("only --epochs, --max-steps, files"), "{}", stderr(&other));
}

#[test]
fn a_run_starts_from_a_saved_model() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    done(train(path, &format!("{SMALL} --epochs 6 --save-model first.m --summary first.json")));
    let summary =
        |name: &str| -> serde_json::Value { serde_json::from_slice(&read(path, name)).unwrap() };
    // A learning rate of almost nothing leaves the weights almost as they are.
    let still =
        format!("{SMALL} --learning-rate 1e-30 --l1 0 --l2 0 --max-steps 1 --controller float32");
    done(train(
        path,
        &format!("{still} --init-from first.m --save-model second.m --summary second.json"),
    ));
    done(train(path, &format!("{still} --save-model random.m")));
    let weights = |name: &str| -> Vec<f32> {
        let (network, _) = hwsim::files::model::load(&path.join(name)).unwrap();
        network.parameters.into_iter().flat_map(|parameter| parameter.master).collect()
    };
    let differ = |a: &str, b: &str| {
        weights(a).iter().zip(weights(b)).filter(|(a, b)| (*a - b).abs() > 1e-20).count()
    };
    assert_eq!(differ("first.m", "second.m"), 0);
    assert!(differ("first.m", "random.m") > 100_000);
    assert_eq!(summary("second.json")["options"]["init-from"]["file"], "first.m");
    // The same bits after a stop, without the model.
    let run = format!("{SMALL} --epochs 3 --init-from first.m --with-baseline --trace");
    done(train(path, &format!("{run} whole.csv --checkpoint ck --summary a.json")));
    std::fs::rename(path.join("first.m"), path.join("moved.m")).unwrap();
    let mut again = hwsim(
        path,
        "train --quiet --resume ck --with-baseline --trace whole.csv --summary b.json --data-dir",
    );
    again.arg(data());
    done(again);
    assert_eq!(summary("a.json")["baseline"]["top1"], summary("b.json")["baseline"]["top1"]);
}

#[test]
fn a_classifier_for_other_classes_starts_at_random() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    // A folder of images: three classes of grey squares.
    for (class, grey) in [("a", 10_u8), ("b", 120), ("c", 240)] {
        for part in ["train", "test"] {
            let place = path.join("squares").join(part).join(class);
            std::fs::create_dir_all(&place).unwrap();
            for number in 0..8_u8 {
                let file = std::fs::File::create(place.join(format!("{number}.png"))).unwrap();
                let mut png = png::Encoder::new(file, 28, 28);
                png.set_color(png::ColorType::Grayscale);
                let pixels = [grey + number; 28 * 28];
                png.write_header().unwrap().write_image_data(&pixels).unwrap();
            }
        }
    }
    done(train(path, &format!("{SMALL} --max-steps 1 --save-model ten.m")));
    let line = "train --arch mlp --batch-size 8 --max-steps 1 --learning-rate 1e-30 --l1 0 --l2 0 --controller float32 \
                --dataset folder --data-dir squares --init-from ten.m --save-model three.m";
    let said = stderr(&done(hwsim(path, line)));
    assert!(said.contains("starting from the weights of ten.m, but fc3"), "{said}");
    let load = |name: &str| hwsim::files::model::load(&path.join(name)).unwrap().0;
    let (ten, three) = (load("ten.m"), load("three.m"));
    assert_eq!(three.parameters[0].shape, ten.parameters[0].shape);
    let pairs = ten.parameters[0].master.iter().zip(&three.parameters[0].master);
    assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-20));
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    done(train(path, &format!("{SMALL} --max-steps 1 --save-model m")));
    let refused = |line: &str, code: i32| {
        let output = train(path, line).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        stderr(&output)
    };
    let other = refused(&format!("{} --init-from m", SMALL.replace("mlp", "lenet5")), 2);
    insta::assert_snapshot!(other, @"hwsim: the model of --init-from cannot be used: it is a `mlp` and the run trains a `lenet5`: use --arch mlp");
    assert!(refused(&format!("{SMALL} --init-from missing"), 1).contains("missing"));
    std::fs::write(path.join("x"), "no model").unwrap();
    assert!(refused(&format!("{SMALL} --init-from x"), 1).contains("it is no model"));
    let own = refused(&format!("{SMALL} --init-from m --save-model m"), 2);
    assert!(own.contains("would overwrite"), "{own}");
}
