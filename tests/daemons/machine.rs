//! More daemons for disks and for the machine, each of another author.

use super::common::wait_until_main_thread_is_idle;
use super::daemon::{ANOTHER, Daemon, OWN_DIRECTORY, Use};

pub fn daemons() -> Vec<Daemon> {
    let mut all = of_disks();
    all.extend(of_machines());
    all
}

fn of_disks() -> Vec<Daemon> {
    vec![
        Daemon {
            name: "rsync --daemon",
            program: "/usr/bin/rsync",
            arguments: "--daemon --config=DATA/conf",
            configuration: "
port = PORT
address = 127.0.0.1
pid file = DATA/rsync.pid
log file = DATA/log
",
            usage: Use::Port(b"", b"@RSYNCD:"),
            ..ANOTHER
        },
        Daemon {
            name: "nbd-server",
            program: "/usr/bin/nbd-server",
            arguments: "-C DATA/conf -p DATA/nbd.pid",
            configuration: "[generic]\nport = PORT\nlistenaddr = 127.0.0.1\n[a]\nexportname = DATA/disk\n",
            first: "truncate --size 1M DATA/disk",
            usage: Use::Port(b"", b"NBDMAGIC"),
            ..ANOTHER
        },
        Daemon {
            name: "qemu-nbd --fork",
            program: "/usr/bin/qemu-nbd",
            arguments: "--fork --persistent --format raw --bind 127.0.0.1 --port PORT DATA/disk",
            first: "truncate --size 1M DATA/disk",
            usage: Use::Port(b"", b"NBDMAGIC"),
            ..ANOTHER
        },
        Daemon {
            name: "slapd",
            program: "/usr/sbin/slapd",
            arguments: "-h ldap://127.0.0.1:PORT -f DATA/conf",
            configuration: "pidfile DATA/slapd.pid\n",
            usage: Use::Runs("slapd"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "pgbouncer -d",
            program: "/usr/sbin/pgbouncer",
            arguments: "-d -u nobody DATA/conf",
            configuration: "
[databases]
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = PORT
unix_socket_dir =
auth_type = any
logfile = DATA/log
pidfile = DATA/pgbouncer.pid
",
            first: OWN_DIRECTORY,
            usage: Use::Runs("pgbouncer"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
    ]
}

fn of_machines() -> Vec<Daemon> {
    vec![
        Daemon {
            name: "rsyslogd",
            program: "/usr/sbin/rsyslogd",
            arguments: "-f DATA/conf -i DATA/rsyslogd.pid",
            configuration: "
module(load=\"imuxsock\" SysSock.Use=\"off\")
input(type=\"imuxsock\" Socket=\"DATA/socket\")
*.* DATA/log
",
            usage: Use::Catches(libc::SIGHUP),
            ..ANOTHER
        },
        Daemon {
            name: "collectd",
            program: "/usr/sbin/collectd",
            arguments: "-C DATA/conf -P DATA/collectd.pid",
            configuration: "BaseDir \"DATA\"\nLoadPlugin cpu\n",
            usage: Use::Runs("collectd"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "dbus-daemon --fork",
            program: "/usr/bin/dbus-daemon",
            arguments: "--session --fork --nopidfile --address=unix:path=DATA/socket",
            usage: Use::Socket(b"\0AUTH\r\n", b"REJECTED"),
            ..ANOTHER
        },
        Daemon {
            name: "gpg-agent --daemon",
            program: "/usr/bin/gpg-agent",
            arguments: "--daemon --homedir DATA/gpg",
            first: "mkdir -m 700 DATA/gpg",
            usage: Use::Runs("gpg-agent"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "inotifywait --daemon",
            program: "/usr/bin/inotifywait",
            arguments: "--daemon --outfile DATA/log DATA/conf",
            first: "touch DATA/log",
            usage: Use::Runs("inotifywait"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
    ]
}
