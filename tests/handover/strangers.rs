//! Another user, who may read the file, waits for its lock. An owner that drops the lock for an instant may lose it to him.

use crate::common::{
    Descendant, Descendants, NOTHING, TestDir, end_daemon, exited, is_at_work, is_watching,
    output_pids, wait_for,
};
use std::fs;
use std::process::{Child, Command, Stdio};

/// A user of his own who waits for the lock, and keeps it once he has it.
struct Stranger(Child);

impl Stranger {
    fn at_lock_of(dir: &TestDir) -> Stranger {
        let stranger = Command::new("setpriv")
            .args(["--reuid=54321", "--clear-groups"])
            .args(["flock", "--no-fork"])
            .arg(dir.pidfile())
            .arg("cat")
            .stdin(Stdio::piped())
            .spawn()
            .expect("setpriv and flock from util-linux");
        let stranger = Stranger(stranger);
        wait_for(|| stranger.waits(), "the stranger waits for the lock");
        stranger
    }

    /// Whether /proc/locks has him with an arrow.
    fn waits(&self) -> bool {
        let pid = self.0.id().to_string();
        let locks = fs::read_to_string("/proc/locks").expect("/proc/locks");
        locks.lines().any(|line| {
            let mut fields = line.split_ascii_whitespace();
            fields.nth(1) == Some("->") && fields.any(|field| field == pid)
        })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs root"]
fn lock_taken_by_a_stranger_during_exec_costs_nothing() {
    for strict in ["0", "1"] {
        let dir = TestDir::new();
        let host = dir.host("daemonizes").env("PIDFILE_STRICT", strict).spawn();
        let has_it = || is_at_work(host.pid()) && dir.content() == host.pid_line();
        wait_for(has_it, "an owner");
        let _stranger = Stranger::at_lock_of(&dir);
        // Each image has random bytes at an address of its own. The stranger may get the lock, or the new image before him.
        let image = || fs::read(format!("/proc/{}/auxv", host.pid())).expect("auxv");
        let first = image();
        host.signal(libc::SIGHUP);
        wait_for(|| image() != first, "exec has dropped the lock");
        wait_for(has_it, "the new image works");
        host.signal(libc::SIGINT);
        let ended = host.wait();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
        assert_eq!(dir.leftovers(), NOTHING, "strict: {strict}");
    }
}

#[test]
#[ignore = "needs root"]
fn lock_awaited_by_a_stranger_during_hand_over_costs_nothing() {
    let shapes: [&[&str]; 2] = [&["fork", "setsid"], &["fork", "setsid", "fork"]];
    for way in 0..4 {
        for shape in shapes {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let steps = [&["be told", "wait for", "pipe"], shape].concat();
            let mut host = dir.host("daemonizes").args(&steps).spawn();
            host.wait_until(|host| is_watching(host.pid()), "watching");
            let stranger = Stranger::at_lock_of(&dir);
            host.close_stdin();
            let ended = host.wait();
            assert_eq!(ended.status, exited(0), "{steps:?}: {ended:?}");
            let daemon = *output_pids(&dir, "process").last().expect("a daemon");
            wait_for(
                || is_at_work(daemon) && dir.content() == format!("{daemon}\n"),
                "the file names the daemon",
            );
            drop(stranger);
            end_daemon(&dir, Descendant::new(daemon), way, &steps);
        }
    }
}
