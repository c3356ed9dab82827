//! Programs that put another program into the background, or look after others.

use super::daemon::{A_DAEMON, Daemon, HTTP, OWN_DIRECTORY, Start, Use};

pub fn daemons() -> Vec<Daemon> {
    vec![
        start_stop_daemon(),
        start_stop_daemon_chuid(),
        daemonize(),
        supervisord(),
        erl(),
        ksh93(),
    ]
}

fn start_stop_daemon() -> Daemon {
    Daemon {
        name: "start-stop-daemon --background",
        program: "/usr/sbin/start-stop-daemon",
        arguments: "--start --background --exec HOST",
        usage: Use::Runs("waits_for_signal"),
        ..A_DAEMON
    }
}

fn start_stop_daemon_chuid() -> Daemon {
    Daemon {
        name: "start-stop-daemon --chuid",
        arguments: "--start --background --chuid nobody:nogroup --exec HOST",
        first: OWN_DIRECTORY,
        is_quick: false,
        ..start_stop_daemon()
    }
}

fn daemonize() -> Daemon {
    Daemon {
        name: "daemonize",
        program: "/usr/bin/daemonize",
        arguments: "-c DATA HOST",
        usage: Use::Runs("waits_for_signal"),
        ..A_DAEMON
    }
}

fn supervisord() -> Daemon {
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
    }
}

fn erl() -> Daemon {
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
    }
}

/// A shell with a `putenv` of its own, which works on tables that its main makes.
fn ksh93() -> Daemon {
    Daemon {
        name: "ksh93 as a daemon's shell",
        program: "/usr/bin/ksh93",
        arguments: "DATA/conf",
        configuration: "
trap 'kill $!; exit 3' TERM
sleep 1000 &
echo >DATA/up
wait
",
        usage: Use::Client("test -e DATA/up"),
        start: Start::Foreground,
        is_quick: false,
        ..A_DAEMON
    }
}
