//! Servers that people run, from Debian, in their own daemon mode: the file follows them, a deletion ends them the way SIGTERM
//! does, and nothing is left of it. With `PIDFILE_ALL_DAEMONS=1` (`make test-daemons`) all of them, else the quick ones.

mod common;

use common::{
    Host, NOTHING, Onlooker, Orphan, Scene, children_of, is_alive, status_line, wait_for,
};
use std::env;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// How to know that a daemon is up, and to use it a little.
enum Use {
    /// Says this on the Unix socket `DATA/socket`, and gets an answer that has that in it.
    Socket(&'static [u8], &'static [u8]),
    /// The same on the TCP port of the scene.
    Port(&'static [u8], &'static [u8]),
    /// It can only be seen that it catches this signal; it gets it.
    Catches(i32),
    /// It can only be seen to be this program.
    Runs(&'static str),
}

/// A daemon. `DATA` is its private directory, `PORT` a port of its own on the loopback interface, `HOST` our own program that
/// does nothing.
struct Daemon {
    name: &'static str,
    program: &'static str,
    /// Divided at spaces.
    arguments: &'static str,
    /// Goes to `DATA/conf`.
    configuration: &'static str,
    /// What has to be done first, for a shell.
    first: &'static str,
    settings: &'static [(&'static str, &'static str)],
    usage: Use,
    /// What it has become has neither the right to remove the file nor, maybe, a way to it.
    is_left_empty: bool,
    is_quick: bool,
}

const HTTP: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
/// Asks for the address of "a.", over TCP, and how the answer begins: with the same number.
const DNS: &[u8] = b"\0\x13\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
const DNS_ANSWER: &[u8] = b"\x12\x34";

/// Of a service that is not root any more when it becomes a daemon.
const OWN_DIRECTORY: &str = "chown nobody DATA/../run";

const A_DAEMON: Daemon = Daemon {
    name: "",
    program: "",
    arguments: "",
    configuration: "",
    first: "",
    settings: &[],
    usage: Use::Socket(b"", b""),
    is_left_empty: false,
    is_quick: true,
};

const NGINX: Daemon = Daemon {
    name: "nginx",
    program: "/usr/sbin/nginx",
    arguments: "-p DATA -e DATA/errors -c DATA/conf",
    configuration: "
worker_processes 2;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server { listen unix:DATA/socket; }
}
",
    usage: Use::Socket(HTTP, b"HTTP/1.1 "),
    ..A_DAEMON
};

/// Has files of its own in places that nobody can change: it gets places of its own.
const SSHD: Daemon = Daemon {
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
};

fn daemons() -> Vec<Daemon> {
    vec![
        NGINX,
        Daemon {
            name: "redis-server",
            program: "/usr/bin/redis-server",
            arguments: "DATA/conf",
            configuration: "
daemonize yes
port 0
unixsocket DATA/socket
dir DATA
logfile DATA/log
pidfile DATA/redis.pid
save \"\"
",
            usage: Use::Socket(b"PING\r\n", b"+PONG"),
            ..A_DAEMON
        },
        Daemon {
            name: "memcached",
            program: "/usr/bin/memcached",
            arguments: "-d -u nobody -s DATA/socket",
            usage: Use::Socket(b"version\r\n", b"VERSION "),
            first: OWN_DIRECTORY,
            ..A_DAEMON
        },
        Daemon {
            name: "lighttpd",
            program: "/usr/sbin/lighttpd",
            arguments: "-f DATA/conf",
            configuration: "
server.document-root = \"DATA\"
server.bind = \"DATA/socket\"
server.errorlog = \"DATA/log\"
server.username = \"nobody\"
server.groupname = \"nogroup\"
",
            usage: Use::Socket(HTTP, b"HTTP/1."),
            first: OWN_DIRECTORY,
            ..A_DAEMON
        },
        SSHD,
        Daemon {
            name: "dropbear",
            program: "/usr/sbin/dropbear",
            arguments: "-r DATA/key -p 127.0.0.1:PORT -P DATA/dropbear.pid",
            first: "dropbearkey -t ed25519 -f DATA/key >/dev/null 2>&1",
            usage: Use::Port(b"", b"SSH-2.0-"),
            ..A_DAEMON
        },
        // The machine's own jobs are not ours to run.
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
        },
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
            is_left_empty: true,
            ..A_DAEMON
        },
        Daemon {
            name: "tinyproxy",
            program: "/usr/bin/tinyproxy",
            arguments: "-c DATA/conf",
            configuration: "
User nobody
Group nogroup
Port PORT
Listen 127.0.0.1
Timeout 9
LogFile \"DATA/log\"
PidFile \"DATA/tinyproxy.pid\"
MaxClients 9
",
            usage: Use::Port(HTTP, b"HTTP/1.0 400 "),
            is_left_empty: true,
            ..A_DAEMON
        },
        Daemon {
            name: "mosquitto",
            program: "/usr/sbin/mosquitto",
            arguments: "-d -c DATA/conf",
            configuration: "
user nobody
listener PORT 127.0.0.1
allow_anonymous true
log_dest none
",
            // CONNECT, as the client "a"; CONNACK.
            usage: Use::Port(b"\x10\x0d\0\x04MQTT\x04\x02\0\x09\0\x01a", b"\x20\x02"),
            first: OWN_DIRECTORY,
            ..A_DAEMON
        },
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
        },
        Daemon {
            name: "gunicorn -D",
            program: "/usr/bin/gunicorn",
            arguments: "-D -b unix:DATA/socket --chdir DATA --log-file DATA/log -w 1 app",
            first: "printf '%s\\n' 'def application(environ, start):' \
                    '    start(\"200 OK\", [])' '    return [b\"served\"]' >DATA/app.py",
            usage: Use::Socket(HTTP, b"served"),
            ..A_DAEMON
        },
        Daemon {
            name: "start-stop-daemon --background",
            program: "/usr/sbin/start-stop-daemon",
            arguments: "--start --background --exec HOST",
            usage: Use::Runs("waits_for_signal"),
            ..A_DAEMON
        },
        Daemon {
            name: "daemonize",
            program: "/usr/bin/daemonize",
            arguments: "-c DATA HOST",
            usage: Use::Runs("waits_for_signal"),
            ..A_DAEMON
        },
        Daemon {
            name: "start-stop-daemon --chuid",
            program: "/usr/sbin/start-stop-daemon",
            arguments: "--start --background --chuid nobody:nogroup --exec HOST",
            usage: Use::Runs("waits_for_signal"),
            first: OWN_DIRECTORY,
            is_quick: false,
            ..A_DAEMON
        },
        Daemon {
            name: "supervisord",
            program: "/usr/bin/supervisord",
            arguments: "-c DATA/conf",
            configuration: "
[unix_http_server]
file=DATA/socket
[supervisord]
logfile=DATA/log
pidfile=DATA/supervisord.pid
childlogdir=DATA
user=root
[program:sleep]
command=/bin/sleep 1000
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
",
            usage: Use::Socket(HTTP, b"HTTP/1."),
            is_quick: false,
            ..A_DAEMON
        },
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
        },
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
        },
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
        },
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
            is_left_empty: true,
            is_quick: false,
            ..A_DAEMON
        },
        Daemon {
            name: "erl -detached",
            program: "/usr/bin/erl",
            arguments: "-detached -noshell -eval spawn(fun()->\
                {ok,L}=gen_tcp:listen(PORT,[{ip,{127,0,0,1}}]),\
                F=fun(F)->{ok,S}=gen_tcp:accept(L),gen_tcp:send(S,\"served\"),gen_tcp:close(S),F(F)end,\
                F(F)end).",
            settings: &[("HOME", "DATA")],
            usage: Use::Port(b"", b"served"),
            is_quick: false,
            ..A_DAEMON
        },
    ]
}

/// What is known of a daemon at the end: a row of the table.
#[derive(Default)]
struct Row {
    hand_off: &'static str,
    is_right: bool,
    is_right_after_use: bool,
    sigterm: String,
    deletion: String,
}

/// A place for one life of a daemon.
struct Place<'daemon> {
    scene: Scene,
    daemon: &'daemon Daemon,
    port: u16,
}

/// All that programs leave behind becomes a child of this test. There is one daemon at a time, so all of them are its own.
fn orphans() -> Vec<i32> {
    let mut orphans = children_of(std::process::id().cast_signed());
    orphans.retain(|pid| is_alive(*pid));
    orphans
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Each that goes may leave us others.
        loop {
            let children = children_of(std::process::id().cast_signed());
            if children.is_empty() {
                return;
            }
            for child in children {
                // SAFETY: plain calls; it is our child, so its PID is its own until it is reaped here.
                unsafe {
                    libc::kill(child, libc::SIGKILL);
                    libc::waitpid(child, std::ptr::null_mut(), 0);
                }
            }
        }
    }
}

impl Place<'_> {
    fn new(daemon: &Daemon) -> Place<'_> {
        let scene = Scene::new();
        // Daemons that are not root any more write there too.
        fs::set_permissions(scene.path("data"), Permissions::from_mode(0o777)).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let place = Place {
            scene,
            daemon,
            port,
        };
        let configuration = place.fill_in(daemon.configuration);
        fs::write(place.scene.path("data/conf"), configuration).unwrap();
        let first = Command::new("sh")
            .args(["-ec", &place.fill_in(daemon.first)])
            .current_dir("/")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .status();
        assert!(first.is_ok_and(|status| status.success()));
        place
    }

    fn fill_in(&self, text: &str) -> String {
        let host = self.scene.host_path("waits_for_signal");
        text.replace("DATA", self.scene.path("data").to_str().unwrap())
            .replace("PORT", &self.port.to_string())
            .replace("HOST", host.to_str().unwrap())
    }

    fn host(&self) -> Host<'_> {
        let arguments = self.fill_in(self.daemon.arguments);
        let mut host = self.scene.program(self.daemon.program);
        host = host.args(arguments.split_ascii_whitespace());
        for (name, value) in self.daemon.settings {
            host = host.env(name, self.fill_in(value));
        }
        host
    }

    /// Whether the daemon answers.
    fn answers(&self, pid: i32) -> bool {
        match self.daemon.usage {
            Use::Socket(says, answer) => UnixStream::connect(self.scene.path("data/socket"))
                .is_ok_and(|stream| {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    is_answered(stream, says, answer)
                }),
            Use::Port(says, answer) => {
                TcpStream::connect(("127.0.0.1", self.port)).is_ok_and(|stream| {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    is_answered(stream, says, answer)
                })
            }
            Use::Catches(signal) => {
                let caught = u64::from_str_radix(&status_line(pid, "SigCgt"), 16).unwrap_or(0);
                caught & (1 << (signal - 1)) != 0
            }
            Use::Runs(program) => {
                // The kernel keeps but the first 15 bytes.
                let name = status_line(pid, "Name");
                !name.is_empty() && program.starts_with(&name)
            }
        }
    }

    /// Starts the daemon, and waits until it is one and answers. Also returns what was in the file when the program that
    /// was started had ended.
    fn start(&self, host: Host) -> (Orphan, String) {
        let mut launcher = host.spawn();
        launcher.close_stdin();
        let ended = launcher.wait();
        let then = self.scene.content();
        assert!(ended.status.success(), "the launcher: {ended:?}");
        let mut pid = 0;
        wait_for(
            || match orphans()[..] {
                [only] => {
                    pid = only;
                    self.answers(pid) && orphans() == [pid]
                }
                _ => false,
            },
            &format!("it is up, and alone: {ended:?}\n{}", self.log()),
        );
        (Orphan::new(pid), then)
    }

    fn start_with_us(&self) -> (Orphan, String) {
        let onlooker = Onlooker::of(self.scene.pidfile());
        let (life, then) = self.start(self.host());
        self.file_is_right(&life);
        let seen = onlooker.finish().unwrap_or_else(|what| panic!("{what}"));
        assert!(seen.contains(&life.pid), "{seen:?}");
        (life, then)
    }

    fn file_is_right(&self, life: &Orphan) {
        wait_for(
            || self.scene.content() == format!("{}\n", life.pid),
            &format!(
                "the file names {}; it held {:?}\n{}",
                life.pid,
                self.scene.content(),
                self.log()
            ),
        );
        wait_for(|| !self.scene.an_outsider_can_lock(), "the file is locked");
        assert!(is_alive(life.pid));
        assert_eq!(self.scene.leftovers(), ["a.pid"]);
    }

    /// Uses it a little.
    fn use_it(&self, life: &Orphan) {
        let answers = || wait_for(|| self.answers(life.pid), "it answers");
        answers();
        answers();
        if let Use::Catches(signal) = self.daemon.usage {
            life.signal(signal);
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scene.path("data/log")).unwrap_or_default()
    }
}

/// An answer that takes longer is none; it is asked for again.
const PATIENCE: Duration = Duration::from_secs(5);

fn is_answered(mut stream: impl Read + Write, says: &[u8], answer: &[u8]) -> bool {
    if stream.write_all(says).is_err() {
        return false;
    }
    let (mut said, mut part) = (Vec::<u8>::new(), [0; 512]);
    while answer.is_empty() || !said.windows(answer.len()).any(|part| part == answer) {
        match stream.read(&mut part) {
            // That it hangs up is an answer too.
            Ok(0) => return answer.is_empty(),
            Ok(length) => said.extend(&part[..length]),
            Err(error) => {
                return answer.is_empty() && error.kind() == io::ErrorKind::ConnectionReset;
            }
        }
    }
    true
}

fn in_words(status: ExitStatus, place: &Place) -> String {
    let file = match place.scene.leftovers().is_empty() {
        true => "gone",
        false => "empty",
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}, {file}"),
        (_, signal) => format!("signal {}, {file}", signal.unwrap_or(0)),
    }
}

/// All three lives.
fn live(daemon: &Daemon, row: &mut Row) {
    let place = Place::new(daemon);
    let (plain, _) = place.start(place.host().plain());
    plain.signal(libc::SIGTERM);
    let as_usual = plain.wait();
    assert_eq!(place.scene.leftovers(), NOTHING, "without us");
    drop(place);

    let place = Place::new(daemon);
    let (active, then) = place.start_with_us();
    row.hand_off = match then == format!("{}\n", active.pid) {
        true => "at once",
        false => "later",
    };
    row.is_right = true;
    place.use_it(&active);
    place.file_is_right(&active);
    row.is_right_after_use = true;
    active.signal(libc::SIGTERM);
    let status = active.wait();
    row.sigterm = in_words(status, &place);
    assert_eq!(status, as_usual, "after SIGTERM");
    if daemon.is_left_empty {
        assert_eq!(place.scene.leftovers(), ["a.pid"], "after SIGTERM");
        assert_eq!(place.scene.content(), "", "after SIGTERM");
        assert!(place.scene.an_outsider_can_lock(), "after SIGTERM");
    } else {
        assert_eq!(place.scene.leftovers(), NOTHING, "after SIGTERM");
    }
    drop(place);

    let place = Place::new(daemon);
    let (active, _) = place.start_with_us();
    place.scene.remove_pidfile();
    let status = active.wait();
    row.deletion = in_words(status, &place);
    assert_eq!(status, as_usual, "after the deletion");
    assert_eq!(place.scene.leftovers(), NOTHING, "after the deletion");
}

/// One after the other: what is left behind is known to be its own.
#[test]
fn daemons_from_debian() {
    // SAFETY: plain call without pointers.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    assert_eq!(done, 0, "prctl: {}", io::Error::last_os_error());
    let wants_all = env::var_os("PIDFILE_ALL_DAEMONS").is_some_and(|value| value == "1");

    let mut table = format!(
        "\n{:34} {:8} {:9} {:9} {:16} {:16}\n",
        "daemon", "hand-off", "PID right", "after use", "SIGTERM", "deletion"
    );
    let mut failed = Vec::new();
    for daemon in daemons() {
        if !daemon.is_quick && !wants_all {
            continue;
        }
        let mut row = Row::default();
        // The others are worth knowing too.
        let lived = catch_unwind(AssertUnwindSafe(|| {
            let program = daemon.program;
            let purpose = if daemon.is_quick { "test" } else { "daemons" };
            assert!(
                Path::new(program).exists(),
                "{program} is missing: scripts/setup {purpose}"
            );
            live(&daemon, &mut row);
        }));
        if lived.is_err() {
            failed.push(daemon.name);
        }
        let yes = |is| if is { "yes" } else { "NO" };
        writeln!(
            table,
            "{:34} {:8} {:9} {:9} {:16} {:16}",
            daemon.name,
            row.hand_off,
            yes(row.is_right),
            yes(row.is_right_after_use),
            row.sigterm,
            row.deletion,
        )
        .unwrap();
    }
    // Past the capture of the test harness: this is what one wants to see.
    io::stdout().write_all(table.as_bytes()).unwrap();
    assert!(failed.is_empty(), "these failed: {failed:?}");
}
