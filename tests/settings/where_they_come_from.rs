//! Which setting counts, and how little happens without one.

use crate::common::{Mode, NOTHING, Process, TestDir, calls_in, exited, library, tasks_of, trace};
use std::fs;
use std::path::{Path, PathBuf};

/// Starts a host, and tells which of the files that it could have taken hold its PID.
fn owned_by(host: &Process, candidates: &[&Path]) -> Vec<PathBuf> {
    host.wait_until_ready();
    candidates
        .iter()
        .filter(|path| fs::read_to_string(path).is_ok_and(|content| content == host.pid_line()))
        .map(PathBuf::from)
        .collect()
}

#[test]
fn pidfile_path_wins_over_pidfile() {
    let dir = TestDir::new();
    let other = dir.path("run/other.pid");
    let mut host = dir
        .host("waits_for_eof")
        .env("PIDFILE_PATH", &other)
        .spawn();
    assert_eq!(owned_by(&host, &[&dir.pidfile(), &other]), [other]);
    assert_eq!(dir.leftovers(), ["other.pid"]);
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn pidfile_path_alone_is_enough() {
    let dir = TestDir::new();
    let host = dir
        .host("waits_for_eof")
        .without("PIDFILE")
        .env("PIDFILE_PATH", dir.pidfile())
        .spawn();
    assert_eq!(owned_by(&host, &[&dir.pidfile()]), [dir.pidfile()]);
}

#[test]
fn command_line_wins_over_environment() {
    let dir = TestDir::new();
    let other = dir.path("run/other.pid");
    let third = dir.path("run/third.pid");
    let mut host = dir
        .host("waits_for_eof")
        .env("PIDFILE_PATH", &other)
        .args(["-noshell", "-kernel", "pidfile"])
        .arg(format!("{third:?}"))
        .arg("-extra")
        .spawn();
    assert_eq!(owned_by(&host, &[&dir.pidfile(), &other, &third]), [third]);
    assert_eq!(dir.leftovers(), ["third.pid"]);
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn command_line_alone_is_enough() {
    let dir = TestDir::new();
    let host = dir
        .host("waits_for_eof")
        .inert()
        .args(["-kernel", "pidfile"])
        .arg(format!("{:?}", dir.pidfile()))
        .spawn();
    assert_eq!(owned_by(&host, &[&dir.pidfile()]), [dir.pidfile()]);
}

#[test]
fn no_setting_no_file_and_no_thread() {
    let nothing_set = |dir: &TestDir| dir.host("waits_for_eof").inert().spawn();
    let set_to_nothing = |dir: &TestDir| dir.host("waits_for_eof").env("PIDFILE", "").spawn();
    for start in [nothing_set, set_to_nothing] {
        let dir = TestDir::new();
        let mut host = start(&dir);
        host.wait_until_ready();
        assert_eq!(tasks_of(host.pid()), [host.pid()]);
        assert_eq!(dir.leftovers(), NOTHING);
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        assert_eq!(ended.stderr, "");
    }
}

/// This path runs in every child process of every host.
#[test]
fn no_setting_not_one_system_call() {
    let plain = calls_after_loading(Mode::Plain);
    assert!(plain.iter().any(|name| name == "writev"), "{plain:?}");
    assert_eq!(calls_after_loading(Mode::Inert), plain);
    assert_ne!(calls_after_loading(Mode::Active), plain);
}

/// The names of the system calls from the first constructor on.
fn calls_after_loading(mode: Mode) -> Vec<String> {
    let dir = TestDir::new();
    let host = dir.host("stops_before_constructors").mode(mode);
    let (ended, log) = trace(&dir, host, &[], Process::close_stdin);
    assert_eq!(ended.status, exited(7));
    let calls = calls_in(&log).into_iter();
    calls.map(|(_, name)| name.to_owned()).collect()
}

/// A program that got its privileges from a set-user-ID bit must not create files where its caller wants them.
#[test]
#[ignore = "needs root"]
fn setuid_program_ignores_settings() {
    let dir = TestDir::new();
    let host = dir.copy(&dir.host_path("shows_secure_mode"), "4755");
    // In secure execution the loader preloads only what lies in a system directory and is setuid itself. So the library
    // takes the place of one that belongs to libc and that nobody needs, in a mount namespace that ends with the host.
    let library = dir.copy(&library(), "4755");
    let place = fs::read_dir("/usr/lib")
        .unwrap()
        .map(|entry| entry.unwrap().path().join("libpcprofile.so"))
        .find(|path| path.exists())
        .expect("libpcprofile.so, which is part of Debian's libc6");
    let script = "mount --bind \"$1\" \"$2\" && exec setpriv --reuid=65534 --regid=65534 --clear-groups \
                  env LD_PRELOAD=libpcprofile.so PIDFILE=\"$3\" \"$4\" libpcprofile.so";
    let ended = dir
        .program("unshare")
        .plain()
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([&library, &place, &dir.pidfile(), &host])
        .run();
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("secure 1, euid 0, loaded 1, threads 1\n", "")
    );
    assert_eq!(ended.status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}
