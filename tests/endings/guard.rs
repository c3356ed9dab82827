//! `PIDFILE_GUARD=1`: the file goes where no handler of the program sees its end.

use super::memory_group::MemoryGroup;
use crate::common::{
    Descendant, Descendants, NOTHING, Process, TestDir, children_of, daemonize_with, exited,
    go_program, killed_by, library, wait_for,
};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub const WITH_GUARD: (&str, &str) = ("PIDFILE_GUARD", "1");

/// The guards that run now, each with the file that it says to be of.
pub fn guards() -> Vec<(i32, PathBuf)> {
    const TITLE: &[u8] = b"libpidfile: guard of ";
    let processes = fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let title = line.split(|byte| *byte == 0).next()?;
        let file = title.strip_prefix(TITLE)?.to_vec();
        Some((pid, OsString::from_vec(file).into()))
    })
    .collect()
}

/// The guards of a file that run now.
pub fn guards_of(pidfile: &Path) -> Vec<i32> {
    let guards = guards().into_iter();
    let guards = guards.filter(|(_, file)| file == pidfile);
    guards.map(|(pid, _)| pid).collect()
}

#[track_caller]
pub fn guard_of(dir: &TestDir) -> Descendant {
    // Its command line says what it is once it has left the program.
    wait_for(
        || guards_of(&dir.pidfile()).len() == 1,
        "one guard is there",
    );
    Descendant::new(guards_of(&dir.pidfile())[0])
}

#[track_caller]
pub fn wait_until_unguarded(dir: &TestDir) {
    wait_for(|| guards_of(&dir.pidfile()).is_empty(), "no guard is left");
}

pub fn owner(dir: &TestDir, program: &str) -> Process {
    dir.host(program)
        .env(WITH_GUARD.0, WITH_GUARD.1)
        .spawn_owner()
}

#[test]
fn sigkill_removes_file() {
    for watch in ["auto", "poll", "off"] {
        let dir = TestDir::new();
        let _descendants = Descendants::of(&dir);
        let host = dir
            .host("waits_for_eof")
            .env(WITH_GUARD.0, WITH_GUARD.1)
            .env("PIDFILE_WATCH", watch)
            .spawn_owner();
        host.signal(libc::SIGKILL);
        assert_eq!(host.wait().status, killed_by(libc::SIGKILL));
        wait_for(
            || dir.leftovers() == NOTHING,
            "the guard has removed the file",
        );
        wait_until_unguarded(&dir);
    }
}

#[test]
fn without_setting_sigkill_leaves_stale_file() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let host = dir.host("waits_for_eof").spawn_owner();
    assert_eq!(guards_of(&dir.pidfile()), []);
    host.signal(libc::SIGKILL);
    host.wait();
    assert_eq!(dir.leftovers(), ["a.pid"]);
}

#[test]
fn orderly_end_ends_guard() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let mut host = owner(&dir, "waits_for_eof");
    guard_of(&dir);
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
    wait_until_unguarded(&dir);
}

#[test]
fn deletion_terminates_and_ends_guard() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let host = owner(&dir, "waits_for_signal");
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    wait_until_unguarded(&dir);
}

#[test]
fn new_image_after_exec_keeps_guard() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let host = dir
        .host("execs_itself")
        .arg("5")
        .env(WITH_GUARD.0, WITH_GUARD.1)
        .spawn_owner();
    guard_of(&dir);
    host.signal(libc::SIGKILL);
    host.wait();
    wait_for(
        || dir.leftovers() == NOTHING,
        "the guard has removed the file",
    );
    wait_until_unguarded(&dir);
}

#[test]
fn handover_moves_guard_to_daemon() {
    for steps in [
        &["fork", "setsid"][..],
        &["fork", "setsid", "fork"],
        &["daemon(0, 0)"],
    ] {
        let dir = TestDir::new();
        let _descendants = Descendants::of(&dir);
        let daemon = daemonize_with(&dir, steps, &[WITH_GUARD]);
        let guard = guard_of(&dir);
        assert!(!children_of(daemon.pid).contains(&guard.pid), "{steps:?}");
        daemon.signal(libc::SIGKILL);
        assert_eq!(daemon.wait(), killed_by(libc::SIGKILL), "{steps:?}");
        wait_for(
            || dir.leftovers() == NOTHING,
            "the guard has removed the file",
        );
        wait_until_unguarded(&dir);
    }
}

/// A file that another owner has put there since is never touched, and has one guard of its own.
#[test]
fn successor_file_is_left_alone() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    for _ in 0..20 {
        let first = owner(&dir, "waits_for_signal");
        first.signal(libc::SIGKILL);
        first.wait();
        let second = owner(&dir, "waits_for_signal");
        wait_for(|| guards_of(&dir.pidfile()).len() == 1, "one guard is left");
        assert_eq!(dir.content(), second.pid_line());
        second.signal(libc::SIGTERM);
        second.wait();
        assert_eq!(dir.leftovers(), NOTHING);
        wait_until_unguarded(&dir);
    }
}

/// What is at the path after the program has ended but no longer its own file stays.
#[test]
fn foreign_content_is_left_alone() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let host = owner(&dir, "waits_for_eof");
    let other = dir.path("data/other");
    fs::write(&other, "not a PID file\n").unwrap();
    fs::rename(&other, dir.pidfile()).unwrap();
    host.signal(libc::SIGKILL);
    host.wait();
    wait_until_unguarded(&dir);
    assert_eq!(dir.content(), "not a PID file\n");
}

#[test]
#[ignore = "needs root"]
fn no_process_left_is_told_in_one_line() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let host = dir
        .program("prlimit")
        .arg("--nproc=1")
        .arg(dir.host_path("waits_for_eof"))
        .env("PIDFILE_EXE", "waits_for_eof")
        .env("LD_PRELOAD", dir.copy(&library(), "755"))
        .env("PIDFILE_WATCH", "off")
        .env(WITH_GUARD.0, WITH_GUARD.1);
    // The limit counts an ordinary user's processes only.
    fs::set_permissions(dir.path("run"), fs::Permissions::from_mode(0o777)).unwrap();
    let mut host = host.run_by(54_321).spawn_ready();
    assert_eq!(dir.content(), host.pid_line(), "{}", host.stderr());
    let told = host.stderr();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(
        told.contains("is not guarded") && told.contains("a.pid"),
        "{told}"
    );
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// A program of Go's runtime, linked to libc as cgo does: its end calls no function of libc's.
#[test]
fn go_program_leaves_no_file() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let program = go_program(&dir, "tests/endings/exits_from_go.go");
    let mut host = dir
        .program(&program)
        .env(WITH_GUARD.0, WITH_GUARD.1)
        .spawn_owner();
    host.close_stdin();
    assert_eq!(host.wait().status, exited(3));
    wait_for(
        || dir.leftovers() == NOTHING,
        "the guard has removed the file",
    );
}

/// The kernel kills the program where its control group has no memory left. The guard is in the same group.
#[test]
#[ignore = "needs root"]
fn out_of_memory_leaves_no_file() {
    let dir = TestDir::new();
    let limit = MemoryGroup::new();
    let _descendants = Descendants::of(&dir);
    let mut host = dir
        .program("sh")
        .args(["-c", "echo $$ >\"$1/cgroup.procs\"; exec \"$2\"", "sh"])
        .args([&limit.group, &dir.host_path("allocates_without_end")])
        .env("PIDFILE_EXE", "allocates_without_end")
        .env(WITH_GUARD.0, WITH_GUARD.1)
        .spawn_owner();
    host.close_stdin();
    assert_eq!(host.wait().status, killed_by(libc::SIGKILL));
    wait_for(
        || dir.leftovers() == NOTHING,
        "the guard has removed the file",
    );
}
