//! `PIDFILE_LOG=stderr`: what happens to the file, in words and in order. And no message ever holds the program up.

mod common;

use common::{
    Host, Lab, NOTHING, Orphan, Orphanage, Process, Scene, exited, is_at_work, killed_by, library,
    recipes, said, status_line, wait_for,
};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, ExitStatus};

/// What is said about the file: the lines without what all of them begin with.
#[track_caller]
fn events(scene: &Scene, stderr: &str) -> Vec<String> {
    let head = format!("libpidfile: {}: ", scene.pidfile().display());
    let event = |line: &str| match line.strip_prefix(&head) {
        Some(event) => event.to_owned(),
        None => panic!("what line is this? {line:?}"),
    };
    stderr.lines().map(event).collect()
}

fn logged<'scene>(scene: &'scene Scene, host: &str) -> Host<'scene> {
    scene.host(host).env("PIDFILE_LOG", "stderr")
}

#[test]
fn a_life_that_ends_by_itself() {
    for watch in ["auto", "poll", "off"] {
        let scene = Scene::new();
        let host = logged(&scene, "waits_for_eof").env("PIDFILE_WATCH", watch);
        let mut host = host.spawn();
        host.wait_until_ready();
        let pid = host.pid();
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        assert_eq!(
            events(&scene, &ended.stderr),
            [
                format!("names PID {pid} now"),
                "removed: the program ends".to_owned()
            ],
            "{watch}"
        );
    }
}

#[test]
fn a_life_that_a_signal_ends() {
    for watch in ["auto", "off"] {
        let scene = Scene::new();
        let host = logged(&scene, "waits_for_signal").env("PIDFILE_WATCH", watch);
        let host = host.spawn();
        host.wait_until_ready();
        let pid = host.pid();
        host.signal(libc::SIGINT);
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGINT));
        assert_eq!(
            events(&scene, &ended.stderr),
            [
                format!("names PID {pid} now"),
                "removed: the program ends".to_owned()
            ],
            "{watch}"
        );
    }
}

#[test]
fn a_deletion() {
    let scene = Scene::new();
    let host = logged(&scene, "waits_for_signal").spawn();
    host.wait_until_ready();
    let pid = host.pid();
    scene.remove_pidfile();
    let ended = host.wait();
    assert_eq!(ended.status, killed_by(libc::SIGTERM));
    assert_eq!(
        events(&scene, &ended.stderr),
        [
            format!("names PID {pid} now"),
            format!("was deleted: terminating PID {pid} with SIGTERM"),
        ]
    );
}

#[test]
fn a_deletion_that_takes_more_than_a_signal() {
    let scene = Scene::new();
    let host = logged(&scene, "survives_sigterm").env("PIDFILE_KILL_AFTER", "1");
    let host = host.spawn();
    host.wait_until_ready();
    let pid = host.pid();
    scene.remove_pidfile();
    let ended = host.wait();
    assert_eq!(ended.status, killed_by(libc::SIGKILL));
    assert_eq!(
        events(&scene, &ended.stderr),
        [
            format!("names PID {pid} now"),
            format!("was deleted: terminating PID {pid} with SIGTERM"),
            format!("was deleted, and PID {pid} has not ended by SIGTERM: killing it with SIGKILL"),
        ]
    );
}

/// A shell that becomes another program when it gets a line.
fn shell_that_execs(scene: &Scene) -> Process {
    let shell = scene.program("sh").env("PIDFILE_LOG", "stderr");
    let shell = shell.args(["-c", "read line; exec \"$0\""]);
    let shell = shell.arg(scene.host_path("waits_for_eof")).spawn();
    shell.wait_until(|shell| scene.content() == shell.pid_line(), "an owner");
    shell
}

#[test]
fn an_exec() {
    let scene = Scene::new();
    let mut shell = shell_that_execs(&scene);
    let pid = shell.pid();
    shell.write_stdin(b"\n");
    shell.wait_until_ready();
    shell.close_stdin();
    assert_eq!(
        events(&scene, &shell.wait().stderr),
        [
            format!("names PID {pid} now"),
            format!("names PID {pid} as before exec"),
            "removed: the program ends".to_owned(),
        ]
    );
}

/// Then nobody says that it names anybody.
#[test]
fn a_deletion_in_the_middle_of_an_exec() {
    let scene = Scene::new();
    let shell = scene.program("sh").env("PIDFILE_LOG", "stderr");
    let shell = shell.args(["-c", "exec \"$0\""]);
    let shell = shell.arg(scene.host_path("stops_before_constructors"));
    let shell = shell.spawn();
    shell.wait_until(
        |shell| status_line(shell.pid(), "State").starts_with('T'),
        "stopped",
    );
    let pid = shell.pid();
    scene.remove_pidfile();
    shell.signal(libc::SIGCONT);
    let ended = shell.wait();
    assert_eq!(ended.status, killed_by(libc::SIGTERM));
    assert_eq!(
        events(&scene, &ended.stderr),
        [
            format!("names PID {pid} now"),
            format!("was deleted: terminating PID {pid} with SIGTERM"),
        ]
    );
}

/// From the launcher to the daemon, which calls exec, and up to its end: as the README shows it.
#[test]
fn a_daemons_life() {
    let scene = Scene::new();
    let _orphans = Orphanage::of(&scene);
    let launcher = logged(&scene, "daemonizes")
        .args(["wait for", "pipe", "fork", "setsid"])
        .spawn();
    let (first, log) = (launcher.pid(), scene.path("out/1.stderr"));
    assert_eq!(launcher.wait().status, exited(0));
    let logged = || fs::read_to_string(&log).unwrap();
    let is_logged = |what: &str| {
        wait_for(
            || logged().contains(what),
            &format!("{what:?} in the log:\n{}", logged()),
        );
    };

    is_logged("now: handed over\n");
    let daemon = Orphan::new(said(&scene, "process")[0]);
    let pid = daemon.pid;
    daemon.signal(libc::SIGHUP);
    is_logged("exec\n");
    wait_for(|| is_at_work(pid), "the daemon is back");
    daemon.signal(libc::SIGINT);
    assert_eq!(daemon.wait(), exited(0));

    let mut events = events(&scene, &logged());
    // Each of the two speaks for itself, and who is first is chance.
    events[2..4].sort();
    let promised = recipes("See it work")[1]
        .replace("libpidfile: /run/legacy.pid: ", "")
        .replace("4711", &first.to_string())
        .replace("4712", &pid.to_string());
    assert_eq!(events, promised.lines().collect::<Vec<_>>());
}

#[test]
fn rights_that_have_gone() {
    for (watch, what) in [
        ("auto", "emptied, since it cannot be removed"),
        (
            "off",
            "stays behind, since it can neither be removed nor emptied",
        ),
    ] {
        let scene = Scene::new();
        let host = logged(&scene, "changes_user").env("PIDFILE_WATCH", watch);
        let mut host = host.spawn();
        host.wait_until_ready();
        let pid = host.pid();
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        assert_eq!(
            events(&scene, &ended.stderr),
            [
                format!("names PID {pid} now"),
                format!("{what}: the program ends")
            ],
        );
        assert_eq!(scene.leftovers(), ["a.pid"]);
    }
}

/// A host that ends, how that comes about, and how it has ended then.
type End = (&'static str, fn(&Scene, &mut Process), ExitStatus);

fn ends() -> [End; 3] {
    [
        ("waits_for_eof", |_, host| host.close_stdin(), exited(0)),
        (
            "waits_for_signal",
            |_, host| host.signal(libc::SIGINT),
            killed_by(libc::SIGINT),
        ),
        (
            "waits_for_signal",
            |scene, _| scene.remove_pidfile(),
            killed_by(libc::SIGTERM),
        ),
    ]
}

/// A host whose messages go to a FIFO. It starts when it gets a line. Also the FIFO's other end.
fn host_at_fifo(scene: &Scene, host: &str, watch: &str) -> (Process, File) {
    let fifo = scene.path("data/log");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.is_ok_and(|status| status.success()));
    let reader = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&fifo)
        .unwrap();
    let script = "exec 2>\"$1\"; echo open; read line; \
                  exec env LD_PRELOAD=\"$2\" PIDFILE=\"$3\" PIDFILE_LOG=stderr PIDFILE_WATCH=$4 \"$5\"";
    let shell = scene.program("sh").plain().args(["-c", script, "sh"]);
    let shell = shell.arg(fifo).arg(library()).arg(scene.pidfile());
    let shell = shell.arg(watch).arg(scene.host_path(host)).spawn();
    shell.wait_until(|shell| shell.stdout() == "open\n", "at its FIFO");
    (shell, reader)
}

/// Nothing waits for whoever reads the messages, and nothing comes of it.
fn nobody_minds(readers_way: fn(File) -> Option<File>) {
    for watch in ["auto", "off"] {
        for (host, end, status) in ends() {
            if watch == "off" && status == killed_by(libc::SIGTERM) {
                continue;
            }
            let scene = Scene::new();
            let (mut host, fifo) = host_at_fifo(&scene, host, watch);
            let fifo = readers_way(fifo);
            host.write_stdin(b"\n");
            host.wait_until_ready();
            assert_eq!(scene.content(), host.pid_line());
            end(&scene, &mut host);
            assert_eq!(host.wait().status, status, "PIDFILE_WATCH={watch}");
            assert_eq!(scene.leftovers(), NOTHING);
            if let Some(mut fifo) = fifo {
                let mut unread = Vec::new();
                // Until it is empty: it has no end, since we may write to it.
                let error = fifo.read_to_end(&mut unread).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert!(unread.iter().all(|byte| *byte == b'.'));
            }
        }
    }
}

#[test]
fn a_reader_that_does_not_read() {
    nobody_minds(|mut fifo| {
        while fifo.write(&[b'.'; 4096]).is_ok() {}
        Some(fifo)
    });
}

#[test]
fn a_reader_that_has_gone() {
    nobody_minds(|_fifo| None);
}

/// The same lines, in the system log.
#[test]
fn the_system_log() {
    for watch in ["auto", "off"] {
        let lab = Lab::get();
        let name = format!("log-{watch}");
        let unit = lab.unit(
            &name,
            &format!(
                "Environment=LD_PRELOAD=/lab/libpidfile.so PIDFILE=/run/%N/a.pid PIDFILE_LOG=syslog PIDFILE_WATCH={watch}\n\
                 RuntimeDirectory=%N\nExecStart=/lab/c-tests/is_a_service\n"
            ),
        );
        unit.systemctl("start");
        wait_for(|| unit.stdout().contains("ready\n"), "it is up");
        let pid = unit.property("MainPID");
        unit.systemctl("stop");
        let journal = || {
            let log = lab.run(&["journalctl", "--identifier=libpidfile", "--output=cat"]);
            let log = String::from_utf8_lossy(&log.stdout).into_owned();
            log.lines()
                .filter_map(|line| line.strip_prefix(&format!("/run/{name}/a.pid: ")))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let lines = [
            format!("names PID {pid} now"),
            "removed: the program ends".to_owned(),
        ];
        wait_for(
            || journal() == lines,
            &format!("{lines:?}, not {:?}", journal()),
        );
        assert_eq!(unit.stderr(), "");
    }
}
