//! Daemons whose start is unusual: the session begins in a grandchild, or after the launcher, or in a chroot.

use super::daemon::{ANOTHER, Daemon, File, HTTP, Start, Use, User};
use super::machine_services::{DNS, DNS_ANSWER};

pub fn daemons() -> Vec<Daemon> {
    let mut all = terminals();
    all.extend(in_a_chroot());
    all
}

fn terminals() -> Vec<Daemon> {
    vec![
        Daemon {
            name: "tmux",
            program: "/usr/bin/tmux",
            arguments: "-S DATA/socket -f /dev/null new-session -d sleep 1000",
            usage: Use::Client("tmux -S DATA/socket list-sessions"),
            ..ANOTHER
        },
        Daemon {
            name: "znc",
            program: "/usr/bin/znc",
            arguments: "--datadir DATA/znc",
            configuration: "
Version = 1.8.2
<Listener l>
    Port = PORT
    Host = 127.0.0.1
    IPv4 = true
    IPv6 = false
    SSL = false
</Listener>
<User a>
    Admin = true
    Nick = a
    Pass = plain#a
</User>
",
            first: "mkdir -p DATA/znc/configs; cp DATA/conf DATA/znc/configs/znc.conf; chown -R nobody DATA/znc DATA/../run",
            started_by: User::Nobody,
            usage: Use::Port(HTTP, b"HTTP/1."),
            // For a moment there is no file: the session begins when the launcher is gone.
            start: Start::LauncherWithForerunner,
            ..ANOTHER
        },
    ]
}

fn in_a_chroot() -> Vec<Daemon> {
    vec![Daemon {
        name: "named -t",
        program: "/usr/sbin/named",
        arguments: "-t DATA/root -c /conf -u nobody -n 1",
        configuration: "
options {
    directory \"/\";
    pid-file none;
    session-keyfile none;
    listen-on port PORT { 127.0.0.1; };
    listen-on-v6 { none; };
    recursion no;
    dnssec-validation no;
};
controls { };
",
        first: "mkdir DATA/root; cp DATA/conf DATA/root/conf; chown -R nobody DATA/root",
        usage: Use::Port(DNS, DNS_ANSWER),
        file: File::Empty,
        ..ANOTHER
    }]
}
