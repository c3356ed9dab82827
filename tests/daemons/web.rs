//! Web servers and proxies.

use super::common::{Descendant, NGINX, children_of, wait_for, wait_until_main_thread_is_idle};
use super::daemon::{A_DAEMON, Daemon, File, HTTP, OWN_DIRECTORY, Use};

pub fn daemons() -> Vec<Daemon> {
    vec![
        nginx(),
        nginx_upgraded(),
        lighttpd(),
        icecast2(),
        tinyproxy(),
        gunicorn(),
        gunicorn_upgraded(),
        uwsgi(),
    ]
}

fn nginx() -> Daemon {
    Daemon {
        name: "nginx",
        program: "/usr/sbin/nginx",
        arguments: "-p DATA -e DATA/log -c DATA/conf",
        configuration: NGINX,
        usage: Use::Socket(HTTP, b"HTTP/1.1 "),
        ..A_DAEMON
    }
}

/// The new master is a child of the old one that never calls setsid, and gets but the environment that the configuration names.
fn nginx_upgraded() -> Daemon {
    Daemon {
        name: "nginx, upgraded by USR2",
        first: "for name in LD_PRELOAD PIDFILE PIDFILE_FOLLOW; do \
                echo \"env $name;\"; done >>DATA/conf",
        settings: &[("PIDFILE_FOLLOW", "fork")],
        renewal: Some(|place, old| {
            let before = children_of(old.pid);
            old.signal(libc::SIGUSR2);
            let mut new = 0;
            wait_for(
                || {
                    let has_workers = |pid: &&i32| children_of(**pid).len() == 2;
                    let children = children_of(old.pid);
                    new = *children.iter().find(has_workers).unwrap_or(&0);
                    new != 0
                },
                &format!("there is a new master\n{}", place.log()),
            );
            assert!(!before.contains(&new));
            let new = Descendant::new(new);
            old.signal(libc::SIGQUIT);
            old.wait();
            new
        }),
        ..nginx()
    }
}

fn lighttpd() -> Daemon {
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
        // Until then SIGTERM ends it with another status, after an answer too.
        settle: wait_until_main_thread_is_idle,
        ..A_DAEMON
    }
}

/// Begins no session at all: its child is the daemon, enters a chroot and gives up root.
fn icecast2() -> Daemon {
    Daemon {
        name: "icecast2 -b, in a chroot",
        program: "/usr/bin/icecast2",
        arguments: "-b -c DATA/conf",
        configuration: "<icecast>
<limits><clients>9</clients><sources>2</sources></limits>
<authentication><source-password>a</source-password><admin-user>b</admin-user><admin-password>c</admin-password></authentication>
<listen-socket><port>PORT</port><bind-address>127.0.0.1</bind-address></listen-socket>
<paths><basedir>DATA/jail</basedir><logdir>/log</logdir><webroot>/web</webroot><adminroot>/admin</adminroot></paths>
<logging><accesslog>access</accesslog><errorlog>error</errorlog></logging>
<security><chroot>1</chroot><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>
</icecast>
",
        first: "mkdir -p DATA/jail/log DATA/jail/web DATA/jail/admin; chown -R nobody DATA/jail",
        settings: &[("PIDFILE_FOLLOW", "fork")],
        // A request that comes before its last thread has started ends it by SIGSEGV now and then, without us too.
        usage: Use::Client(
            "grep -q 'YP update thread started' DATA/jail/log/error && \
             bash -c 'exec 3<>/dev/tcp/127.0.0.1/PORT; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; grep -q HTTP/1. <&3'",
        ),
        file: File::Empty,
        is_quick: false,
        ..A_DAEMON
    }
}

fn tinyproxy() -> Daemon {
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
        // It misses a signal that comes between its look at what its handler noted and its poll(2).
        settle: wait_until_main_thread_is_idle,
        file: File::Empty,
        ..A_DAEMON
    }
}

fn gunicorn() -> Daemon {
    Daemon {
        name: "gunicorn -D",
        program: "/usr/bin/gunicorn",
        arguments: "-D -b unix:DATA/socket --chdir DATA --log-file DATA/log -w 1 app",
        first: "printf '%s\\n' 'def application(environ, start):' \
                '    start(\"200 OK\", [])' '    return [b\"served\"]' >DATA/app.py",
        usage: Use::Socket(HTTP, b"served"),
        ..A_DAEMON
    }
}

/// Each new master is a child of the one before, which was a child itself.
fn gunicorn_upgraded() -> Daemon {
    Daemon {
        name: "gunicorn, upgraded twice by USR2",
        settings: &[("PIDFILE_FOLLOW", "fork")],
        renewal: Some(|place, first| {
            let mut old = first;
            for _ in 0..2 {
                old.signal(libc::SIGUSR2);
                let mut new = 0;
                let has_worker = |pid: &&i32| !children_of(**pid).is_empty();
                let is_there = || {
                    let children = children_of(old.pid);
                    new = *children.iter().find(has_worker).unwrap_or(&0);
                    new != 0
                };
                wait_for(is_there, &format!("there is a new master\n{}", place.log()));
                let new = Descendant::new(new);
                old.signal(libc::SIGQUIT);
                old.wait();
                old = new;
            }
            old
        }),
        is_quick: false,
        ..gunicorn()
    }
}

/// SIGTERM makes it call exec on itself. Its title goes over its arguments and its environment.
fn uwsgi() -> Daemon {
    Daemon {
        name: "uwsgi, reloaded by TERM",
        program: "/usr/bin/uwsgi-core",
        arguments: "--master --daemonize2 DATA/log --http-socket DATA/socket --auto-procname --processes 1",
        settings: &[("PIDFILE_SIGNAL", "INT")],
        usage: Use::Client(
            "tr '\\0' ' ' </proc/PID/cmdline | grep -q 'uWSGI master' && pgrep --parent PID",
        ),
        renewal: Some(|place, daemon| {
            let workers = children_of(daemon.pid);
            daemon.signal(libc::SIGTERM);
            let is_another = || place.answers(daemon.pid) && children_of(daemon.pid) != workers;
            wait_for(
                is_another,
                &format!("it has another worker\n{}", place.log()),
            );
            daemon
        }),
        signal: libc::SIGINT,
        is_quick: false,
        ..A_DAEMON
    }
}
