//! An owner's exit is not held up by children that may not inherit, and a shell's by no background command.

use crate::common::{Descendants, NOTHING, SHELLS, TestDir, exited, status_line, wait_for};
use std::os::unix::fs::chown;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// A shell that leaves a command behind has ended; nothing of it goes on under its name. Some builds of busybox have no need of
/// exec for a sleep.
#[test]
#[ignore = "needs root"]
fn background_command_of_shell_never_inherits() {
    for shell in SHELLS {
        for command in [
            "sleep 1000",
            "nohup sleep 1000",
            "setsid sleep 1000",
            "setsid --fork sleep 1000",
            "setpriv --reuid 65534 --clear-groups sleep 1000",
            "exec sleep 1000",
            "env A=1 nice sleep 1000",
        ] {
            let dir = TestDir::new();
            let orphans = Descendants::of(&dir);
            let script = format!("{command} >/dev/null 2>&1 & exit 5");
            let shell = dir.shell(shell).args(["-c", &script]).spawn();
            let pid = shell.pid();
            let ended = shell.wait();
            let what = format!("{script}: {ended:?}");
            assert_eq!(ended.status, exited(5), "{what}");
            assert_eq!(ended.stderr, "", "{what}");
            assert_eq!(dir.leftovers(), NOTHING, "{what}, of {pid}");
            wait_for(
                || {
                    let goes_on = |pid: &i32| match &*status_line(*pid, "Name") {
                        "sleep" => true,
                        "busybox" => status_line(*pid, "State").starts_with('S'),
                        _ => false,
                    };
                    orphans.children().iter().any(goes_on)
                },
                &format!("the command goes on: {what}"),
            );
            assert_eq!(dir.leftovers(), NOTHING, "{what}");
        }
    }
}

/// Does it 40 times. An owner waits a second and more for a child that may become the daemon. Were each exit held up by
/// that, not one in four would take less than half of it, however busy the machine is.
#[track_caller]
fn is_not_held_up(what: &str, does_it: impl Fn(&TestDir)) {
    let mut took: Vec<Duration> = (0..40)
        .map(|_| {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let start = Instant::now();
            does_it(&dir);
            let took = start.elapsed();
            assert_eq!(dir.leftovers(), NOTHING, "{what}");
            took
        })
        .collect();
    took.sort();
    assert!(took[10] < Duration::from_millis(500), "{what}: {took:?}");
}

#[test]
#[ignore = "needs root"]
fn shell_does_not_wait_for_background_commands() {
    for shell in SHELLS {
        is_not_held_up(shell, |dir| {
            let script = "sleep 1000 >/dev/null 2>&1 & (exit 3); exit 5";
            let ended = dir.shell(shell).args(["-c", script]).run();
            assert_eq!(ended.status, exited(5), "{shell:?}");
        });
    }
}

#[track_caller]
fn end_at_once(steps: &[&str], status: ExitStatus) {
    is_not_held_up(&format!("{steps:?}"), |dir| {
        // Those that drop root can remove the file too.
        chown(dir.path("run"), Some(65534), None).unwrap();
        let ended = dir.host("daemonizes").args(steps).run();
        assert_eq!(ended.status, status, "{steps:?}: {ended:?}");
    });
}

#[test]
#[ignore = "needs root"]
fn young_worker_does_not_delay_owners_exit() {
    end_at_once(&["worker", "leave"], exited(0));
    end_at_once(&["worker", "worker", "helper", "leave"], exited(0));
}

#[test]
#[ignore = "needs root"]
fn unfit_child_does_not_delay_owners_exit() {
    end_at_once(&["drop root", "no more processes", "fork"], exited(99));
}
