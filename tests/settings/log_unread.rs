//! Nobody waits for a log that nobody reads: a full pipe or socket, a stopped terminal.

use crate::common::{HostCommand, TestDir, exited};
use crate::log_targets::{SETTINGS, SystemLog, deleted, host, is_in_the_log};
use std::fs::{self, File};
use std::io::{Write, pipe};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;

fn set_nonblocking(fd: i32, nonblocking: bool) {
    let flags = if nonblocking { libc::O_NONBLOCK } else { 0 };
    // SAFETY: plain call on a descriptor that the caller keeps open.
    assert_eq!(unsafe { libc::fcntl(fd, libc::F_SETFL, flags) }, 0);
}

/// Until not a byte more goes in.
fn fill(stream: impl Into<OwnedFd>) -> OwnedFd {
    let mut stream = File::from(stream.into());
    set_nonblocking(stream.as_raw_fd(), true);
    for size in [4096, 1] {
        while stream.write(&vec![b'x'; size]).is_ok() {}
    }
    set_nonblocking(stream.as_raw_fd(), false);
    stream.into()
}

fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = pipe().unwrap();
    (reader.into(), fill(writer))
}

fn full_socket() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = UnixStream::pair().unwrap();
    (reader.into(), fill(writer))
}

/// A terminal on which somebody has pressed ^S.
fn stopped_terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: room for both descriptors, which are new; the rest may be null.
    let (ours, theirs) = unsafe {
        let opened = libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            none,
            none.cast(),
            none.cast(),
        );
        assert_eq!(opened, 0);
        assert_eq!(libc::tcflow(theirs, libc::TCOOFF), 0);
        (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    };
    (ours, theirs)
}

/// Nobody reads what the host is about to say, neither there nor in the system's log.
#[track_caller]
fn waits_for_nobody(what: &str, stderr: fn() -> (OwnedFd, OwnedFd)) {
    for setting in SETTINGS {
        let dir = TestDir::new();
        let log = SystemLog::of(&dir);
        log.fill(&dir);
        let (_reader, writer) = stderr();
        let host = host(&dir, "waits_for_eof", setting).stderr(writer).spawn();
        deleted(host, &dir);

        symlink("/", dir.pidfile()).unwrap();
        let (_reader, writer) = stderr();
        let host = host_with(&dir, setting, writer);
        assert_eq!(host.run().status, exited(3), "{what}, {setting}");
        let lines = log.lines();
        assert!(lines.len() > 1, "{what}: the log was full");
        assert!(lines.iter().all(|line| line == "<13>busy"), "{what}");
    }
}

fn host_with<'dir>(dir: &'dir TestDir, setting: &str, stderr: OwnedFd) -> HostCommand<'dir> {
    let host = host(dir, "returns_status", setting).arg("3");
    host.stderr(stderr)
}

#[test]
#[ignore = "needs root"]
fn full_pipe_never_blocks_the_host() {
    waits_for_nobody("pipe", full_pipe);
}

#[test]
#[ignore = "needs root"]
fn full_socket_never_blocks_the_host() {
    waits_for_nobody("socket", full_socket);
}

#[test]
#[ignore = "needs root"]
fn stopped_terminal_never_blocks_the_host() {
    waits_for_nobody("terminal", stopped_terminal);
}

/// What stderr has no room for goes to the system's log.
#[test]
#[ignore = "needs root"]
fn full_pipe_sends_messages_to_system_log() {
    let dir = TestDir::new();
    let log = SystemLog::of(&dir);
    let (_reader, writer) = full_pipe();
    let host = host(&dir, "waits_for_eof", "auto").stderr(writer);
    is_in_the_log(&dir, host.spawn(), &log);
}

/// Writing there costs a signal too, SIGPIPE.
#[test]
#[ignore = "needs root"]
fn pipe_without_reader_uses_system_log() {
    for watch in ["auto", "off"] {
        let dir = TestDir::new();
        let log = SystemLog::of(&dir);
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        if watch == "auto" {
            let host = host(&dir, "waits_for_eof", "auto");
            is_in_the_log(&dir, host.stderr(writer.try_clone().unwrap()).spawn(), &log);
        }
        symlink("/", dir.pidfile()).unwrap();
        let host = host_with(&dir, "auto", writer.into()).env("PIDFILE_WATCH", watch);
        assert_eq!(host.run().status, exited(3));
        assert_eq!(log.lines().len(), 1);
    }
}

/// The one who listened has gone, and left the socket behind; or there is none.
#[test]
#[ignore = "needs root"]
fn missing_system_log_is_harmless() {
    for exists in [true, false] {
        for setting in ["auto", "syslog"] {
            let dir = TestDir::new();
            drop(SystemLog::of(&dir));
            if !exists {
                fs::remove_file(dir.path("out/log")).unwrap();
            }
            let (_reader, writer) = full_pipe();
            let host = host(&dir, "waits_for_eof", setting).stderr(writer).spawn();
            deleted(host, &dir);
        }
    }
}
