//! `hwsim formats`.

use assert_cmd::Command;

fn hwsim(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.arg("formats").args(arguments).output().unwrap()
}

#[test]
fn a_format_in_every_notation() {
    let output = hwsim(&["ap_fixed<16,6,AP_RND,AP_SAT>", "u8,4", "4,0,narrow"]);
    let text = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!(text);
    let json = hwsim(&["ac_fixed<8,3,false>", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json[0]["ap_fixed"], "ap_ufixed<8,3,AP_TRN,AP_WRAP>");
    assert_eq!(
        (&json[0]["wl_fl"], &json[0]["largest_raw"]),
        (&"u8,5,floor,wrap".into(), &255.into())
    );
    // What is printed is read again.
    for notation in ["wl_fl", "ap_fixed", "ac_fixed", "hls4ml"] {
        let again = hwsim(&[json[0][notation].as_str().unwrap(), "--format", "json"]).stdout;
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&again).unwrap(),
            json,
            "{notation}"
        );
    }
}

#[test]
fn wrong_formats_are_one_line() {
    for wrong in ["ap_fixed<0,0>", "ap_fixed<16,6", "9", "ap_fixed<8,4,AP_FOO>", "8,65"] {
        let output = hwsim(&[wrong]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((text.trim_end().lines().count(), output.status.code()), (1, Some(2)), "{text}");
        assert!(text.contains(wrong), "{text}");
    }
    assert_eq!(hwsim(&[]).status.code(), Some(2));
}
