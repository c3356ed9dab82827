//! Databases, caches, queues.

use super::daemon::{A_DAEMON, Daemon, OWN_DIRECTORY, Start, Use, User};

pub fn daemons() -> Vec<Daemon> {
    vec![
        redis(),
        memcached(),
        mosquitto(),
        postgres_by_pg_ctl(),
        postgres_by_name(),
    ]
}

fn redis() -> Daemon {
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
    }
}

fn memcached() -> Daemon {
    Daemon {
        name: "memcached",
        program: "/usr/bin/memcached",
        arguments: "-d -u nobody -s DATA/socket",
        usage: Use::Socket(b"version\r\n", b"VERSION "),
        first: OWN_DIRECTORY,
        ..A_DAEMON
    }
}

fn mosquitto() -> Daemon {
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
    }
}

/// The file passes from pg_ctl to the postmaster; its backends begin sessions too.
fn postgres_by_pg_ctl() -> Daemon {
    Daemon {
        name: "postgres, by pg_ctl",
        program: "/usr/lib/postgresql/15/bin/pg_ctl",
        arguments: "start -w -D DATA/cluster -l DATA/log",
        configuration: "
listen_addresses = ''
unix_socket_directories = 'DATA'
fsync = off
",
        first: "chown nobody DATA/../run
setpriv --reuid nobody --regid nogroup --clear-groups \
    /usr/lib/postgresql/15/bin/initdb -D DATA/cluster -A trust -U nobody --no-sync
cat DATA/conf >>DATA/cluster/postgresql.conf",
        usage: Use::Client("psql -h DATA -U nobody -c 'CREATE TEMPORARY TABLE a (b int)' postgres"),
        started_by: User::Nobody,
        is_quick: false,
        ..A_DAEMON
    }
}

/// pg_ctl takes no part; it asks `postgres -V` first.
fn postgres_by_name() -> Daemon {
    Daemon {
        name: "postgres, PIDFILE_EXE=postgres",
        settings: &[("PIDFILE_EXE", "postgres")],
        start: Start::LauncherWithForerunner,
        ..postgres_by_pg_ctl()
    }
}
