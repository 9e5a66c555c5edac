//! An accumulator that holds no sum of 1 or more is named with the bits that suffice, and these do.

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

/// What a command that succeeds says on standard error.
fn said(folder: &TempDir, line: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").current_dir(folder.path()).args(line.split_whitespace());
    if !line.starts_with("gap") {
        command.arg("--data-dir").arg(data);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn training_gap_and_export_warn_as_evaluation_does() {
    let folder = TempDir::new().unwrap();
    let lines = [
        "train --arch mlp --limit-train 32 --limit-test 10 --batch-size 16 --max-steps 1 --quiet \
         --controller static --wl 16 --fl 8 --save-model m --accumulator",
        "eval m --limit-test 4 --accumulator",
        "gap --m 4 --n 4 --k 64 --formats 16,8 --accumulator",
        "golden export m --layer fc1 --images 1 --force --output g --accumulator",
    ];
    for line in lines {
        let warning = said(&folder, &format!("{line} 12"));
        assert!(
            warning.contains("have 16 fractional bits, and an accumulator of 12 bits"),
            "{line}: {warning}"
        );
        let (_, bits) = warning.split_once("`--accumulator ").unwrap();
        let bits = bits.split('`').next().unwrap();
        assert_eq!(said(&folder, &format!("{line} {bits}")), "", "{line}");
    }
}
