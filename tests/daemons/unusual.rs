//! Daemons whose start is unusual: the session begins in a grandchild, or after the launcher, or in a chroot; and more of the
//! usual ones, each of another author.

use super::common::wait_until_main_thread_is_idle;
use super::daemon::{A_DAEMON, Daemon, File, HTTP, OWN_DIRECTORY, Start, Use, User};
use super::machine_services::{DNS, DNS_ANSWER};

/// One that is not tried by `make test`.
const ANOTHER: Daemon = Daemon {
    is_quick: false,
    ..A_DAEMON
};

pub fn daemons() -> Vec<Daemon> {
    let mut all = terminals();
    all.extend(in_a_chroot());
    all.extend(name_servers());
    all.extend(of_the_web());
    all.extend(of_disks());
    all.extend(of_machines());
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

fn name_servers() -> Vec<Daemon> {
    vec![
        Daemon {
            name: "unbound",
            program: "/usr/sbin/unbound",
            arguments: "-c DATA/conf",
            configuration: "
server:
    directory: \"DATA\"
    chroot: \"\"
    username: \"\"
    interface: 127.0.0.1@PORT
    pidfile: \"DATA/unbound.pid\"
    use-syslog: no
    logfile: \"DATA/log\"
    module-config: \"iterator\"
    local-zone: \".\" refuse
remote-control:
    control-enable: no
",
            usage: Use::Port(DNS, DNS_ANSWER),
            ..ANOTHER
        },
        Daemon {
            name: "nsd",
            program: "/usr/sbin/nsd",
            arguments: "-c DATA/conf",
            configuration: "
server:
    ip-address: 127.0.0.1@PORT
    username: \"\"
    chroot: \"\"
    database: \"\"
    zonesdir: \"DATA\"
    pidfile: \"DATA/nsd.pid\"
    xfrdfile: \"DATA/xfrd\"
    zonelistfile: \"DATA/zones\"
    xfrdir: \"DATA\"
    logfile: \"DATA/log\"
remote-control:
    control-enable: no
",
            usage: Use::Port(DNS, DNS_ANSWER),
            ..ANOTHER
        },
        Daemon {
            name: "epmd -daemon",
            program: "/usr/bin/epmd",
            arguments: "-daemon -port PORT -address 127.0.0.1",
            usage: Use::Runs("epmd"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "oidentd",
            program: "/usr/sbin/oidentd",
            arguments: "-a 127.0.0.1 -p PORT -u nobody -g nogroup",
            usage: Use::Runs("oidentd"),
            first: OWN_DIRECTORY,
            ..ANOTHER
        },
    ]
}

fn of_the_web() -> Vec<Daemon> {
    vec![
        Daemon {
            name: "mini_httpd",
            program: "/usr/sbin/mini_httpd",
            arguments: "-p PORT -h 127.0.0.1 -d DATA -i DATA/mini.pid -u nobody",
            usage: Use::Port(HTTP, b"HTTP/1."),
            first: OWN_DIRECTORY,
            ..ANOTHER
        },
        Daemon {
            name: "busybox httpd",
            program: "/bin/busybox",
            arguments: "httpd -p 127.0.0.1:PORT -h DATA",
            usage: Use::Port(HTTP, b"HTTP/1."),
            ..ANOTHER
        },
        Daemon {
            name: "privoxy",
            program: "/usr/sbin/privoxy",
            arguments: "--pidfile DATA/privoxy.pid DATA/conf",
            configuration: "
listen-address 127.0.0.1:PORT
confdir /etc/privoxy
logdir DATA
",
            usage: Use::Port(HTTP, b"HTTP/1."),
            ..ANOTHER
        },
        Daemon {
            name: "transmission-daemon",
            program: "/usr/bin/transmission-daemon",
            arguments: "-g DATA/transmission -p PORT -x DATA/transmission.pid",
            usage: Use::Port(HTTP, b"HTTP/1."),
            ..ANOTHER
        },
        Daemon {
            name: "ngircd",
            program: "/usr/sbin/ngircd",
            arguments: "-f DATA/conf",
            configuration: "
[Global]
Name = a.example
AdminEMail = a@a.example
Listen = 127.0.0.1
Ports = PORT
ServerUID = nobody
ServerGID = nogroup
[Options]
Ident = no
PAM = no
DNS = no
",
            first: OWN_DIRECTORY,
            usage: Use::Port(b"QUIT\r\n", b"ERROR"),
            ..ANOTHER
        },
        Daemon {
            name: "bitlbee -D",
            program: "/usr/sbin/bitlbee",
            arguments: "-D -c DATA/conf -p PORT -i 127.0.0.1 -P DATA/bitlbee.pid -d DATA",
            configuration: "[settings]\n",
            usage: Use::Runs("bitlbee"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "redsocks",
            program: "/usr/sbin/redsocks",
            arguments: "-c DATA/conf",
            configuration: "
base { log = \"file:DATA/log\"; daemon = on; redirector = generic; }
redsocks { local_ip = 127.0.0.1; local_port = PORT; ip = 127.0.0.1; port = 9; type = socks5; }
",
            usage: Use::Runs("redsocks"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "rinetd",
            program: "/usr/sbin/rinetd",
            arguments: "-c DATA/conf",
            configuration: "127.0.0.1 PORT 127.0.0.1 9\npidlogfile DATA/rinetd.pid\n",
            usage: Use::Runs("rinetd"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "6tunnel",
            program: "/usr/bin/6tunnel",
            arguments: "-4 -l 127.0.0.1 PORT 127.0.0.1 9",
            usage: Use::Runs("6tunnel"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
        Daemon {
            name: "iperf3 -D",
            program: "/usr/bin/iperf3",
            arguments: "-s -D -p PORT -B 127.0.0.1",
            usage: Use::Runs("iperf3"),
            settle: wait_until_main_thread_is_idle,
            ..ANOTHER
        },
    ]
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
