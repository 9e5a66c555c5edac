//! Language models from text to perplexity, through the command line.

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A short run on the embedded text in characters.
const SHORT: &[&str] = &[
    "train",
    "--dataset",
    "text",
    "--text-level",
    "char",
    "--vocabulary",
    "40",
    "--sequence-length",
    "8",
    "--batch-size",
    "4",
    "--limit-train",
    "48",
    "--limit-test",
    "12",
    "--epochs",
    "2",
    "--max-steps",
    "14",
    "--quiet",
];

fn hwsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command
}

#[test]
fn every_controller_trains_both_architectures() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("summary.json");
    for arch in ["lstm", "transformer"] {
        for controller in ["adapt", "adept", "muppet", "shen", "static", "float32"] {
            hwsim()
                .args(
                    "train --dataset text --text-level char --vocabulary 40 --sequence-length 8"
                        .split(' '),
                )
                .args(
                    "--batch-size 4 --limit-train 160 --limit-test 24 --epochs 2 --quiet"
                        .split(' '),
                )
                .args(["--arch", arch, "--controller", controller, "--summary"])
                .arg(&file)
                .assert()
                .success();
            let summary: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let of = |name: &str| summary[name].as_f64().unwrap();
            assert_eq!(summary["steps"], 80, "{arch} {controller}");
            assert!((of("perplexity").ln() - of("loss")).abs() < 1e-9);
            let (perplexity, unigram) = (of("perplexity"), of("unigram_perplexity"));
            assert!(perplexity < unigram, "{arch} {controller}: {perplexity}, unigram {unigram}");
            assert!((10.0..30.0).contains(&unigram));
            assert!(of("cycles") > 0.0 && of("macs") > 0.0);
        }
    }
}

#[test]
fn a_run_learns_more_than_the_frequencies_of_words() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("summary.json");
    let text = "the quick brown fox jumps over the lazy dog . ".repeat(120);
    let data = folder.path().join("text.txt");
    std::fs::write(&data, text).unwrap();
    hwsim()
        .args(["train", "--dataset", "text", "--sequence-length", "10", "--quiet"])
        .args(["--batch-size", "8", "--epochs", "6"])
        .arg("--data-dir")
        .arg(&data)
        .arg("--summary")
        .arg(&file)
        .assert()
        .success();
    let summary: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let of = |name: &str| summary[name].as_f64().unwrap();
    assert_eq!(summary["arch"], "lstm");
    assert!(of("perplexity") < 0.5 * of("unigram_perplexity"), "{summary}");
}

#[test]
fn threads_do_not_change_a_byte_and_models_are_evaluated() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    for threads in ["1", "2"] {
        hwsim()
            .args(SHORT)
            .args(["--arch", "transformer", "--threads", threads, "--backward", "fixed"])
            .arg("--trace")
            .arg(path(&format!("{threads}.csv")))
            .arg("--save-model")
            .arg(path(&format!("{threads}.model")))
            .assert()
            .success();
    }
    let read = |name: &str| std::fs::read(path(name)).unwrap();
    assert!(read("1.csv") == read("2.csv") && read("1.model") == read("2.model"));
    let trace = String::from_utf8(read("1.csv")).unwrap();
    for layer in ["block1.attention.scores", "block2.attention.context", "output"] {
        assert!(trace.contains(layer), "{layer}");
    }
    let evaluated = hwsim().arg("eval").arg(path("1.model")).args(["--limit-test", "12"]).output();
    let evaluated = String::from_utf8(evaluated.unwrap().stdout).unwrap();
    assert!(evaluated.contains("12 sequences") && evaluated.contains("perplexity"), "{evaluated}");
    // What needs an integer form, or one product of input and weight, says so.
    for (arguments, why) in [
        (vec!["eval", "MODEL", "--integer-only"], "has no integer program"),
        (vec!["gap", "MODEL", "--layer", "block1.attention.scores"], "not one product"),
        (vec!["eval", "MODEL", "--accumulator-study"], "not one product"),
    ] {
        let model = path("1.model");
        let arguments = arguments.iter().map(|&word| match word {
            "MODEL" => model.as_os_str(),
            word => word.as_ref(),
        });
        let output = hwsim().args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(why), "{text}");
    }
}

#[test]
fn a_finished_run_gives_its_model_again_from_its_checkpoint() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let saved = |name: &str| std::fs::read(path(name)).unwrap();
    hwsim()
        .args(SHORT)
        .arg("--checkpoint")
        .arg(path("a"))
        .arg("--save-model")
        .arg(path("a.model"))
        .assert()
        .success();
    hwsim()
        .args(["train", "--quiet", "--resume"])
        .arg(path("a"))
        .arg("--save-model")
        .arg(path("b.model"))
        .assert()
        .success();
    assert!(saved("a.model") == saved("b.model"));
}

#[test]
fn wrong_combinations_are_explained() {
    for (arguments, why) in [
        (vec!["--arch", "mlp"], "train language models (lstm, transformer) on text"),
        (vec!["--sequence-length", "5000"], "1 to 4096"),
        (vec!["--data-dir", "/no-such-folder"], "name with --data-dir a .txt file"),
        (vec!["--dataset", "fashion-mnist"], "`--dataset text`"),
    ] {
        let mut command = hwsim();
        command.args(["train", "--quiet", "--text-level", "word"]);
        if arguments[0] != "--dataset" {
            command.args(["--dataset", "text"]);
        }
        let output = command.args(&arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(why), "{arguments:?}: {text}");
    }
}
