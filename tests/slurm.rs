//! The job array of `hwsim sweep --slurm` on a real Slurm of one node, which the test starts and stops.
#![cfg(unix)]

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAMS: [&str; 6] = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo"];
const SWEEP: &str = "sweep --arch mlp --rows 4,8,16 --wl 4,8 --mac-width 4,8 --quiet --out out.csv";

/// Where a program is; daemons are often outside an ordinary user's PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path);
    let folders = folders.chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).stderr(Stdio::null()).output();
    output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|text| text.trim().into())
}

/// Daemons that end with the test.
struct Slurm {
    folder: TempDir,
    daemons: Vec<Child>,
}

impl Slurm {
    /// Starts a controller and a node of two processors.
    fn start() -> Self {
        let mut slurm = Self { folder: TempDir::new().unwrap(), daemons: Vec::new() };
        let at = |name: &str| slurm.folder.path().join(name).display().to_string();
        let host = output("hostname", &["-s"]).unwrap();
        let user = output("id", &["-un"]).unwrap();
        for folder in ["state", "spool"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        let key: Vec<u8> = (0..128u8).map(|i| i.wrapping_mul(73) ^ 0x5a).collect();
        std::fs::write(at("key"), key).unwrap();
        set_private(&at("key"));
        // Separate ports for every process, so that parallel tests do not collide.
        let port = 20_000 + std::process::id() % 20_000;
        let lines = [
            "ClusterName=one".into(),
            format!("SlurmctldHost={host}(127.0.0.1)"),
            format!("SlurmUser={user}"),
            format!("SlurmdUser={user}"),
            "AuthType=auth/munge".into(),
            format!("AuthInfo=socket={}", at("munge.sock")),
            format!("SlurmctldPort={port}"),
            format!("SlurmdPort={}", port + 1),
            format!("StateSaveLocation={}", at("state")),
            format!("SlurmdSpoolDir={}", at("spool")),
            format!("SlurmctldPidFile={}", at("slurmctld.pid")),
            format!("SlurmdPidFile={}", at("slurmd.pid")),
            format!("SlurmctldLogFile={}", at("slurmctld.log")),
            format!("SlurmdLogFile={}", at("slurmd.log")),
            // Neither control groups nor a database.
            "ProctrackType=proctrack/linuxproc".into(),
            "MpiDefault=none".into(),
            "SelectType=select/cons_tres".into(),
            "SelectTypeParameters=CR_Core".into(),
            "SchedulerParameters=batch_sched_delay=0,sched_min_interval=200000".into(),
            format!("NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN"),
            format!("PartitionName=main Nodes={host} Default=YES MaxTime=10 State=UP"),
        ];
        std::fs::write(at("slurm.conf"), lines.join("\n") + "\n").unwrap();
        let munge = [
            format!("--key-file={}", at("key")),
            format!("--socket={}", at("munge.sock")),
            format!("--pid-file={}", at("munged.pid")),
            format!("--log-file={}", at("munged.log")),
            format!("--seed-file={}", at("munged.seed")),
            "--force".into(),
            "-F".into(),
        ];
        let (socket, conf) = (at("munge.sock"), at("slurm.conf"));
        slurm.daemon("munged", &munge);
        slurm.wait("munged", || Path::new(&socket).exists());
        slurm.daemon("slurmctld", &["-D".into(), "-f".into(), conf.clone()]);
        slurm.daemon("slurmd", &["-D".into(), "-f".into(), conf.clone(), "-N".into(), host]);
        slurm.wait("an idle node", || {
            let sinfo = std::process::Command::new("sinfo")
                .args(["-h", "-o", "%T"])
                .env("SLURM_CONF", &conf)
                .stderr(Stdio::null())
                .output();
            sinfo.is_ok_and(|output| output.stdout.starts_with(b"idle"))
        });
        slurm
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    fn daemon(&mut self, program: &str, arguments: &[String]) {
        let mut command = std::process::Command::new(find(program).unwrap());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(command.spawn().unwrap());
    }

    /// Waits, but not for ever: with a daemon dead, every command of Slurm takes seconds.
    fn wait(&mut self, what: &str, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !ready() {
            for daemon in &mut self.daemons {
                assert!(daemon.try_wait().unwrap().is_none(), "a daemon ended, waiting for {what}");
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = std::process::Command::new("kill").arg(daemon.id().to_string()).status();
            let _ = daemon.wait();
        }
    }
}

fn set_private(file: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
#[allow(clippy::print_stderr, reason = "the log of a test")]
fn a_real_slurm_carries_out_and_merges_the_sweep() {
    let missing: Vec<_> = PROGRAMS.into_iter().filter(|program| find(program).is_none()).collect();
    if !missing.is_empty() {
        eprintln!("skipping: {} not installed", missing.join(", "));
        return;
    }
    let slurm = Slurm::start();
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let hwsim = || Command::new(env!("CARGO_BIN_EXE_hwsim"));
    let alone = SWEEP.replace("out.csv", "alone.csv");
    hwsim().current_dir(folder.path()).args(alone.split(' ')).assert().success();
    hwsim()
        .current_dir(folder.path())
        .args(SWEEP.split(' '))
        .args(["--slurm", "job.sh", "--shards", "3"])
        .assert()
        .success();
    let mut submit = Command::new("sh");
    submit.current_dir(folder.path()).args(["job.sh", "submit"]);
    submit.env("SLURM_CONF", slurm.conf()).env("HWSIM", env!("CARGO_BIN_EXE_hwsim"));
    submit.assert().success();
    let start = Instant::now();
    while !path("out.csv").exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "the merge did not come");
        std::thread::sleep(Duration::from_millis(200));
    }
    let (merged, alone) = (std::fs::read(path("out.csv")), std::fs::read(path("alone.csv")));
    assert_eq!(merged.unwrap(), alone.unwrap());
}
