//! `PIDFILE_LOG=stderr`: what happens to the file, in words and in order. And no message ever holds the program up.

use crate::common::{
    Descendant, Descendants, HostCommand, Lab, NOTHING, Process, TestDir, exited, is_at_work,
    killed_by, library, output_pids, recipes, status_line, wait_for,
};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitStatus;

/// What is said about the file: the lines without what all of them begin with.
#[track_caller]
fn events(dir: &TestDir, stderr: &str) -> Vec<String> {
    let head = format!("libpidfile: {}: ", dir.pidfile().display());
    let event = |line: &str| match line.strip_prefix(&head) {
        Some(event) => event.to_owned(),
        None => panic!("what line is this? {line:?}"),
    };
    stderr.lines().map(event).collect()
}

fn logged<'dir>(dir: &'dir TestDir, host: &str) -> HostCommand<'dir> {
    dir.host(host).env("PIDFILE_LOG", "stderr")
}

/// What comes to an end, and how.
type End = fn(&TestDir, &mut Process);

const END_OF_INPUT: End = |_, host| host.close_stdin();
const SIGINT: End = |_, host| host.signal(libc::SIGINT);
const DELETION: End = |dir, _| dir.remove_pidfile();

const CLAIMED: &str = "names PID N now";
const DELETED: &str = "was deleted: terminating PID N with SIGTERM";
const REMOVED: &str = "removed: the program ends";

/// Ends a host that has been started. What has been said of it, with N for its PID.
#[track_caller]
fn life(dir: &TestDir, mut host: Process, end: End, status: ExitStatus) -> Vec<String> {
    end(dir, &mut host);
    let pid = format!("PID {}", host.pid());
    let ended = host.wait();
    assert_eq!(ended.status, status);
    events(dir, &ended.stderr.replace(&pid, "PID N"))
}

#[track_caller]
fn started(host: HostCommand) -> Process {
    host.spawn_ready()
}

#[test]
fn log_names_claim_and_removal_at_exit() {
    for watch in ["auto", "poll", "off"] {
        let dir = TestDir::new();
        let host = started(logged(&dir, "waits_for_eof").env("PIDFILE_WATCH", watch));
        let said = life(&dir, host, END_OF_INPUT, exited(0));
        assert_eq!(said, [CLAIMED, REMOVED], "{watch}");
    }
}

#[test]
fn log_names_removal_at_a_signal() {
    for watch in ["auto", "off"] {
        let dir = TestDir::new();
        let host = started(logged(&dir, "waits_for_signal").env("PIDFILE_WATCH", watch));
        let said = life(&dir, host, SIGINT, killed_by(libc::SIGINT));
        assert_eq!(said, [CLAIMED, REMOVED], "{watch}");
    }
}

#[test]
fn log_names_deletion_and_signal() {
    let dir = TestDir::new();
    let host = started(logged(&dir, "waits_for_signal"));
    let said = life(&dir, host, DELETION, killed_by(libc::SIGTERM));
    assert_eq!(said, [CLAIMED, DELETED]);
}

#[test]
fn log_names_sigkill_after_ignored_signal() {
    let dir = TestDir::new();
    let host = started(logged(&dir, "survives_sigterm").env("PIDFILE_KILL_AFTER", "1"));
    let said = life(&dir, host, DELETION, killed_by(libc::SIGKILL));
    let killed = "was deleted, and PID N has not ended by SIGTERM: killing it with SIGKILL";
    assert_eq!(said, [CLAIMED, DELETED, killed]);
}

fn shell_that_execs<'dir>(dir: &'dir TestDir, program: &str) -> HostCommand<'dir> {
    let shell = dir.program("sh").env("PIDFILE_LOG", "stderr");
    let shell = shell.args(["-c", "exec \"$0\""]);
    shell.arg(dir.host_path(program))
}

#[test]
fn log_names_the_file_kept_through_exec() {
    let dir = TestDir::new();
    let host = started(shell_that_execs(&dir, "waits_for_eof"));
    let said = life(&dir, host, END_OF_INPUT, exited(0));
    assert_eq!(said, [CLAIMED, "names PID N as before exec", REMOVED]);
}

/// Then nobody says that it names anybody.
#[test]
fn log_of_deletion_during_exec_claims_nothing() {
    let dir = TestDir::new();
    let host = shell_that_execs(&dir, "stops_before_constructors").spawn();
    host.wait_until(
        |host| status_line(host.pid(), "State").starts_with('T'),
        "stopped",
    );
    let deletion: End = |dir, host| {
        dir.remove_pidfile();
        host.signal(libc::SIGCONT);
    };
    let said = life(&dir, host, deletion, killed_by(libc::SIGTERM));
    assert_eq!(said, [CLAIMED, DELETED]);
}

/// From the launcher to the daemon, which calls exec, and up to its end: as the README shows it.
#[test]
fn log_of_a_daemon_matches_the_readme() {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let launcher = logged(&dir, "daemonizes")
        .args(["wait for", "pipe", "fork", "setsid"])
        .spawn();
    let (first, log) = (launcher.pid(), dir.path("out/1.stderr"));
    assert_eq!(launcher.wait().status, exited(0));
    let logged = || fs::read_to_string(&log).unwrap();
    let is_logged = |what: &str| {
        wait_for(
            || logged().contains(what),
            &format!("{what:?} in the log:\n{}", logged()),
        );
    };

    is_logged("now: handed over\n");
    let daemon = Descendant::new(output_pids(&dir, "process")[0]);
    let pid = daemon.pid;
    daemon.signal(libc::SIGHUP);
    is_logged("exec\n");
    wait_for(|| is_at_work(pid), "the daemon is back");
    daemon.signal(libc::SIGINT);
    assert_eq!(daemon.wait(), exited(0));

    let mut events = events(&dir, &logged());
    // Each of the two speaks for itself, and who is first is chance.
    events[2..4].sort();
    let promised = recipes("See it work")[1]
        .replace("libpidfile: /run/legacy.pid: ", "")
        .replace("4711", "LAUNCHER")
        .replace("4712", "DAEMON")
        .replace("LAUNCHER", &first.to_string())
        .replace("DAEMON", &pid.to_string());
    assert_eq!(events, promised.lines().collect::<Vec<_>>());
}

#[test]
#[ignore = "needs root"]
fn log_names_what_lost_rights_prevent() {
    for (watch, what) in [
        (
            "auto",
            "emptied, since it cannot be removed: the program ends",
        ),
        (
            "off",
            "stays behind, since it can neither be removed nor emptied: the program ends",
        ),
    ] {
        let dir = TestDir::new();
        let host = started(logged(&dir, "changes_user").env("PIDFILE_WATCH", watch));
        let said = life(&dir, host, END_OF_INPUT, exited(0));
        assert_eq!(said, [CLAIMED, what]);
        assert_eq!(dir.leftovers(), ["a.pid"]);
    }
}

/// A host whose messages go to a FIFO. It starts when it gets a line. Also the FIFO's other end.
fn host_at_fifo(dir: &TestDir, host: &str, watch: &str) -> (Process, File) {
    let fifo = dir.fifo("data/log");
    let reader = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&fifo)
        .unwrap();
    let script = "exec 2>\"$1\"; echo open; read line; \
                  exec env LD_PRELOAD=\"$2\" PIDFILE=\"$3\" PIDFILE_LOG=stderr PIDFILE_WATCH=$4 \"$5\"";
    let shell = dir.program("sh").plain().args(["-c", script, "sh"]);
    let shell = shell.arg(fifo).arg(library()).arg(dir.pidfile());
    let shell = shell.arg(watch).arg(dir.host_path(host)).spawn();
    shell.wait_until(|shell| shell.stdout() == "open\n", "at its FIFO");
    (shell, reader)
}

/// Nothing waits for whoever reads the messages, and nothing comes of it.
fn nobody_minds(readers_way: fn(File) -> Option<File>) {
    for watch in ["auto", "off"] {
        for (host, end, status) in [
            ("waits_for_eof", END_OF_INPUT, exited(0)),
            ("waits_for_signal", SIGINT, killed_by(libc::SIGINT)),
            ("waits_for_signal", DELETION, killed_by(libc::SIGTERM)),
        ] {
            if watch == "off" && status == killed_by(libc::SIGTERM) {
                continue;
            }
            let dir = TestDir::new();
            let (mut host, fifo) = host_at_fifo(&dir, host, watch);
            let fifo = readers_way(fifo);
            host.write_stdin(b"\n");
            host.wait_until_ready();
            assert_eq!(dir.content(), host.pid_line());
            end(&dir, &mut host);
            assert_eq!(host.wait().status, status, "PIDFILE_WATCH={watch}");
            assert_eq!(dir.leftovers(), NOTHING);
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
fn log_to_full_pipe_never_blocks() {
    nobody_minds(|mut fifo| {
        while fifo.write(&[b'.'; 4096]).is_ok() {}
        Some(fifo)
    });
}

#[test]
fn log_to_closed_pipe_ends_nothing() {
    nobody_minds(|_fifo| None);
}

/// The same lines, in the system log.
#[test]
#[ignore = "needs root"]
fn log_goes_to_the_journal_of_a_service() {
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
