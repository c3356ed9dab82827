//! What has to be told of a daemon so that it can be tried.

use super::common::Descendant;
use super::place::Place;

/// How to know that a daemon is up, and to use it a little.
pub enum Use {
    /// Says this on the Unix socket `DATA/socket`, and gets an answer that has that in it.
    Socket(&'static [u8], &'static [u8]),
    /// The same on the TCP port of the place.
    Port(&'static [u8], &'static [u8]),
    /// A command for a shell, which may name the `PID`.
    Client(&'static str),
    /// It can only be seen that it catches this signal; it gets it.
    Catches(i32),
    /// It can only be seen to be this program.
    Runs(&'static str),
}

/// What becomes of the file at SIGTERM.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum File {
    Gone,
    /// What the daemon has become has neither the right to remove it nor, maybe, a way to it.
    Empty,
}

/// A daemon. In its texts `DATA` is its private directory, `PORT` a port of its own on the loopback interface, `HOST` our own
/// program that does nothing.
pub struct Daemon {
    pub name: &'static str,
    /// If it is a relative path: where `scripts/setup` unpacks what cannot be installed beside other packages.
    pub program: &'static str,
    /// Divided at spaces.
    pub arguments: &'static str,
    /// Goes to `DATA/conf`.
    pub configuration: &'static str,
    /// What has to be done first, for a shell.
    pub first: &'static str,
    pub settings: &'static [(&'static str, &'static str)],
    pub usage: Use,
    pub started_by: User,
    pub start: Start,
    /// What to wait for beyond its first answer, before it takes signals as it will later.
    pub settle: fn(i32),
    /// What it goes through once it runs; answers who has the file then.
    pub renewal: Option<fn(&Place, Descendant) -> Descendant>,
    /// What ends it, and so what it gets at a deletion.
    pub signal: i32,
    pub file: File,
    /// Whether `make test` tries it too.
    pub is_quick: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum User {
    Root,
    Nobody,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The program that is started ends, and leaves the daemon behind.
    Launcher,
    /// As that; but a program of the daemon's name runs before it, and has the file meanwhile.
    LauncherWithForerunner,
    /// The program that is started is the daemon.
    Foreground,
}

pub const A_DAEMON: Daemon = Daemon {
    name: "",
    program: "",
    arguments: "",
    configuration: "",
    first: "",
    settings: &[],
    usage: Use::Socket(b"", b""),
    started_by: User::Root,
    start: Start::Launcher,
    settle: |_| (),
    renewal: None,
    signal: libc::SIGTERM,
    file: File::Gone,
    is_quick: true,
};

/// One that is not tried by `make test`.
pub const ANOTHER: Daemon = Daemon {
    is_quick: false,
    ..A_DAEMON
};

/// For a service that is not root any more when it becomes a daemon.
pub const OWN_DIRECTORY: &str = "chown nobody DATA/../run";

pub const HTTP: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
