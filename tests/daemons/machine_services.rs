//! What keeps a machine going: names, time, jobs, monitoring.

use super::daemon::{A_DAEMON, Daemon, File, OWN_DIRECTORY, Use};

pub fn daemons() -> Vec<Daemon> {
    vec![
        cron(),
        dnsmasq(),
        named(),
        chronyd(),
        ntpd(),
        snmpd(),
        avahi_daemon(),
    ]
}

/// Asks for the address of "a.", over TCP, and how the answer begins: with the same number.
pub const DNS: &[u8] = b"\0\x13\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
pub const DNS_ANSWER: &[u8] = b"\x12\x34";

/// Asks for the time, and fails unless somebody answers.
macro_rules! ntp_client {
    () => {
        r#"
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.connect(("127.0.0.1", int(sys.argv[1])))
client.send(bytes([0b00_100_011]) + bytes(47))
sys.exit(len(client.recv(99)) != 48)
"#
    };
}

/// The machine's own jobs are not ours to run.
fn cron() -> Daemon {
    Daemon {
        name: "cron",
        program: "/usr/bin/unshare",
        arguments: "--mount sh DATA/conf",
        configuration: "
set -e
for place in /run /etc/cron.d /var/spool/cron; do mount -t tmpfs none $place; done
mkdir /var/spool/cron/crontabs
if [ -e /etc/crontab ]; then mount --bind /dev/null /etc/crontab; fi
exec /usr/sbin/cron
",
        settings: &[("PIDFILE_EXE", "cron")],
        usage: Use::Catches(libc::SIGHUP),
        ..A_DAEMON
    }
}

fn dnsmasq() -> Daemon {
    Daemon {
        name: "dnsmasq",
        program: "/usr/sbin/dnsmasq",
        arguments: "-C DATA/conf",
        configuration: "
port=PORT
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
address=/a/127.0.0.1
pid-file=DATA/dnsmasq.pid
log-facility=DATA/log
user=nobody
",
        usage: Use::Port(DNS, DNS_ANSWER),
        file: File::Empty,
        ..A_DAEMON
    }
}

fn named() -> Daemon {
    Daemon {
        name: "named",
        program: "/usr/sbin/named",
        arguments: "-c DATA/conf -u nobody -n 1",
        configuration: "
options {
    directory \"DATA\";
    pid-file \"DATA/named.pid\";
    session-keyfile \"DATA/session.key\";
    listen-on port PORT { 127.0.0.1; };
    listen-on-v6 { none; };
    recursion no;
    dnssec-validation no;
};
controls { };
",
        usage: Use::Port(DNS, DNS_ANSWER),
        first: OWN_DIRECTORY,
        is_quick: false,
        ..A_DAEMON
    }
}

/// `-x`: the machine's clock is not ours to set.
fn chronyd() -> Daemon {
    Daemon {
        name: "chronyd",
        program: "usr/sbin/chronyd",
        arguments: "-x -u nobody -f DATA/conf",
        configuration: "
pidfile DATA/chronyd.pid
port PORT
bindaddress 127.0.0.1
bindcmdaddress /
cmdport 0
allow 127.0.0.1
local
",
        usage: Use::Client(concat!("python3 -c '", ntp_client!(), "' PORT")),
        file: File::Empty,
        is_quick: false,
        ..A_DAEMON
    }
}

/// Always serves on port 123: it gets a network of its own.
fn ntpd() -> Daemon {
    Daemon {
        name: "ntpd",
        program: "/usr/bin/unshare",
        arguments: "--net sh DATA/conf",
        configuration: concat!(
            "
ip link set lo up
exec ",
            env!("CARGO_MANIFEST_DIR"),
            "/target/unpacked/usr/sbin/ntpd -c DATA/ntp.conf -p DATA/ntpd.pid -l DATA/log
"
        ),
        first: "printf '%s\\n' 'disable ntp' 'tos orphan 5' >DATA/ntp.conf",
        settings: &[("PIDFILE_EXE", "ntpd")],
        usage: Use::Client(concat!(
            "nsenter --target PID --net python3 -c '",
            ntp_client!(),
            "' 123"
        )),
        is_quick: false,
        ..A_DAEMON
    }
}

fn snmpd() -> Daemon {
    Daemon {
        name: "snmpd",
        program: "/usr/sbin/snmpd",
        arguments: "-C -c DATA/conf -u nobody -g nogroup -Lf DATA/log -p DATA/snmpd.pid tcp:127.0.0.1:PORT",
        configuration: "rocommunity public 127.0.0.1\n",
        settings: &[("SNMP_PERSISTENT_DIR", "DATA/snmp")],
        // GET of sysUpTime; the answer names the same community.
        usage: Use::Port(
            b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x07\x02\x01\0\x02\x01\0\
              \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x03\0\x05\0",
            b"public",
        ),
        file: File::Empty,
        is_quick: false,
        ..A_DAEMON
    }
}

/// Computes the room for its title from the end of its last environment string. Without D-Bus, which would go on when it ends.
fn avahi_daemon() -> Daemon {
    Daemon {
        name: "avahi-daemon",
        program: "/usr/bin/unshare",
        arguments: "--mount --net sh DATA/script",
        configuration: "
[server]
enable-dbus=no
use-ipv6=no
[publish]
disable-publishing=yes
",
        first: "printf '%s\\n' 'set -e' 'mount -t tmpfs none /run' 'mkdir /run/avahi-daemon' 'chown avahi /run/avahi-daemon' \
                'ip link set lo up' 'exec /usr/sbin/avahi-daemon --daemonize --file DATA/conf' >DATA/script",
        settings: &[("PIDFILE_EXE", "avahi-daemon")],
        usage: Use::Client("tr '\\0' ' ' </proc/PID/cmdline | grep -q running"),
        file: File::Empty,
        is_quick: false,
        ..A_DAEMON
    }
}
