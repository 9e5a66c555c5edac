//! `hwsim machines`: the list, one machine, and user-defined machines.

use assert_cmd::Command;

fn hwsim(arguments: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_hwsim")).args(arguments).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    )
}

#[test]
fn the_list_of_shipped_machines() {
    let (text, _, code) = hwsim(&["machines"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn one_machine_in_full() {
    let (text, _, code) = hwsim(&["machines", "show", "bit-fusion-like-32x16"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn json_and_text_agree_and_a_description_can_be_printed() {
    let (text, _, _) = hwsim(&["machines", "--json"]);
    let machines: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(machines.as_array().unwrap().len(), 7);
    let (text, _, _) = hwsim(&["machines", "show", "edge-16x16", "--json"]);
    let edge: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(edge, machines[0]);
    assert_eq!(edge["at"][3]["macs_per_cycle"], 256.0);
    let (text, _, _) = hwsim(&["machines", "show", "edge-16x16", "--toml"]);
    assert_eq!(text, hwmodel::machine::Machine::builtin_toml("edge-16x16").unwrap());
}

#[test]
fn a_machine_and_an_energy_table_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let description = hwmodel::machine::Machine::builtin_toml("edge-16x16").unwrap();
    let own = description.replace("\"horowitz-2014\"", "\"measured.csv\"");
    let machine = folder.path().join("own.toml");
    std::fs::write(&machine, own).unwrap();
    let machine = machine.to_str().unwrap();
    let (_, error, code) = hwsim(&["machines", "show", machine]);
    assert_eq!(code, 2);
    assert!(error.starts_with("hwsim: cannot read energy table"), "{error}");
    let table = include_str!("../hwmodel/energy/horowitz-2014.csv");
    let measured = table.replace("mult,int,8,,,45,0.2,", "mult,int,8,,,45,0.4,");
    std::fs::write(folder.path().join("measured.csv"), measured).unwrap();
    let (text, _, code) = hwsim(&["machines", "show", machine, "--json"]);
    assert_eq!(code, 0);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["energy_table"], "measured.csv");
    let pj = report["at"][3]["mac_pj"]["multiply_pj"].as_f64().unwrap();
    assert!((pj - 0.4).abs() < 1e-12, "{pj}");
    std::fs::write(folder.path().join("measured.csv"), "component\n").unwrap();
    let (_, error, code) = hwsim(&["machines", "show", machine]);
    assert_eq!(code, 2);
    assert!(error.contains("energy table measured.csv, line 1: missing column"), "{error}");
}

#[test]
fn a_wrong_key_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let machine = folder.path().join("own.toml");
    let description = hwmodel::machine::Machine::builtin_toml("edge-16x16").unwrap();
    std::fs::write(&machine, description.replace("rows = 16", "rows = 0")).unwrap();
    let (_, error, code) = hwsim(&["machines", "show", machine.to_str().unwrap()]);
    assert_eq!(code, 2);
    let expected = "line 8, key `array.rows`: 0 is not allowed; use 1 to 65536\n";
    assert!(error.ends_with(expected), "{error}");
    let (_, error, code) = hwsim(&["machines", "show", "abacus"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("hwsim: unknown machine `abacus`: use one of edge-16x16"), "{error}");
}
