//! What is said, and where it is said.

use crate::common::{
    Ended, HostCommand, NOTHING, Process, TestDir, exited, is_watching, killed_by,
};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixStream};

/// The system's log, as the programs of one test directory see it.
pub struct SystemLog(pub UnixDatagram);

/// Only they have it at /dev/log.
const HAS_LOG: &str = "mount -t tmpfs tmpfs /dev
                       mknod -m 666 /dev/null c 1 3
                       ln -s \"${pidfile%/run/*}/out/log\" /dev/log";

impl SystemLog {
    pub fn of(dir: &TestDir) -> SystemLog {
        let log = UnixDatagram::bind(dir.path("out/log")).unwrap();
        log.set_nonblocking(true).unwrap();
        SystemLog(log)
    }

    /// What has come since the last time.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = [0; 1000];
        while let Ok(size) = self.0.recv(&mut line) {
            lines.push(String::from_utf8_lossy(&line[..size]).into_owned());
        }
        lines
    }

    pub fn fill(&self, dir: &TestDir) {
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_nonblocking(true).unwrap();
        while sender.send_to(b"<13>busy", dir.path("out/log")).is_ok() {}
    }
}

/// A program that has a system log.
pub fn host<'dir>(dir: &'dir TestDir, name: &str, setting: &str) -> HostCommand<'dir> {
    dir.host_after(HAS_LOG, name).env("PIDFILE_LOG", setting)
}

pub fn deleted(host: Process, dir: &TestDir) -> Ended {
    host.wait_until_ready();
    assert_eq!(dir.content(), host.pid_line());
    host.wait_until(|host| is_watching(host.pid()), "watching");
    dir.remove_pidfile();
    let ended = host.wait();
    assert_eq!(ended.status, killed_by(libc::SIGTERM), "{ended:?}");
    assert_eq!(dir.leftovers(), NOTHING);
    ended
}

/// The lines that stderr and the system's log get when these things happen.
fn expected_lines(dir: &TestDir, pid: i32, what: &[&str]) -> (Vec<String>, Vec<String>) {
    let path = dir.pidfile();
    let [stderr, log] = [
        "libpidfile: ".to_owned(),
        format!("<28>libpidfile[{pid}]: "),
    ]
    .map(|start| {
        let lines = what
            .iter()
            .map(|what| format!("{start}{}: {what}", path.display()));
        lines.collect()
    });
    (stderr, log)
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn went_where_it_was_to_go(
    setting: &str,
    stderr: &str,
    log: Vec<String>,
    what: (Vec<String>, Vec<String>),
) {
    let expected = match setting {
        "off" => (Vec::new(), Vec::new()),
        "syslog" => (Vec::new(), what.1),
        _ => (what.0, Vec::new()),
    };
    assert_eq!((lines_of(stderr), log), expected, "{setting}");
}

pub const SETTINGS: [&str; 4] = ["auto", "stderr", "syslog", "off"];

#[test]
#[ignore = "needs root"]
fn undisturbed_life_is_reported_as_set() {
    for setting in SETTINGS {
        let dir = TestDir::new();
        let log = SystemLog::of(&dir);
        let mut host = host(&dir, "waits_for_eof", setting).spawn_ready();
        let pid = host.pid();
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        let names = format!("names PID {pid} now");
        let all = [names.as_str(), "removed: the program ends"];
        let what = if setting == "auto" { &[] } else { &all[..] };
        let what = expected_lines(&dir, pid, what);
        went_where_it_was_to_go(setting, &ended.stderr, log.lines(), what);
    }
}

#[test]
#[ignore = "needs root"]
fn deletion_is_reported_as_set() {
    for setting in SETTINGS {
        let dir = TestDir::new();
        let log = SystemLog::of(&dir);
        let host = host(&dir, "waits_for_eof", setting).spawn();
        let pid = host.pid();
        let ended = deleted(host, &dir);
        let names = format!("names PID {pid} now");
        let end = format!("was deleted: terminating PID {pid} with SIGTERM");
        let all = [names.as_str(), end.as_str()];
        let what = if setting == "auto" { &all[1..] } else { &all };
        let what = expected_lines(&dir, pid, what);
        went_where_it_was_to_go(setting, &ended.stderr, log.lines(), what);
    }
}

#[test]
#[ignore = "needs root"]
fn unusable_file_is_reported_as_set() {
    for setting in SETTINGS {
        let dir = TestDir::new();
        let log = SystemLog::of(&dir);
        symlink("/", dir.pidfile()).unwrap();
        let host = host(&dir, "returns_status", setting).arg("3").spawn();
        let pid = host.pid();
        let ended = host.wait();
        assert_eq!(ended.status, exited(3));
        let what = "is a symbolic link; this program runs without a PID file";
        let what = expected_lines(&dir, pid, &[what]);
        went_where_it_was_to_go(setting, &ended.stderr, log.lines(), what);
    }
}

/// The deletion of such a program is in the system's log.
#[track_caller]
pub fn is_in_the_log(dir: &TestDir, host: Process, log: &SystemLog) {
    let pid = host.pid();
    let ended = deleted(host, dir);
    assert_eq!(ended.stderr, "");
    let what = format!("was deleted: terminating PID {pid} with SIGTERM");
    assert_eq!(log.lines(), expected_lines(dir, pid, &[&what]).1);
}

#[test]
#[ignore = "needs root"]
fn stderr_closed_at_start_uses_system_log() {
    for script in ["exec 2>&-", "exec 2>/dev/null"] {
        let dir = TestDir::new();
        let log = SystemLog::of(&dir);
        let script = format!("{HAS_LOG}\n{script}");
        let host = dir.host_after(&script, "waits_for_eof").spawn();
        is_in_the_log(&dir, host, &log);
    }
}

#[test]
#[ignore = "needs root"]
fn stderr_closed_by_host_uses_system_log() {
    let dir = TestDir::new();
    let log = SystemLog::of(&dir);
    let host = host(&dir, "changes_stderr", "auto").spawn();
    is_in_the_log(&dir, host, &log);
}

/// Whether that is a log or the host's data, nobody can know.
#[test]
#[ignore = "needs root"]
fn stderr_replaced_by_host_uses_system_log() {
    let dir = TestDir::new();
    let other = dir.path("data/other");
    File::create(&other).unwrap();
    for path in ["/dev/null", other.to_str().unwrap()] {
        let dir = TestDir::new();
        let log = SystemLog::of(&dir);
        let host = host(&dir, "changes_stderr", "auto").arg(path).spawn();
        is_in_the_log(&dir, host, &log);
    }
    assert_eq!(fs::read_to_string(&other).unwrap(), "");
}

/// As after the rotation of a log by copying.
#[test]
#[ignore = "needs root"]
fn stderr_reopened_same_file_gets_messages() {
    let dir = TestDir::new();
    let log = SystemLog::of(&dir);
    let path = dir.path("data/log");
    let file = File::create(&path).unwrap();
    let host = host(&dir, "changes_stderr", "auto").arg(&path).stderr(file);
    let host = host.spawn();
    let pid = host.pid();
    deleted(host, &dir);
    let what = format!("was deleted: terminating PID {pid} with SIGTERM");
    assert_eq!(
        lines_of(&fs::read_to_string(&path).unwrap()),
        expected_lines(&dir, pid, &[&what]).0
    );
    assert_eq!(log.lines(), [""; 0]);
}

/// systemd gives services a socket.
#[test]
#[ignore = "needs root"]
fn stderr_socket_gets_messages() {
    let dir = TestDir::new();
    let log = SystemLog::of(&dir);
    let (mut reader, writer) = UnixStream::pair().unwrap();
    let host = host(&dir, "waits_for_eof", "auto").stderr(OwnedFd::from(writer));
    let host = host.spawn();
    let pid = host.pid();
    deleted(host, &dir);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let what = format!("was deleted: terminating PID {pid} with SIGTERM");
    assert_eq!(lines_of(&text), expected_lines(&dir, pid, &[&what]).0);
    assert_eq!(log.lines(), [""; 0]);
}
