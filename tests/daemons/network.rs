//! More servers on the network, each of another author.

use super::common::wait_until_main_thread_is_idle;
use super::daemon::{ANOTHER, Daemon, HTTP, OWN_DIRECTORY, Use};
use super::machine_services::{DNS, DNS_ANSWER};

pub fn daemons() -> Vec<Daemon> {
    let mut all = name_servers();
    all.extend(of_the_web());
    all
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
            usage: Use::Client("epmd -port PORT -names"),
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
