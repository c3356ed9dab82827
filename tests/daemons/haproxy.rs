//! HAProxy in each of the ways in which it is started.

use super::common::{catches, children_of, is_alive, wait_for};
use super::daemon::{A_DAEMON, Daemon, File, HTTP, OWN_DIRECTORY, Start, Use};
use std::fs;

/// The configuration with further lines in the section `global`.
macro_rules! configuration {
    ($global:literal) => {
        concat!(
            "global\n    user nobody\n    group nogroup\n",
            $global,
            "\
defaults
    mode http
    timeout client 9s
    timeout server 9s
    timeout connect 9s
listen here
    bind unix@DATA/socket
    http-request return status 200 content-type text/plain string served
"
        )
    };
}

pub fn daemons() -> Vec<Daemon> {
    vec![
        haproxy(),
        haproxy_in_a_chroot(),
        haproxy_with_a_master(),
        haproxy_as_systemd_starts_it(),
    ]
}

fn haproxy() -> Daemon {
    Daemon {
        name: "haproxy -D",
        program: "/usr/sbin/haproxy",
        arguments: "-D -f DATA/conf",
        configuration: configuration!(""),
        first: OWN_DIRECTORY,
        usage: Use::Socket(HTTP, b"served"),
        ..A_DAEMON
    }
}

/// The child enters the chroot and gives up root, and only then begins its session.
fn haproxy_in_a_chroot() -> Daemon {
    Daemon {
        name: "haproxy -D, in a chroot",
        configuration: configuration!("    chroot DATA/jail\n"),
        first: "mkdir DATA/jail",
        file: File::Empty,
        ..haproxy()
    }
}

fn haproxy_with_a_master() -> Daemon {
    Daemon {
        name: "haproxy -W -D",
        arguments: "-W -D -f DATA/conf",
        settle: wait_until_it_is_the_master,
        is_quick: false,
        ..haproxy()
    }
}

/// Its worker answers before; then it calls exec on itself.
fn wait_until_it_is_the_master(pid: i32) {
    wait_for(
        || {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let is_master = String::from_utf8_lossy(&environment).contains("MWORKER_WAIT_ONLY=1");
            is_master && catches(pid, libc::SIGUSR2)
        },
        "it is the master",
    );
}

/// It calls exec on itself when it is told to reload, and its old worker leaves when it has no more to do.
fn haproxy_as_systemd_starts_it() -> Daemon {
    Daemon {
        name: "haproxy -Ws, reloaded by USR2",
        arguments: "-Ws -f DATA/conf",
        start: Start::Foreground,
        renewal: Some(|place, daemon| {
            let running = || {
                let mut workers = children_of(daemon.pid);
                workers.retain(|pid| is_alive(*pid));
                workers
            };
            let before = running();
            daemon.signal(libc::SIGUSR2);
            wait_for(
                || {
                    let now = running();
                    !now.is_empty() && now.iter().all(|pid| !before.contains(pid))
                },
                &format!("it has new workers\n{}", place.log()),
            );
            wait_until_it_is_the_master(daemon.pid);
            daemon
        }),
        settle: wait_until_it_is_the_master,
        is_quick: false,
        ..haproxy()
    }
}
