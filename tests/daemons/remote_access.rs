//! Logins, tunnels, mail and file transfer.

use super::common::{Descendant, wait_until_main_thread_is_idle};
use super::daemon::{A_DAEMON, Daemon, File, OWN_DIRECTORY, Use};

pub fn daemons() -> Vec<Daemon> {
    vec![
        sshd(),
        sshd_reloaded(),
        dropbear(),
        stunnel(),
        openvpn(),
        tor(),
        dovecot(),
        vsftpd(),
        vsftpd_with_titles(),
        proftpd(),
    ]
}

/// Has files of its own in places that nobody can change: it gets places of its own.
fn sshd() -> Daemon {
    Daemon {
        name: "sshd",
        program: "/usr/bin/unshare",
        arguments: "--mount sh DATA/conf",
        configuration: "
set -e
mount -t tmpfs none /run
mkdir /run/sshd
exec /usr/sbin/sshd -f /dev/null -h DATA/key -p PORT -o ListenAddress=127.0.0.1 -E DATA/log
",
        first: "ssh-keygen -q -t ed25519 -N '' -f DATA/key",
        settings: &[("PIDFILE_EXE", "sshd")],
        usage: Use::Port(b"", b"SSH-2.0-"),
        ..A_DAEMON
    }
}

/// It calls exec on itself, and then, as its parent is not process 1 here, becomes a daemon once more.
fn sshd_reloaded() -> Daemon {
    Daemon {
        name: "sshd, reloaded by HUP",
        renewal: Some(|place, daemon| {
            daemon.signal(libc::SIGHUP);
            daemon.wait();
            Descendant::new(place.wait_for_the_daemon())
        }),
        ..sshd()
    }
}

fn dropbear() -> Daemon {
    Daemon {
        name: "dropbear",
        program: "/usr/sbin/dropbear",
        arguments: "-r DATA/key -p 127.0.0.1:PORT -P DATA/dropbear.pid",
        first: "dropbearkey -t ed25519 -f DATA/key",
        usage: Use::Port(b"", b"SSH-2.0-"),
        // It does not see a signal that comes between its look at the flag and select(2), without us too.
        settle: wait_until_main_thread_is_idle,
        ..A_DAEMON
    }
}

fn stunnel() -> Daemon {
    Daemon {
        name: "stunnel4",
        program: "/usr/bin/stunnel4",
        arguments: "DATA/conf",
        configuration: "
setuid = nobody
setgid = nogroup
pid =
syslog = no
output = DATA/log
[here]
client = yes
accept = 127.0.0.1:PORT
exec = /bin/echo
execArgs = echo SERVED
",
        // The other side of the tunnel speaks no TLS, so it ends it.
        usage: Use::Port(b"", b""),
        first: OWN_DIRECTORY,
        ..A_DAEMON
    }
}

fn openvpn() -> Daemon {
    Daemon {
        name: "openvpn",
        program: "/usr/sbin/openvpn",
        arguments: "--config DATA/conf --daemon",
        configuration: "
dev null
ifconfig-noexec
secret DATA/key
cipher AES-256-CBC
local 127.0.0.1
port PORT
management DATA/socket unix
log DATA/log
",
        first: "openvpn --genkey secret DATA/key",
        usage: Use::Socket(b"", b">INFO:"),
        is_quick: false,
        ..A_DAEMON
    }
}

fn tor() -> Daemon {
    Daemon {
        name: "tor",
        program: "/usr/sbin/tor",
        arguments: "-f DATA/conf --defaults-torrc /dev/null",
        configuration: "
RunAsDaemon 1
DisableNetwork 1
SocksPort 0
ControlPort 127.0.0.1:PORT
User nobody
DataDirectory DATA/tor
Log notice file DATA/log
",
        first: "install -d -m 700 -o nobody DATA/tor",
        usage: Use::Port(b"PROTOCOLINFO\r\n", b"250 OK"),
        file: File::Empty,
        is_quick: false,
        ..A_DAEMON
    }
}

fn dovecot() -> Daemon {
    Daemon {
        name: "dovecot",
        program: "/usr/sbin/dovecot",
        arguments: "-c DATA/conf",
        configuration: "
base_dir = DATA/base
state_dir = DATA/state
log_path = DATA/log
protocols =
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
passdb {
    driver = passwd-file
    args = /dev/null
}
service auth {
    unix_listener DATA/socket {
        mode = 0666
    }
}
",
        usage: Use::Socket(b"VERSION\t1\t2\nCPID\t1\n", b"DONE\n"),
        is_quick: false,
        ..A_DAEMON
    }
}

fn vsftpd() -> Daemon {
    Daemon {
        name: "vsftpd",
        program: "/usr/sbin/vsftpd",
        arguments: "DATA/conf",
        configuration: "\
listen=YES
listen_address=127.0.0.1
listen_port=PORT
background=YES
anonymous_enable=NO
local_enable=YES
secure_chroot_dir=DATA/empty
vsftpd_log_file=DATA/log
",
        first: "mkdir -m 755 DATA/empty",
        usage: Use::Port(b"", b"220 "),
        is_quick: false,
        ..A_DAEMON
    }
}

/// Each process says in its title what it does: it writes that over its arguments and its environment.
fn vsftpd_with_titles() -> Daemon {
    Daemon {
        name: "vsftpd with titles",
        first: "mkdir -m 755 DATA/empty; echo setproctitle_enable=YES >>DATA/conf",
        ..vsftpd()
    }
}

fn proftpd() -> Daemon {
    Daemon {
        name: "proftpd",
        program: "usr/sbin/proftpd",
        arguments: "-c DATA/conf",
        configuration: "
ServerType standalone
UseIPv6 off
DefaultAddress 127.0.0.1
SocketBindTight on
Port PORT
User nobody
Group nogroup
PidFile DATA/proftpd.pid
ScoreboardFile DATA/scoreboard
DelayEngine off
WtmpLog off
TransferLog none
SystemLog DATA/log
",
        // It refuses to write where everybody may.
        first: "chmod 755 DATA; chown nobody DATA/../run",
        usage: Use::Port(b"", b"220 "),
        is_quick: false,
        ..A_DAEMON
    }
}
