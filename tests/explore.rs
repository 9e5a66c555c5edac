//! `hwsim replay`, `sweep` and `pareto` on real runs and files.

use assert_cmd::Command;
use hwmodel::counters::Counters;
use hwmodel::machine::Machine;
use hwmodel::random::{below, generator};
use hwsim::design::{Recording, replay};
use hwsim::files::trace::UpdateCost;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded")
}

fn hwsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command
}

/// A run of the perceptron under AdaPT on `machine`, two micro-batches a step: trace and summary.
fn train(folder: &TempDir, machine: &str, more: &[&str]) -> (PathBuf, Value) {
    let (trace, summary) = (folder.path().join("out.csv.gz"), folder.path().join("summary.json"));
    hwsim()
        .args("train --arch mlp --limit-train 640 --limit-test 50 --epochs 3 --batch-size 16 --accumulation 2".split(' '))
        .args("--lookback-lower 3 --lookback-upper 6 --learning-rate 0.03 --seed 5 --quiet --machine".split(' '))
        .arg(machine)
        .args(more)
        .arg("--data-dir")
        .arg(data())
        .arg("--trace")
        .arg(&trace)
        .arg("--summary")
        .arg(&summary)
        .assert()
        .success();
    (trace, serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap())
}

#[test]
fn a_replay_on_the_machine_of_the_run_gives_its_totals_to_the_last_bit() {
    let folder = TempDir::new().unwrap();
    for (machine, more) in [
        ("edge-16x16", &[][..]),
        ("tpu-like-256x256", &[]),
        ("edge-16x16", &["--accumulator", "17", "--accumulator-overflow", "wrap"]),
        (
            "edge-16x16",
            &[
                "--accumulator",
                "24",
                "--accumulator-inner-terms",
                "4",
                "--accumulator-inner-width",
                "20",
            ],
        ),
    ] {
        let (trace, summary) = train(&folder, machine, more);
        let recording = Recording::read(&trace).unwrap();
        let replayed = replay(&recording, &Machine::builtin(machine).unwrap(), None).unwrap();
        for (layer, counted) in replayed.layers.iter().zip(recording.counted()) {
            assert_eq!(layer.counters, *counted, "{machine} {}", layer.name);
        }
        assert!(replayed.total.cycles.reconfigure > 0 && replayed.total.energy.total_pj() > 0.0);
        // The summary is the run's own, without any trace.
        let summed = |counters: &Counters| {
            (counters.cycles.total().to_string(), counters.energy.total_pj().to_string())
        };
        let of = |value: &Value| {
            (value["cycles"].to_string(), value["energy_pj"].as_f64().unwrap().to_string())
        };
        assert_eq!(summed(&replayed.total), of(&summary), "{machine}");
        let updates =
            |update: &UpdateCost| (update.cycles.to_string(), update.energy_pj.to_string());
        let update_of = |value: &Value| {
            let energy = value["update_energy_pj"].as_f64().unwrap().to_string();
            (value["update_cycles"].to_string(), energy)
        };
        assert_eq!(updates(&replayed.update), update_of(&summary), "{machine}");
        assert!(replayed.update.energy_pj > 0.0, "{machine}");
        for (layer, expected) in replayed.layers.iter().zip(summary["layers"].as_array().unwrap()) {
            assert_eq!(updates(&layer.update), update_of(expected), "{machine} {}", layer.name);
            assert_eq!(summed(&layer.counters), of(expected), "{machine} {}", layer.name);
        }
    }
    // On another machine: as the run there, whose values are the same with exact accumulators.
    let (here, _) = train(&folder, "edge-16x16", &["--accumulator", "exact"]);
    let other = Machine::builtin("loom-like-16x128").unwrap();
    let replayed = replay(&Recording::read(&here).unwrap(), &other, None).unwrap();
    let (_, there) = train(&folder, "loom-like-16x128", &["--accumulator", "exact"]);
    assert_eq!(replayed.total.cycles.total().to_string(), there["cycles"].to_string());
    assert_eq!(replayed.total.energy.total_pj(), there["energy_pj"].as_f64().unwrap());
    assert_eq!(replayed.update.energy_pj, there["update_energy_pj"].as_f64().unwrap());
}

#[test]
fn replays_are_printed_in_three_ways() {
    let folder = TempDir::new().unwrap();
    let (trace, summary) = train(&folder, "edge-16x16", &["--trace-every", "2"]);
    let replay = |arguments: &[&str]| {
        let output = hwsim().arg("replay").arg(&trace).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let texts = (output.stdout, output.stderr);
        (String::from_utf8(texts.0).unwrap(), String::from_utf8(texts.1).unwrap())
    };
    let machines = ["--machine", "edge-16x16,tpu-like-256x256"];
    let (table, warnings) = replay(&machines);
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(warnings.contains("the trace leaves out 29 steps"), "{warnings}");
    let with = |more: &[&'static str]| replay(&[&machines[..], more].concat()).0;
    let csv = with(&["--per-layer", "--output", "csv"]);
    let layers = summary["layers"].as_array().unwrap().len();
    assert_eq!(csv.lines().count(), 1 + 2 * (layers + 1));
    let json: Value = serde_json::from_str(&with(&["--per-layer", "--output", "json"])).unwrap();
    assert_eq!(json["machines"][1]["machine"], "tpu-like-256x256");
    assert_eq!(json["machines"][0]["layers"].as_array().unwrap().len(), layers);
    assert!(json["machines"][0]["total"]["energy_total_pj"].as_f64().unwrap() > 0.0);
    assert!(json["machines"][0]["layers"][0]["update_energy_pj"].as_f64().unwrap() > 0.0);
    std::fs::write(folder.path().join("s.toml"), "[grid]\nrows = [4, 8, 16]\ncolumns = [4, 8]\n")
        .unwrap();
    let sweep = folder.path().join("s.toml");
    let (csv, _) = replay(&["--sweep", sweep.to_str().unwrap(), "--output", "csv"]);
    assert_eq!(csv.lines().count(), 7);
    assert!(csv.contains("edge-16x16 columns=4 rows=16,"));
}

fn sweep(out: &Path, arguments: &[&str]) -> Command {
    let mut command = hwsim();
    command.arg("sweep").args(arguments).arg("--quiet").arg("--out").arg(out);
    command
}

const COSTS: &[&str] = &[
    "--arch",
    "mlp",
    "--rows",
    "4,8,16",
    "--wl",
    "4,8",
    "--mac-style",
    "exact,fixed",
    "--mac-width",
    "4,8",
];

#[test]
fn a_sweep_of_shards_is_the_whole_sweep_and_its_front_is_found() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    sweep(&path("whole.csv"), COSTS).assert().success();
    let whole = std::fs::read_to_string(path("whole.csv")).unwrap();
    // Three rows, two word lengths; exact has no width, fixed two.
    assert_eq!(whole.lines().count(), 1 + 3 * 2 * 3);
    assert!(whole.starts_with("machine,rows,mac-style,mac-width,wl,macs,"));
    for index in 0..3 {
        sweep(&path("parts.csv"), COSTS)
            .args(["--shard", &format!("{index}/3")])
            .assert()
            .success();
    }
    let logs = (0..3).map(|index| path(&format!("parts.csv.shard-{index}-of-3.log")));
    hwsim().args(["sweep", "merge", "--out"]).arg(path("parts.csv")).args(logs).assert().success();
    assert_eq!(std::fs::read_to_string(path("parts.csv")).unwrap(), whole);

    let output = hwsim()
        .args("pareto front --minimise energy,cycles --csv".split(' '))
        .arg(path("front.csv"))
        .arg("--svg")
        .arg(path("front.svg"))
        .arg(path("whole.csv"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let flagged = std::fs::read_to_string(path("front.csv")).unwrap();
    let on_front = flagged.lines().filter(|line| line.ends_with(",true")).count();
    assert!(on_front >= 1 && flagged.lines().count() == 19);
    let last = format!("{on_front} of 18 rows are on the front\n");
    assert!(String::from_utf8(output.stdout).unwrap().ends_with(&last));
    let svg = std::fs::read_to_string(path("front.svg")).unwrap();
    assert_eq!(svg.matches("<circle").count(), 18);
    for text in
        ["cycles and energy: whole.csv</text>", ", µJ (less is better)", "<title>row 1, rows = 4, "]
    {
        assert!(svg.contains(text), "{text}\n{svg}");
    }
    let grouped = hwsim()
        .args("pareto front --minimise energy,cycles --group wl,mac-style --title".split(' '))
        .args(["8 < 16", "--svg"])
        .arg(path("groups.svg"))
        .arg(path("whole.csv"))
        .output()
        .unwrap();
    assert!(grouped.status.success(), "{}", String::from_utf8_lossy(&grouped.stderr));
    let text = String::from_utf8(grouped.stdout).unwrap();
    assert!(text.ends_with("of 18 rows are on the front of their group, of 4 groups\n"), "{text}");
    assert!(text.lines().next().unwrap().starts_with("row  wl  mac-style  "), "{text}");
    let svg = std::fs::read_to_string(path("groups.svg")).unwrap();
    assert!(svg.contains(">8 &lt; 16</text>") && svg.contains(">wl = 4, mac-style = fixed</text>"));
    let missing = hwsim()
        .args("pareto front --minimise energy --group joule".split(' '))
        .arg(path("whole.csv"))
        .output()
        .unwrap();
    let text = String::from_utf8(missing.stderr).unwrap();
    assert!(missing.status.code() == Some(2) && text.lines().count() == 1, "{text}");
    assert!(text.contains("no column `joule`"), "{text}");
    let joule =
        hwsim().args("pareto front --minimise joule".split(' ')).arg(path("whole.csv")).output();
    let joule = joule.unwrap();
    assert_eq!(joule.status.code(), Some(2));
    assert!(
        String::from_utf8(joule.stderr)
            .unwrap()
            .contains("no column `joule`: use some of `machine`")
    );
}

#[test]
fn wrong_sweeps_are_refused() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("x.csv");
    for (arguments, expected) in [
        (&["--rows", "0"][..], "array.rows"),
        (&["--rows", "8,8"], "8 twice"),
        (&["--set", "learning-rate=1"], "use --train"),
        (&["--wl", "40"], "40"),
        (&["--train", "--set", "batchsize=1"], "batchsize"),
        (&["--train", "--set", "trace=x"], "cannot be an axis"),
        (&["--machine", "enigma"], "unknown machine"),
    ] {
        let output = sweep(&out, arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
    }
    sweep(&out, &["--rows", "0,8", "--skip-impossible"]).assert().success();
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 2);
}

/// Formats in several notations and the parts of an accumulator, costed as `hwsim cost` costs them.
#[test]
fn formats_as_text_and_levels_are_axes() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("x.csv");
    let axes = [
        "--arch",
        "mlp",
        "--number-format",
        "8,4;ap_fixed<16,6,AP_RND,AP_SAT>",
        "--accumulator-inner-terms",
        "4,8",
        "--accumulator-inner-width",
        "16",
        "--set",
        "accumulator-inner-overflow=wrap",
    ];
    sweep(&out, &axes).assert().success();
    let mut reader = csv::Reader::from_path(&out).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    let cell = |row: &csv::StringRecord, name: &str| {
        row[header.iter().position(|column| column == name).unwrap()].to_owned()
    };
    for row in &rows {
        let costed = hwsim()
            .args(["cost", "--arch", "mlp", "--format", "json", "--number-format"])
            .arg(cell(row, "number-format"))
            .arg("--accumulator-inner-terms")
            .arg(cell(row, "accumulator-inner-terms"))
            .args(["--accumulator-inner-width", "16"])
            .output()
            .unwrap();
        let costed: Value = serde_json::from_slice(&costed.stdout).unwrap();
        let energy = &costed["machines"][0]["total"]["cost"]["energy"];
        let accumulate = energy["accumulator"].as_f64().unwrap();
        let swept: f64 = cell(row, "energy_accumulator_pj").parse().unwrap();
        assert!((swept - accumulate).abs() < 1e-9 * accumulate, "{swept} {accumulate}");
    }
    // Training takes both too.
    let train = ["--train", "--arch", "mlp", "--set", "controller=static", "--set", "max-steps=1"];
    let small = ["--set", "limit-train=32", "--set", "limit-test=10", "--set", "batch-size=32"];
    let wanted = ["--number-format", "u8,4;8,4", "--accumulator", "20", "--accumulator-fl", "4"];
    let out = folder.path().join("y.csv");
    sweep(&out, &[&train[..], &small[..], &wanted[..]].concat()).assert().success();
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 3);
    for (wrong, expected) in [
        (&["--number-format", "8,4", "--wl", "8"][..], "cannot be used with"),
        (&["--number-format", "8,4;8,4"], "twice"),
        (&["--number-format", "ap_fixed<0,0>"], "--number-format"),
        (&["--accumulator-inner-width", "16"], "needs `accumulator.inner_terms`"),
    ] {
        let output = sweep(&folder.path().join("z.csv"), wrong).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
    }
}

/// Training at 24 points, some 50 ms each.
const TRAINING: &[&str] = &[
    "--train",
    "--arch",
    "mlp",
    "--set",
    "controller=static",
    "--set",
    "max-steps=4",
    "--set",
    "limit-test=50",
    "--set",
    "limit-train=300",
    "--set",
    "batch-size=32",
    "--wl",
    "4,8",
    "--fl",
    "2,4",
    "--accumulator",
    "12,20,exact",
    "--rounding",
    "stochastic,nearest-even",
];

#[test]
fn a_sweep_killed_twenty_times_ends_with_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let data = data();
    let file = folder.path().join("sweep.toml");
    std::fs::write(&file, format!("[train]\ndata-dir = {:?}\n", data)).unwrap();
    let arguments = [TRAINING, &["--file", file.to_str().unwrap()]].concat();
    let whole = folder.path().join("whole.csv");
    let begin = Instant::now();
    sweep(&whole, &arguments).assert().success();
    let undisturbed = begin.elapsed();
    let expected = std::fs::read(&whole).unwrap();
    assert_eq!(String::from_utf8_lossy(&expected).lines().count(), 25);

    let killed = folder.path().join("killed.csv");
    let mut random = generator(20, &[]);
    let mut died = 0;
    for _ in 0..20 {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hwsim"));
        command.arg("sweep").args(&arguments).arg("--quiet").arg("--out").arg(&killed);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let most = (undisturbed.as_millis() as u32 / 4).max(2);
        std::thread::sleep(Duration::from_millis(below(&mut random, most).into()));
        // SIGKILL on Unix: no handler runs.
        child.kill().unwrap();
        died += u32::from(!child.wait().unwrap().success());
    }
    assert!(died > 0, "no run was killed in time");
    sweep(&killed, &arguments).assert().success();
    assert_eq!(std::fs::read(&killed).unwrap(), expected);
    // Nothing was evaluated twice: each key has one line in the log.
    let log = std::fs::read_to_string(folder.path().join("killed.csv.log")).unwrap();
    let mut keys: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("{\"result\":{\"key\":\"").map(|(_, rest)| &rest[..32]))
        .collect();
    let lines = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((keys.len(), lines), (24, 24));
}

/// The script run by hand, task by task, with a stand-in for sbatch.
#[cfg(unix)]
#[test]
fn the_slurm_script_carries_out_and_merges_the_sweep() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    sweep(&path("whole.csv"), COSTS).assert().success();
    sweep(Path::new("out.csv"), COSTS)
        .current_dir(folder.path())
        .args(["--slurm", "job.sh", "--shards", "3"])
        .assert()
        .success();
    let fake = "#!/bin/sh\necho \"$*\" >> calls\necho 42\n";
    std::fs::create_dir(path("bin")).unwrap();
    std::fs::write(path("bin/sbatch"), fake).unwrap();
    std::fs::set_permissions(path("bin/sbatch"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = |argument: Option<&str>, task: &str| {
        let mut command = Command::new("sh");
        let old = std::env::var("PATH").unwrap_or_default();
        command.current_dir(folder.path()).arg("job.sh").args(argument);
        command.env("PATH", format!("{}:{old}", path("bin").display()));
        command.env("HWSIM", env!("CARGO_BIN_EXE_hwsim")).env("SLURM_ARRAY_TASK_ID", task);
        command.assert().success();
    };
    script(Some("submit"), "");
    let calls = std::fs::read_to_string(path("calls")).unwrap();
    assert_eq!(
        calls,
        "--parsable job.sh\n--parsable --array=0-0 --dependency=afterok:42 --kill-on-invalid-dep=yes job.sh merge\n"
    );
    (0..3).for_each(|task| script(None, &task.to_string()));
    script(Some("merge"), "");
    assert_eq!(std::fs::read(path("out.csv")).unwrap(), std::fs::read(path("whole.csv")).unwrap());
}
