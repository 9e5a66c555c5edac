//! `hwsim eval` and `hwsim onnx` on networks of other tools, against expected outputs and integers of an independent program.

use assert_cmd::Command;
use hwsim::data::arrays::{ArrayFile, write_npy, write_npz};
use hwsim::tensor::{ElementType, Elements, Tensor};
use std::fs::File;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks").join(name)
}

fn hwsim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.args(arguments).env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn array(path: &Path, name: &str) -> Tensor {
    ArrayFile::open(path).unwrap().read(name).unwrap()
}

/// The last line on standard error, and the exit code.
fn refused(arguments: &[&str]) -> (String, i32) {
    let output = hwsim(arguments).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(output.stdout.is_empty());
    (error.trim_end().to_owned(), output.status.code().unwrap())
}

const NETWORKS: [&str; 4] = ["float", "qonnx-w8a8", "qdq-s8s8", "qlinear-u8s8"];

#[test]
fn outputs_are_the_expected_ones() {
    let folder = tempfile::tempdir().unwrap();
    for name in NETWORKS {
        let out = folder.path().join("out.npz");
        let model = golden(&format!("{name}.onnx"));
        let (x, y) = (golden("inputs16.npy"), golden("labels16.npy"));
        let arguments = ["eval", text(&model), "--x", text(&x), "--y", text(&y), "--quiet"];
        let arguments = [&arguments[..], &["--output", text(&out), "--format", "json"]].concat();
        let output = hwsim(&arguments).assert().success();
        let result: serde_json::Value =
            serde_json::from_slice(&output.get_output().stdout).unwrap();
        assert_eq!(result["inputs"], 16);
        assert_eq!(result["scores"]["task"], "classes");
        assert!(result["scores"]["top1"].as_f64().unwrap() >= 0.75, "{}", result["scores"]);
        let found = array(&out, "logits");
        let expected = array(&golden(&format!("{name}-outputs16.npz")), "logits");
        assert_eq!((found.shape(), found.element()), (&[16, 10][..], ElementType::Float32));
        let largest = expected.wide().iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (found, expected) in found.wide().iter().zip(expected.wide().iter()) {
            assert!((found - expected).abs() <= 1e-4 * largest, "{name}: {found}, {expected}");
        }
    }
}

#[test]
fn every_stored_tensor_integer_and_sum_is_equal() {
    for name in NETWORKS {
        let (model, x) = (golden(&format!("{name}.onnx")), golden("inputs16.npy"));
        let dump = golden(&format!("{name}-layers.npz"));
        let arguments = ["eval", text(&model), "--x", text(&x), "--limit-test", "4", "--quiet"];
        let arguments = [&arguments[..], &["--against", text(&dump), "--format", "json"]].concat();
        let output = hwsim(&arguments).output().unwrap();
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = result["against"]["rows"].as_array().unwrap();
        let unequal: Vec<_> = rows.iter().filter(|row| row["verdict"] != "equal").collect();
        assert!(unequal.is_empty(), "{name}: {unequal:?}");
        let stored = ArrayFile::open(&dump).unwrap().names().len();
        assert_eq!(rows.len(), stored, "{name}: {}", result["against"]["unknown"]);
        assert!(output.status.success());
    }
}

#[test]
fn a_changed_element_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let stored = golden("qlinear-u8s8-layers.npz");
    let mut file = ArrayFile::open(&stored).unwrap();
    let names = file.names();
    let mut tensors: Vec<_> = names.iter().map(|name| file.read(name).unwrap()).collect();
    let target = names.iter().position(|name| name == "/pw/Conv_output_0_quantized").unwrap();
    let Elements::Integers(values) = tensors[target].elements() else { panic!("integers") };
    let mut values = values.to_vec();
    values[7] += if values[7] > 100 { -2 } else { 2 };
    let (shape, element) = (tensors[target].shape().to_vec(), tensors[target].element());
    tensors[target] = Tensor::new(shape, element, Elements::Integers(values.into())).unwrap();
    let dump = folder.path().join("dump.npz");
    let arrays = names.iter().map(String::as_str).zip(&tensors);
    write_npz(File::create(&dump).unwrap(), arrays).unwrap();
    let (model, x) = (golden("qlinear-u8s8.onnx"), golden("inputs16.npy"));
    let arguments = ["eval", text(&model), "--x", text(&x), "--limit-test", "3", "--quiet"];
    let output = hwsim(&[&arguments[..], &["--against", text(&dump)]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout).unwrap();
    let last = table.lines().find(|line| line.contains("tensors differ")).unwrap();
    assert!(last.starts_with("1 of "), "{last}");
    assert!(last.contains("`/pw/Conv_output_0_quantized`"), "{last}");
    assert!(table.contains("[0, 0, 1, 0]"), "{table}");
}

#[test]
fn show_says_where_each_node_runs() {
    let model = golden("qlinear-u8s8.onnx");
    let output = hwsim(&["onnx", "show", text(&model), "--format", "json"]).assert().success();
    let result: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(result["macs"], 1_112_816);
    let nodes = result["nodes"].as_array().unwrap();
    let first = nodes.iter().find(|node| node["operator"] == "QLinearConv").unwrap();
    assert_eq!(
        (&first["place"], &first["activations"], &first["weights"]),
        (&"array".into(), &"u8".into(), &"s8".into())
    );
    let list = hwsim(&["onnx", "operators", "--format", "csv"]).assert().success();
    let list = String::from_utf8(list.get_output().stdout.clone()).unwrap();
    for line in ["ai.onnx,Conv", "qonnx.custom_op.general,Quant", "com.microsoft,QLinearAdd"] {
        assert!(list.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn built_in_images_are_taken_at_their_own_size() {
    let model = golden("float.onnx");
    let arguments =
        ["eval", text(&model), "--dataset", "fashion-mnist-slice", "--limit-test", "100"];
    let pixels = ["--mean", "0.2860", "--std", "0.3530", "--quiet", "--format", "json"];
    let output = hwsim(&[&arguments[..], &pixels].concat()).assert().success();
    let result: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert!(result["scores"]["top1"].as_f64().unwrap() > 0.8, "{}", result["scores"]);
    assert_eq!(result["pixels"], "images of 28x28x1, numbers are (pixel / 255 - 0.286) / 0.353");
}

#[test]
fn wrong_usage_is_one_line_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let model = golden("float.onnx");
    let model = text(&model);
    let short = folder.path().join("short.npy");
    let values = Elements::Float32(vec![0.0; 56].into());
    let tensor = Tensor::new(vec![2, 28], ElementType::Float32, values).unwrap();
    write_npy(File::create(&short).unwrap(), &tensor).unwrap();
    let x = golden("inputs16.npy");
    let x = text(&x);
    for (arguments, expected) in [
        (vec![], "the network needs inputs: give --x FILE"),
        (vec!["--x", text(&short)], "takes arrays of shape"),
        (vec!["--x", model], "is neither a .npy nor a .npz file"),
        (vec!["--x", x, "--y", text(&short)], "fit no output"),
        (vec!["--x", x, "--rounding", "floor"], "`--rounding` has no effect on an ONNX network"),
        (vec!["--x", x, "--accumulator", "8"], "`--accumulator` has no effect"),
        (vec!["--x", x, "--dim", "length=3"], "no input has an open dimension of that name"),
        (vec!["--x", x, "--against", x], "has one array without a name"),
        (vec!["--x", x, "--output", x], "would overwrite"),
        (vec!["--y", x], "`--y` needs the inputs as well"),
        (vec!["--dataset", "fashion-mnist-slice", "--mean", "1,2"], "`--mean` has 2 numbers"),
    ] {
        let all = [vec!["eval", model, "--quiet"], arguments].concat();
        let output = hwsim(&all).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{all:?}: {error}");
        assert!(error.lines().count() == 1 && error.contains(expected), "{all:?}: {error}");
    }
    let broken = folder.path().join("broken.onnx");
    std::fs::write(&broken, &std::fs::read(model).unwrap()[..4000]).unwrap();
    let (error, code) = refused(&["eval", text(&broken), "--x", x]);
    assert_eq!(code, 1);
    assert!(error.starts_with("hwsim: cannot load `"), "{error}");
}
