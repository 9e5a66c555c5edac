//! SIGINT (Ctrl-C) and SIGTERM: the first asks a run to stop cleanly, the second ends the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Exit code of a run that was interrupted: 128 + SIGINT, as shells report it.
pub const EXIT_CODE: u8 = 130;

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Catches SIGINT and SIGTERM from now on and returns a flag that the first of them sets; a second
/// one ends the process at once with [`EXIT_CODE`].
///
/// Every call returns the same flag. If the system refuses the handler, signals keep their usual
/// effect and the flag stays unset.
pub fn install() -> Arc<AtomicBool> {
    let flag = REQUESTED.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let in_handler = Arc::clone(&flag);
        // An error leaves the usual effect of signals in force, which is all that can be done.
        let _ = ctrlc::set_handler(move || {
            if in_handler.swap(true, Ordering::SeqCst) {
                std::process::exit(EXIT_CODE.into());
            }
        });
        flag
    });
    Arc::clone(flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_gives_the_same_flag() {
        assert!(Arc::ptr_eq(&install(), &install()));
        assert!(!install().load(Ordering::SeqCst));
    }

    /// Set for the child process.
    const CHILD: &str = "HWSIM_TEST_SIGNALS";

    /// The child process of the tests below: it says when it is ready and when it was
    /// asked to stop, then waits for a second signal.
    #[test]
    #[ignore = "started by the tests of signals"]
    #[allow(clippy::print_stderr, reason = "the tests read it")]
    fn child() {
        use std::time::{Duration, Instant};
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let flag = install();
        eprintln!("ready");
        let start = Instant::now();
        let mut told = false;
        while start.elapsed() < Duration::from_secs(60) {
            if flag.load(Ordering::SeqCst) && !told {
                eprintln!("asked to stop");
                told = true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[cfg(unix)]
    fn signal_twice(signal: &str) {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cli::interrupt::tests::child", "--ignored", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let send = |id: u32| {
            let command = format!("kill -{signal} {id}");
            assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
        };
        for expected in ["ready", "asked to stop"] {
            assert!(lines.any(|line| line.unwrap() == expected), "no `{expected}`");
            send(child.id());
        }
        assert_eq!(child.wait().unwrap().code(), Some(EXIT_CODE.into()));
    }

    #[test]
    #[cfg(unix)]
    fn a_second_interrupt_ends_the_process() {
        signal_twice("INT");
    }

    #[test]
    #[cfg(unix)]
    fn termination_counts_as_interrupt() {
        signal_twice("TERM");
    }
}
