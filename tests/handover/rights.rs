//! Daemons, and launchers, that give up rights on their way: they are root no more, or cannot see the file any more.

use crate::common::{
    Descendant, Descendants, NOTHING, SHAPES, TestDir, daemonize, end_daemon, exited, is_watching,
    killed_by, rounds, status_line, tasks_of, wait_for,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

const NOBODY: u32 = 65534;

/// A directory of the service's own: there it may remove the file also when it is not root any more.
#[test]
#[ignore = "needs root"]
fn daemon_that_drops_root_inherits() {
    for round in 0..rounds(4) {
        for waiting in ["", "pipe"] {
            for more in [&["drop root"][..], &["drop root", "exec itself"]] {
                for shape in SHAPES {
                    if shape[0].starts_with("daemon") && !waiting.is_empty() {
                        continue;
                    }
                    let dir = TestDir::new();
                    let _orphans = Descendants::of(&dir);
                    chown(dir.path("run"), Some(NOBODY), Some(NOBODY)).unwrap();
                    let steps = [&["wait for", waiting], shape, more].concat();
                    let daemon = daemonize(&dir, &steps);
                    end_daemon(&dir, daemon, round, &steps);
                }
            }
        }
    }
}

/// proftpd is root now and then: its keeper, which waits for the lock, is not, and must not make libc end it.
#[test]
#[ignore = "needs root"]
fn daemon_switching_user_inherits() {
    for waiting in ["", "pipe"] {
        for shape in [&["fork", "setsid"][..], &["fork", "setsid", "fork"]] {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            chown(dir.path("run"), Some(NOBODY), Some(NOBODY)).unwrap();
            let changes = ["take root", "lend root", "take root", "lend root"];
            let steps = [&["lend root", "wait for", waiting], shape, &changes].concat();
            let daemon = daemonize(&dir, &steps);
            end_daemon(&dir, daemon, 0, &steps);
        }
    }
}

/// While its keeper waits for the lock such a daemon makes its changes alone. No thread of ours has more rights
/// than the daemon in the end.
#[test]
#[ignore = "needs root"]
fn unprivileged_daemon_has_no_privileged_thread() {
    for shape in [&["fork", "setsid"][..], &["fork", "setsid", "fork"]] {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        chown(dir.path("run"), Some(NOBODY), Some(NOBODY)).unwrap();
        let changes = ["take root", "lend root", "take root", "drop root"];
        let changes = [&changes[..], &["be dumpable"]].concat();
        let steps = [&["lend root", "wait for", "pipe"], shape, &changes].concat();
        let daemon = daemonize(&dir, &steps);
        for name in ["Uid", "Gid", "Groups", "CapPrm"] {
            let of_daemon = status_line(daemon.pid, name);
            let all_have_it = || {
                let tasks = tasks_of(daemon.pid);
                tasks
                    .iter()
                    .all(|task| status_line(*task, name) == of_daemon)
            };
            wait_for(all_have_it, name);
        }
        // What the daemon has said of its memory holds (proc(5), on who owns these files).
        let memory = fs::metadata(format!("/proc/{}/environ", daemon.pid)).unwrap();
        assert_eq!(memory.uid(), NOBODY, "{shape:?}");
        end_daemon(&dir, daemon, 0, &steps);
    }
}

/// Ends a daemon that cannot remove the file.
#[track_caller]
fn leaves_an_empty_file(dir: &TestDir, daemon: Descendant, signal: i32, steps: &[&str]) {
    let expected = match signal {
        libc::SIGINT => exited(0),
        libc::SIGQUIT => exited(3),
        _ => killed_by(signal),
    };
    daemon.signal(signal);
    assert_eq!(daemon.wait(), expected, "{steps:?}, signal {signal}");
    assert_eq!(dir.content(), "", "{steps:?}, signal {signal}");
    assert!(dir.an_outsider_can_lock(), "{steps:?}, signal {signal}");
}

/// Where the daemon cannot remove the file it empties it.
#[test]
#[ignore = "needs root"]
fn daemon_without_access_empties_file() {
    for waiting in ["", "pipe"] {
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT] {
            for shape in SHAPES {
                if shape[0].starts_with("daemon") && !waiting.is_empty() {
                    continue;
                }
                for way in ["root", "chroot"] {
                    let dir = TestDir::new();
                    let _orphans = Descendants::of(&dir);
                    let data = dir.path("data");
                    let more: &[&str] = match way {
                        "root" => &["drop root"],
                        _ => &["chroot", data.to_str().unwrap(), "drop root"],
                    };
                    let steps = [&["wait for", waiting], shape, more].concat();
                    let daemon = daemonize(&dir, &steps);
                    leaves_an_empty_file(&dir, daemon, signal, &steps);
                }
            }
        }
    }
}

/// What has never been root may not even open the file for writing: it has that right from its launcher, also for a successor of
/// its own.
#[test]
#[ignore = "needs root"]
fn launcher_dropping_root_first_hands_over() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR2] {
        for shape in SHAPES {
            for (waiting, more) in [("", &[][..]), ("pipe", &[]), ("pipe", &["exec itself"])] {
                if shape[0].starts_with("daemon") && !waiting.is_empty() {
                    continue;
                }
                let dir = TestDir::new();
                let orphans = Descendants::of(&dir);
                let steps = [&["drop root", "wait for", waiting], shape, more].concat();
                let mut daemon = daemonize(&dir, &steps);
                let mut end = signal;
                if signal == libc::SIGUSR2 {
                    daemon.signal(signal);
                    assert_eq!(daemon.wait(), exited(0), "{steps:?}");
                    daemon = Descendant::new(orphans.children()[0]);
                    assert_eq!(dir.content(), daemon.pid_line(), "{steps:?}");
                    end = libc::SIGTERM;
                }
                leaves_an_empty_file(&dir, daemon, end, &steps);
            }
        }
    }
}

/// haproxy does so: the keeper of such a daemon is never root, and in a chroot it never finds the path. It gets the
/// descriptor from the launcher: the lock, the deletion, and the right to empty the file.
#[test]
#[ignore = "needs root"]
fn child_without_root_begins_its_session_and_inherits() {
    for waiting in ["", "pipe"] {
        for way in ["root", "chroot"] {
            for end in [0, libc::SIGTERM, libc::SIGINT, libc::SIGQUIT] {
                let dir = TestDir::new();
                let _orphans = Descendants::of(&dir);
                let data = dir.path("data");
                let gives_up: &[&str] = match way {
                    "root" => &["drop root"],
                    _ => &["chroot", data.to_str().unwrap(), "drop root"],
                };
                let before = ["wait for", waiting, "fork"];
                let steps = [&before[..], gives_up, &["setsid"]].concat();
                let daemon = daemonize(&dir, &steps);
                if end == 0 {
                    end_daemon(&dir, daemon, 0, &steps);
                } else {
                    leaves_an_empty_file(&dir, daemon, end, &steps);
                }
            }
        }
    }
}

/// A service that ends is no launcher: a worker of it that has given up root, and begins a session, is named by nobody. It
/// could not even hold the file.
#[test]
#[ignore = "needs root"]
fn confined_worker_of_a_service_gets_nothing() {
    let dir = TestDir::new();
    let orphans = Descendants::of(&dir);
    let data = dir.path("data");
    let confined = ["chroot", data.to_str().unwrap(), "drop root", "setsid"];
    let steps = [
        &["catch SIGTERM", "wait for", "pipe", "fork"],
        &confined[..],
    ]
    .concat();
    let ended = dir.host("daemonizes").args(&steps).run();
    assert_eq!(ended.status, exited(0), "{ended:?}");
    assert_eq!(dir.leftovers(), NOTHING);
    let worker = Descendant::new(orphans.children()[0]);
    worker.signal(libc::SIGINT);
    assert_eq!(worker.wait(), exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// A deletion is also seen by a daemon that cannot look at the path any more.
#[test]
#[ignore = "needs root"]
fn daemon_without_access_ends_on_deletion() {
    for shape in SHAPES {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let data = dir.path("data");
        let more = ["chroot", data.to_str().unwrap(), "drop root"];
        let daemon = daemonize(&dir, &[shape, &more].concat());
        end_daemon(&dir, daemon, 0, shape);
    }
}

/// Ways to give up rights, and whether the keeper of a candidate, which waits for the lock, can follow.
const GIVING_UP: [(&str, bool); 21] = [
    ("setuid", true),
    ("seteuid", true),
    ("seteuid to and fro", true),
    ("seteuid and back, then setuid", true),
    ("setreuid", true),
    ("setresuid", true),
    ("setresuid, saved kept", true),
    ("setgid, setuid", true),
    ("setegid, setuid", true),
    ("setregid, setreuid", true),
    ("setresgid, setresuid", true),
    ("setgroups, setgid, setuid", true),
    ("no groups, setgid, setuid", true),
    ("initgroups, setgid, setuid", true),
    ("capset, none", false),
    ("capset, some", false),
    ("capset, setuid", false),
    ("keeping, setuid", true),
    ("keeping, setuid, capset", true),
    ("keeping, setuid, setuid", false),
    ("chroot, setuid", true),
];

#[track_caller]
fn no_thread_keeps_more_rights(role: &str, may: impl Fn(bool) -> bool) {
    for (way, _) in GIVING_UP.iter().filter(|(_, follows)| may(*follows)) {
        let dir = TestDir::new();
        let host = dir.host("gives_up_rights").args([role, way]);
        let mut host = host.arg(dir.path("data")).spawn();
        wait_for(|| host.stdout().starts_with("ready\n"), "ready");
        if role == "successor" {
            // The file names it before its keeper has the file.
            let successor = dir.content().trim_end().parse().expect("a PID");
            wait_for(|| is_watching(successor), "it owns the file");
        }
        host.write_stdin(b"\n");
        wait_for(|| host.stdout().ends_with(" seen\n"), way);
        let said = host.stdout();
        let threads = said
            .strip_prefix("ready\n")
            .and_then(|rest| rest.chars().next());
        assert_eq!(said.lines().count(), 2, "{role}, {way}: {said}");
        assert!(matches!(threads, Some('1' | '2')), "{role}, {way}: {said}");
        host.close_stdin();
    }
}

#[test]
#[ignore = "needs root"]
fn owner_giving_up_rights_no_thread_keeps_more() {
    no_thread_keeps_more_rights("owner", |_| true);
}

#[test]
#[ignore = "needs root"]
fn successor_giving_up_rights_no_thread_keeps_more() {
    no_thread_keeps_more_rights("successor", |_| true);
}

#[test]
#[ignore = "needs root"]
fn candidate_giving_up_rights_no_thread_keeps_more() {
    no_thread_keeps_more_rights("candidate", |follows| follows);
}
