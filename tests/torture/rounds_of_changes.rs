//! Thousands of rounds of a hand-over or an exec against a deletion, and of a SIGKILL at any time.

use crate::common::{
    Descendants, NOTHING, Probe, TestDir, children_of, exited, is_alive, is_at_work, killed_by,
    output_pids, status_line, wait_for,
};
use crate::rounds::{Soon, rounds, times};
use std::{fs, thread};

const SHAPES: [&[&str]; 4] = [
    &["fork", "setsid"],
    &["fork", "setsid", "fork"],
    &["daemon(1, 1)"],
    &["setsid", "fork"],
];

#[test]
fn deletion_racing_hand_over_ends_daemon() {
    rounds("deletion against hand-over", times(60, 2000), |random| {
        let dir = TestDir::new();
        let orphans = Descendants::of(&dir);
        let steps = random.choice(SHAPES).unwrap();
        let waiting = random.choice([&[][..], &["wait for", "pipe"]]).unwrap();
        let steps = [&["be told"], waiting, steps].concat();
        let mut launcher = dir.host("daemonizes").args(&steps).spawn();
        let pid = launcher.pid();
        launcher.wait_until(|_| dir.content() == format!("{pid}\n"), "an owner");
        Soon::within(random, 30).comes();
        let (to_delete, to_hand_over) = (Soon::within(random, 8), Soon::within(random, 2));
        let probe = Probe::of(dir.pidfile());
        let deleted = thread::scope(|scope| {
            scope.spawn(|| {
                to_hand_over.comes();
                launcher.close_stdin();
            });
            to_delete.comes();
            fs::remove_file(dir.pidfile())
        });
        let path = dir.pidfile();
        deleted.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let ended = launcher.wait();
        let by_deletion = ended.status == killed_by(libc::SIGTERM);
        assert!(by_deletion || ended.status == exited(0), "{ended:?}");
        // Who was no daemon yet when it was deleted goes on without a file.
        if !by_deletion {
            wait_for(
                || orphans.children().is_empty(),
                &format!("nobody goes on after {steps:?}, {ended:?}"),
            );
        }
        let chain = output_pids(&dir, "process");
        let seen = probe.finish();
        let known = |named: &i32| *named == pid || chain.contains(named);
        assert!(seen.iter().all(known), "{seen:?}, of {pid}, {chain:?}");
        wait_for(
            || {
                orphans
                    .children()
                    .into_iter()
                    .all(|pid| is_at_work(pid) || !is_alive(pid))
            },
            "nothing moves",
        );
        assert_eq!(dir.leftovers(), NOTHING, "{ended:?}");
    });
}

#[test]
fn exec_racing_deletion_ends_program() {
    rounds("exec against deletion", times(80, 2000), |random| {
        let dir = TestDir::new();
        let images = random.u32(0..6);
        let host = dir.host("execs_itself").arg(images.to_string()).spawn();
        let owner = host.pid_line();
        host.wait_until(|_| dir.content() == owner, "an owner");
        let probe = Probe::of(dir.pidfile());
        Soon::within(random, 1 + 6 * u64::from(images)).comes();
        dir.remove_pidfile();
        let pid = host.pid();
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{ended:?}");
        // The signal goes first. An exec just then ends the thread that is about to say so.
        let lines: Vec<_> = ended.stderr.lines().collect();
        let is_said = lines.len() == 1 && lines[0].contains("was deleted");
        assert!(is_said || images > 0 && lines.is_empty(), "{ended:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{ended:?}");
        let seen = probe.finish();
        assert!(seen.iter().all(|named| *named == pid), "{seen:?}");
    });
}

/// SIGKILL at any moment of a short life: from the start of the program to its orderly end. With a guard no file stays.
#[test]
fn sigkill_at_any_time_with_guard_leaves_no_file() {
    rounds("SIGKILL with a guard", times(200, 10_000), |random| {
        let dir = TestDir::new();
        let host = dir.host("waits_for_eof").env("PIDFILE_GUARD", "1");
        let host = if random.bool() {
            host.env("PIDFILE_WATCH", "off")
        } else {
            host
        };
        let mut host = host.spawn();
        Soon::within(random, 6).comes();
        if random.u8(0..4) == 0 {
            host.close_stdin();
            Soon::within(random, 1).comes();
        }
        if host.is_running() {
            host.signal(libc::SIGKILL);
        }
        host.wait();
        wait_for(|| dir.leftovers() == NOTHING, "no file is left");
        reap_guards();
    });
}

/// Other tests make this process the parent of what is left behind, and so of guards that have ended.
fn reap_guards() {
    for child in children_of(std::process::id().cast_signed()) {
        if status_line(child, "Name") == "pidfile-guard" {
            // SAFETY: does not wait, and wants no status.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) };
        }
    }
}
