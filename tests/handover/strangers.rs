//! Another user, who may read the file, waits for its lock. An owner that drops the lock for an instant may lose it to him.
//! Others take the addresses at which a successor listens, or speak to it in the owner's place.

use crate::common::{
    Descendant, Descendants, NOTHING, Probe, Process, TestDir, end_daemon, exited, extra_tasks_of,
    is_alive, is_at_work, is_locked, is_watching, killed_by, library, output_pids, rounds,
    wait_for, wait_until_idle,
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

/// Starts a launcher whose daemon stands by, until its input ends. Then the daemon does the rest.
fn launched(dir: &TestDir, rest: &[&str]) -> (Process, Descendant) {
    let steps = [&["wait for", "pipe", "fork", "setsid", "be told"], rest].concat();
    let launcher = dir.host("daemonizes").args(steps).spawn();
    let daemon = || output_pids(dir, "process").first().copied();
    let stands_by = || daemon().is_some_and(|pid| !extra_tasks_of(pid).is_empty());
    launcher.wait_until(|_| stands_by(), "the launcher of a daemon that stands by");
    let daemon = Descendant::new(daemon().unwrap());
    wait_until_idle(&launcher);
    (launcher, daemon)
}

/// One user takes all addresses at which the daemon could listen after exec. The owner finds the daemon at none of them, and
/// him neither: nobody inherits.
#[test]
#[ignore = "needs root"]
fn taken_addresses_after_exec_lead_nobody_astray() {
    for _ in 0..rounds(3) {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let (mut launcher, daemon) = launched(&dir, &["exec itself"]);
        let stranger = dir.host_as_nobody("takes_addresses").plain();
        let stranger = stranger.arg(daemon.pid.to_string()).spawn_ready();
        let probe = Probe::of(dir.pidfile());
        let owner = launcher.pid();
        launcher.close_stdin();
        assert_eq!(launcher.wait().status, exited(0));
        assert_eq!(dir.leftovers(), NOTHING);
        let seen = probe.finish();
        assert!(seen.iter().all(|pid| *pid == owner), "{seen:?}");
        assert!(stranger.is_running());
        wait_for(|| is_at_work(daemon.pid), "the daemon works without a file");
        daemon.signal(libc::SIGTERM);
        assert_eq!(daemon.wait(), killed_by(libc::SIGTERM));
    }
}

/// Neither another user nor a process of the same user: the daemon listens to its launcher.
#[test]
#[ignore = "needs root"]
fn message_of_another_than_the_owner_is_not_heard() {
    for (way, is_same_user) in [false, true, false, true].into_iter().enumerate() {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let (mut launcher, daemon) = launched(&dir, &[]);
        // What it would own.
        let other = dir.path("data/other.pid");
        fs::write(&other, daemon.pid_line()).unwrap();
        let stranger = match is_same_user {
            true => dir.host("sends_to_successor"),
            false => dir.host_as_nobody("sends_to_successor"),
        };
        let stranger = stranger.plain().arg(daemon.pid.to_string()).arg(&other);
        let _stranger = stranger.spawn_ready();
        assert!(is_alive(daemon.pid));
        assert_eq!(dir.content(), launcher.pid_line());
        launcher.close_stdin();
        assert_eq!(launcher.wait().status, exited(0));
        assert_eq!(dir.content(), daemon.pid_line());
        assert!(!is_locked(&other));
        end_daemon(&dir, daemon, way, &["be told"]);
        assert!(other.exists());
    }
}

/// A PID namespace that sees the /proc of another one: the PIDs in there are strangers.
#[test]
#[ignore = "needs root"]
fn daemon_below_a_foreign_proc_inherits() {
    for shape in ["fork setsid", "setsid fork", "fork setsid fork"] {
        let dir = TestDir::new();
        let script = "library=$1 pidfile=$2 program=$3 said=$4\n\
            env LD_PRELOAD=\"$library\" PIDFILE=\"$pidfile\" \"$program\" 'wait for' pipe $5 >\"$said\"\n\
            daemon=$(cat \"$pidfile\")\n\
            test \"process $daemon\" = \"$(tail -n 1 \"$said\")\"\n\
            ! env LD_PRELOAD=\"$library\" PIDFILE=\"$pidfile\" PIDFILE_STRICT=1 true\n\
            test \"$daemon\" = \"$(cat \"$pidfile\")\"\n\
            kill \"$daemon\"\n\
            while test -e \"$pidfile\"; do sleep 0.01; done";
        let host = dir.program("unshare").plain();
        let host = host.args([
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-e",
            "-c",
            script,
            "sh",
        ]);
        let host = host.args([library(), dir.pidfile(), dir.host_path("daemonizes")]);
        let ended = host.arg(dir.path("out/said")).arg(shape).run();
        assert_eq!(ended.status, exited(0), "{shape}: {ended:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{shape}");
    }
}
