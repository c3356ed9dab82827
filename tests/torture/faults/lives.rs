//! The lives of an owner in which the calls fail.

use crate::common::{Process, TestDir, wait_until_idle};
use std::fs;
use std::io::ErrorKind;

/// How an owner lives, and makes such calls.
pub struct Life {
    pub name: &'static str,
    pub settings: &'static [(&'static str, &'static str)],
    /// What is wrong all the time.
    pub always: Option<&'static str>,
    pub finds_a_stale_file: bool,
    pub plot: Plot,
}

/// Makes the host come to an end, and tells to which.
pub type Plot = fn(&TestDir, &Process) -> End;

/// By what a host ends.
pub enum End {
    EndOfInput,
    Signal(i32),
}

pub const PLAIN: Life = Life {
    name: "ends at once",
    settings: &[],
    always: None,
    finds_a_stale_file: false,
    plot: |_, _| End::EndOfInput,
};

pub const LIVES: &[Life] = &[
    PLAIN,
    // One that ends before the file is watched makes fewer calls, and other ones.
    Life {
        name: "ends when all is calm",
        plot: |_, host| {
            wait_until_idle(host);
            End::EndOfInput
        },
        ..PLAIN
    },
    Life {
        name: "is deleted",
        plot: is_deleted,
        ..PLAIN
    },
    Life {
        name: "is ended by a signal",
        plot: |_, host| {
            wait_until_idle(host);
            if host.is_running() {
                host.signal(libc::SIGTERM);
            }
            End::Signal(libc::SIGTERM)
        },
        ..PLAIN
    },
    Life {
        name: "finds a stale file",
        finds_a_stale_file: true,
        settings: &[("PIDFILE_EXE", "stops_before_constructors")],
        ..PLAIN
    },
    Life {
        name: "has no thread",
        settings: &[("PIDFILE_WATCH", "off")],
        finds_a_stale_file: true,
        ..PLAIN
    },
    Life {
        name: "polls, and is deleted",
        settings: &[("PIDFILE_WATCH", "poll")],
        plot: is_deleted,
        ..PLAIN
    },
    Life {
        name: "cannot make a file without a name, and tells the system's log all that happens",
        always: Some("linkat:error=EXDEV"),
        settings: &[("PIDFILE_LOG", "syslog")],
        ..PLAIN
    },
    Life {
        name: "is on an old kernel, and is deleted",
        always: Some("close_range:error=ENOSYS"),
        plot: is_deleted,
        ..PLAIN
    },
];

/// Either a deletion ends the program, or it was said at the start that it would not.
fn is_deleted(dir: &TestDir, host: &Process) -> End {
    wait_until_idle(host);
    if has_been_told(dir, host) {
        return End::EndOfInput;
    }
    match fs::remove_file(dir.pidfile()) {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{error}"),
        _ => End::Signal(libc::SIGTERM),
    }
}

/// Whether somebody can know that there is no PID file, or none that is watched. As strace lets a call fail in each thread,
/// it may be that stderr cannot be used either; the system's log is the next place.
fn has_been_told(dir: &TestDir, host: &Process) -> bool {
    let calls = fs::read_to_string(dir.path("out/strace")).unwrap_or_default();
    !host.stderr().is_empty() || calls.contains("/dev/log")
}
