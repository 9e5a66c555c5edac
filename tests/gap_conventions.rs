//! `hwsim gap --conventions`: what a user sees.

use assert_cmd::Command;
use tempfile::TempDir;

fn hwsim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD").arg("gap").args(arguments);
    command
}

fn output(arguments: &[&str]) -> String {
    let output = hwsim(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line of a command that is refused.
fn usage(arguments: &[&str]) -> String {
    let output = hwsim(arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((text.trim_end().lines().count(), output.status.code()), (1, Some(2)), "{text}");
    text.trim_end().to_owned()
}

const PRODUCT: [&str; 6] = ["--m", "40", "--n", "10", "--k", "30"];

#[test]
fn the_table_of_a_random_product() {
    let mut arguments = PRODUCT.to_vec();
    arguments.extend(["--formats", "6,3", "--conventions", "hwsim,hls4ml,tflite,clip=before"]);
    insta::assert_snapshot!(output(&arguments));
}

#[test]
fn csv_and_json_hold_the_same_pairs() {
    let mut arguments = PRODUCT.to_vec();
    arguments.extend([
        "--formats",
        "8,5;6,3",
        "--conventions",
        "hwsim,rounding=floor,overflow=wrap",
    ]);
    let with = |form: &str| {
        let mut arguments = arguments.clone();
        arguments.extend(["--format", form]);
        output(&arguments)
    };
    let json: serde_json::Value = serde_json::from_str(&with("json")).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(json["conventions"][1]["settings"]["rounding"], "floor");
    for row in rows {
        let differing = row["differing"].as_u64().unwrap();
        let buckets = row["histogram"].as_array().unwrap();
        let sum: u64 = buckets.iter().map(|bucket| bucket["outputs"].as_u64().unwrap()).sum();
        assert_eq!(sum, differing);
        assert_eq!(row["outputs"], 400);
        // One setting each.
        if differing > 0 {
            assert_eq!(row["explained_by"], row["settings"][0]["setting"]);
            assert_eq!(row["settings"][0]["left"], 0);
            assert_eq!(row["settings"][0]["changed"], differing);
        }
    }
    assert_eq!(rows[0]["explained_by"], "rounding");
    let csv = with("csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let header = reader.headers().unwrap().clone();
    for (record, row) in records.iter().zip(rows) {
        for (name, cell) in header.iter().zip(record) {
            let value = &row[name];
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(cell, text, "{name}");
        }
    }
    assert_eq!(records.len(), 4);
}

#[test]
fn results_do_not_depend_on_threads_or_instructions() {
    let mut arguments = PRODUCT.to_vec();
    arguments.extend(["--conventions", "hwsim,onnxruntime,saturate-first", "--format", "json"]);
    let run = |threads: &str, level: &str| {
        let output =
            hwsim(&arguments).args(["--threads", threads]).env("HWSIM_SIMD", level).output();
        output.unwrap().stdout
    };
    let expected = run("1", "portable");
    for level in hwmodel::SimdLevel::available() {
        assert_eq!(run("2", level.name()), expected, "{level}");
    }
}

#[test]
fn the_list_names_every_convention_and_setting() {
    let list = output(&["--conventions", "list"]);
    for word in
        ["hwsim ", "hls4ml ", "onnxruntime ", "tflite ", "rounding ", "clip ", "zero-point "]
    {
        assert!(list.contains(word), "{word}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&output(&["--conventions", "list", "--format", "json"])).unwrap();
    for listed in json.as_array().unwrap().iter().filter(|listed| listed["kind"] == "convention") {
        let name = listed["name"].as_str().unwrap();
        if name == "hwsim" {
            continue;
        }
        let pair = format!("hwsim,{name}");
        output(&["--m", "2", "--n", "2", "--k", "2", "--conventions", &pair]);
    }
}

#[test]
fn a_saved_model_is_compared_layer_by_layer_in_its_own_formats() {
    let folder = TempDir::new().unwrap();
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let mut train = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    train
        .current_dir(folder.path())
        .args(["train", "--arch", "mlp", "--limit-train", "32", "--limit-test", "4", "--quiet"])
        .args(["--batch-size", "32", "--max-steps", "1", "--controller", "static"])
        .args(["--wl", "10", "--fl", "6", "--save-model", "model", "--data-dir"])
        .arg(&data)
        .assert()
        .success();
    let run = |more: &[&str]| {
        let output = hwsim(&["model", "--images", "3", "--format", "json", "--data-dir"])
            .arg(&data)
            .args(more)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let all = run(&["--conventions", "hls4ml,hwsim"]);
    let rows = all["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| (row["wl"].as_u64(), row["fl"].as_u64()) == (Some(10), Some(6))));
    assert!(rows[0]["differing"].as_u64().unwrap() > 0);
    let one = run(&["--layer", "fc3", "--conventions", "hls4ml,hwsim", "--format-out", "8,3"]);
    assert_eq!(one["rows"].as_array().unwrap().len(), 1);
    assert_eq!(one["rows"][0]["output_wl"], 8);
    assert_eq!(one["subject"], "network");
}

#[test]
fn wrong_input_is_one_line() {
    let with = |more: &[&str]| {
        let mut arguments = PRODUCT.to_vec();
        arguments.extend(more);
        usage(&arguments)
    };
    insta::assert_snapshot!(with(&["--conventions", "hwsim,brevitas"]), @"hwsim: unknown convention `brevitas`: use one of hwsim, hls4ml, hls4ml-accum, hls4ml-rnd-sat, saturate-first, qonnx, onnxruntime, onnxruntime-avx2, q8.8-mac, onnx-reference, tflite, tflite-single, tflite-twice-up, or settings such as rounding=floor");
    insta::assert_snapshot!(with(&["--conventions", "hwsim,ronding=floor"]), @"hwsim: unknown setting `ronding` of a convention: use one of accumulator, accumulator-overflow, accumulator-fl, accumulator-rounding, accumulator-cast, accumulator-bias, inner-terms, inner-width, inner-overflow, requantiser, rounding, overflow, clip, zero-point");
    insta::assert_snapshot!(with(&["--conventions", "hwsim,rounding=stochastic"]), @"hwsim: `rounding=stochastic`: a comparison needs a rounding that repeats");
    insta::assert_snapshot!(with(&["--conventions", "hwsim"]), @"hwsim: `--conventions hwsim` names one convention: name two or more, as in hls4ml,hwsim or hwsim,rounding=floor");
    insta::assert_snapshot!(with(&["--conventions", "hwsim,hls4ml", "--zero-point", "128"]), @"hwsim: zero point 128 is outside the words -128 to 127 of the output format ⟨8, 4⟩");
    insta::assert_snapshot!(with(&["--conventions", "hwsim,hls4ml", "--scale-factor", "0"]), @"hwsim: scale factor 0 is impossible: use a finite number above 0");
    insta::assert_snapshot!(with(&["--conventions", "hwsim,hls4ml", "--scale-factor", "nan"]), @"hwsim: scale factor NaN is impossible: use a finite number above 0");
    insta::assert_snapshot!(with(&["--conventions", "hwsim,hls4ml", "--scale-factor", "-0.5"]), @"hwsim: scale factor -0.5 is impossible: use a finite number above 0");
    insta::assert_snapshot!(with(&["--conventions", "hwsim,hls4ml", "--format-out", "ap_fixed<0,0>"]), @"hwsim: `--format-out` has `ap_fixed<0,0>`: word length 0 is impossible: use 1 to 32 bits (FL = W - I)");
    insta::assert_snapshot!(usage(&["--conventions", "hwsim,hls4ml"]), @"hwsim: give a MODEL, or all of --m, --n and --k");
    for arguments in [
        &["--zero-point", "1"][..],
        &["--format-out", "8,4"],
        &["--conventions", "hwsim,hls4ml", "--accumulator", "8"],
    ] {
        let mut all = PRODUCT.to_vec();
        all.extend(arguments);
        hwsim(&all).assert().code(2);
    }
}

#[test]
fn a_built_in_network_has_the_weights_that_training_begins_with() {
    let run = |more: &[&str]| {
        let mut arguments = vec!["mlp", "--images", "3", "--layer", "fc3", "--format", "json"];
        arguments.extend(more);
        serde_json::from_str::<serde_json::Value>(&output(&arguments)).unwrap()
    };
    let conventions = ["--conventions", "hls4ml,hwsim"];
    let first = run(&conventions);
    assert_eq!((&first["network"], &first["initial_weights"]), (&"mlp".into(), &1.into()));
    assert_eq!(first["dataset"], "fashion-mnist-slice");
    let rows = first["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["outputs"]), (1, &30.into()));
    assert_eq!(rows[0]["explained_by"], "rounding");
    let other = run(&[&conventions[..], &["--seed", "2"]].concat());
    assert_eq!(other["initial_weights"], 2);
    assert_ne!(first["rows"], other["rows"]);
    // Without conventions too.
    assert_eq!(run(&["--accumulator", "16", "--formats", "8,4"])["rows"][0]["layer"], "fc3");

    let folder = TempDir::new().unwrap();
    let saved = |arguments: &[&str]| {
        let mut train = Command::new(env!("CARGO_BIN_EXE_hwsim"));
        train.current_dir(folder.path()).args(arguments).output().unwrap()
    };
    let text = folder.path().join("text.txt");
    std::fs::write(&text, "a b c d e f g h ".repeat(100)).unwrap();
    let text = text.to_str().unwrap();
    insta::assert_snapshot!(usage(&["mlp", "--dataset", "text", "--data-dir", text]), @"hwsim: architecture mlp needs images: use `--dataset` with a data set of images");
    let nowhere = saved(&["gap", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(nowhere.stderr).unwrap(), @"hwsim: cannot load `nowhere`: neither a file nor one of the built-in networks lenet5, alexnet, resnet20, mlp, resnet18, resnet34, resnet50, vgg11, vgg13, vgg16, vgg19, googlenet, mobilenetv2, alexnet-imagenet, lstm, transformer");
}
