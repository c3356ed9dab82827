//! Other tools that know PID files agree with us on who is alive.

use crate::common::{Ended, NOTHING, Process, TestDir, exited, killed_by};
use std::path::Path;

fn owner(dir: &TestDir) -> Process {
    dir.host("waits_for_signal").spawn_owner()
}

/// The file of an owner that had no chance to remove it, while another process has its PID: this one.
fn stale(dir: &TestDir) {
    let owner = owner(dir);
    owner.signal(libc::SIGKILL);
    owner.wait();
    std::fs::write(dir.pidfile(), format!("{}\n", std::process::id())).unwrap();
}

fn tool(dir: &TestDir, words: &[&str]) -> Ended {
    dir.program(words[0]).plain().args(&words[1..]).run()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn pgrep_and_pkill_lock_check_find_the_owner() {
    let dir = TestDir::new();
    let pidfile = dir.pidfile();
    let file = path(&pidfile);

    let owner = owner(&dir);
    let found = tool(&dir, &["pgrep", "--pidfile", file, "--logpidfile"]);
    assert_eq!((found.status, found.stdout), (exited(0), owner.pid_line()));
    let killed = tool(&dir, &["pkill", "-F", file, "-L"]);
    assert_eq!(killed.status, exited(0), "{}", killed.stderr);
    assert_eq!(owner.wait().status, killed_by(libc::SIGTERM));

    // Without the check this would send a signal to whoever has the PID now. 0 sends none.
    stale(&dir);
    let stale = ["pkill", "-0", "-F", file];
    assert_eq!(tool(&dir, &stale).status, exited(0));
    let refused = tool(&dir, &[&stale[..], &["-L"]].concat());
    assert_ne!(refused.status, exited(0));
    assert!(refused.stderr.contains("pidfile"), "{}", refused.stderr);
}

#[test]
fn libbsd_sees_our_live_owner() {
    let dir = TestDir::new();
    let ask = || {
        let asked = dir.host("asks_pidfile_open").plain();
        let asked = asked.arg(dir.pidfile()).run();
        assert_eq!(asked.status, exited(0), "{asked:?}");
        asked.stdout
    };
    let owner = owner(&dir);
    let before = dir.identity();
    assert_eq!(ask(), "somebody\n");
    assert_eq!(dir.identity(), before);
    owner.signal(libc::SIGTERM);
    owner.wait();
    assert_eq!(ask(), "nobody\n");
    stale(&dir);
    assert_eq!(ask(), "nobody\n");
    assert_eq!(dir.leftovers(), NOTHING);
}

/// And the other way round: a live owner of libbsd's is one for us.
#[test]
fn live_libbsd_owner_is_respected() {
    let dir = TestDir::new();
    let mut other = dir
        .host("writes_pidfile_by_libbsd")
        .plain()
        .arg(dir.pidfile())
        .spawn_ready();
    let before = dir.identity();
    let ours = dir.host("returns_status").arg("3").run();
    assert_eq!(ours.status, exited(3));
    assert!(
        ours.stderr.contains(&format!("PID {}", other.pid())),
        "{}",
        ours.stderr
    );
    assert_eq!(dir.identity(), before);
    other.close_stdin();
    assert_eq!(other.wait().status, exited(0));
}

#[test]
fn start_stop_daemon_stops_the_owner() {
    const RUNNING: i32 = 0;
    const DEAD_WITH_PIDFILE: i32 = 1;
    const NOT_RUNNING: i32 = 3;
    let dir = TestDir::new();
    let pidfile = dir.pidfile();
    let status = || {
        let words = ["start-stop-daemon", "--status", "--pidfile", path(&pidfile)];
        tool(&dir, &words).status
    };
    let stop = || {
        let words = [
            "start-stop-daemon",
            "--stop",
            "--retry=TERM/30",
            "--pidfile",
        ];
        tool(&dir, &[&words[..], &[path(&pidfile)]].concat())
    };
    assert_eq!(status(), exited(NOT_RUNNING));

    let owner = owner(&dir);
    assert_eq!(status(), exited(RUNNING));
    // It waits until the process has gone, so that somebody has to collect it.
    let collector = std::thread::spawn(move || owner.wait());
    let stopped = stop();
    assert_eq!(stopped.status, exited(0), "{stopped:?}");
    assert_eq!(collector.join().unwrap().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
    assert_eq!(status(), exited(NOT_RUNNING));
    assert_eq!(stop().status, exited(1));

    let owner = self::owner(&dir);
    owner.signal(libc::SIGKILL);
    owner.wait();
    assert_eq!(status(), exited(DEAD_WITH_PIDFILE));
}

/// It starts nothing where the file names a live process, and so never a second instance.
#[test]
fn start_stop_daemon_starts_no_second_instance() {
    let dir = TestDir::new();
    let pidfile = dir.pidfile();
    let host = dir.host_path("waits_for_eof");
    let start = || {
        dir.program("start-stop-daemon")
            .arg("--start")
            .args(["--pidfile", path(&pidfile), "--exec", path(&host)])
            .env("PIDFILE_EXE", "waits_for_eof")
    };
    let mut first = start().spawn_owner();
    let second = start().run();
    assert_eq!(second.status, exited(1), "{second:?}");
    assert_eq!(dir.content(), first.pid_line());
    first.close_stdin();
    assert_eq!(first.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}
