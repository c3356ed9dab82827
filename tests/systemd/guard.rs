//! `PIDFILE_GUARD=1` in units: the guard is in the control group of its service. It delays no stop, systemd finds no process
//! left over, and the file goes when the main process is killed.

use crate::common::{PairedRun, wait_for};

const GUARDED: &str = "Environment=PIDFILE_GUARD=1\n";
const SERVICE: &str = "Type=notify\nExecStart=/lab/c-tests/is_a_service\n";
const FORKING: &str = "Type=forking\nPIDFile=/run/%N/a.pid\n\
                       ExecStart=/lab/c-tests/daemonizes_as_a_service double";

fn forking(name: &str, more: &str) -> PairedRun {
    PairedRun::of(
        name,
        &format!("{GUARDED}{FORKING} /run/%N/a.pid\n{more}"),
        &format!("{GUARDED}{FORKING}\n{more}"),
    )
}

fn notify(name: &str, more: &str) -> PairedRun {
    PairedRun::new(name, &format!("{GUARDED}{SERVICE}{more}"))
}

#[track_caller]
fn nothing_is_left(pair: &PairedRun) {
    wait_for(
        || pair.active.processes() == 0,
        "its control group is empty",
    );
}

/// systemd says so if it finds a process where there should be none.
#[track_caller]
fn nothing_was_left_over(pair: &PairedRun) {
    nothing_is_left(pair);
    let log = pair.active.log();
    for complaint in ["left-over", "remains running", "timed out"] {
        assert!(!log.contains(complaint), "{complaint}: {log}");
    }
}

#[test]
#[ignore = "needs root"]
fn whole_life_leaves_no_process() {
    for mode in ["control-group", "mixed", "process"] {
        let more = format!("KillMode={mode}\n");
        live(&notify(&format!("guard-simple-{mode}"), &more));
        // With `process` systemd looks for other processes the moment the main one has ended.
        if mode != "process" {
            live(&forking(&format!("guard-forking-{mode}"), &more));
        }
    }
}

/// The guard came with a hand-over, and sees the end by itself: systemd may find it in between, and leaves it alone.
#[test]
#[ignore = "needs root"]
fn guard_ends_with_a_daemon_that_is_killed_alone() {
    let pair = forking("guard-forking-process", "KillMode=process\n");
    pair.start();
    assert_eq!(pair.active.processes(), 2, "the daemon and its guard");
    pair.stop();
    nothing_is_left(&pair);
    pair.start();
    pair.stop_by_deletion();
    nothing_is_left(&pair);
}

#[test]
#[ignore = "needs root"]
fn simple_service_with_guard_leaves_no_process() {
    let service = SERVICE.replace("notify", "simple");
    let pair = PairedRun::new("guard-type-simple", &format!("{GUARDED}{service}"));
    live(&pair);
}

fn live(pair: &PairedRun) {
    pair.start();
    assert_eq!(pair.active.processes(), 2, "the service and its guard");
    pair.stop();
    nothing_was_left_over(pair);
    pair.start();
    pair.stop_by_deletion();
    nothing_was_left_over(pair);
}

/// The file is gone before the next start, or replaced by it.
#[test]
#[ignore = "needs root"]
fn killed_main_process_is_restarted() {
    let more = "Restart=always\nRestartSec=0\n";
    for pair in [
        notify("guard-killed", more),
        forking("guard-killed-forking", more),
    ] {
        pair.start();
        for _ in 0..3 {
            pair.both("SIGKILL to the main process", |unit| {
                let before = unit.property("MainPID");
                unit.kill(&["--kill-whom=main", "--signal=KILL"]);
                wait_for(
                    || {
                        let now = unit.show("MainPID,SubState");
                        now["SubState"] == "running" && now["MainPID"] != before
                    },
                    "systemd has started it again",
                );
            });
            pair.file_is_right();
        }
        pair.stop();
        nothing_was_left_over(&pair);
    }
}

#[test]
#[ignore = "needs root"]
fn killed_main_process_leaves_no_file() {
    let pair = notify("guard-killed-once", "");
    pair.start();
    pair.both("SIGKILL to the main process", |unit| {
        unit.kill(&["--kill-whom=main", "--signal=KILL"]);
        unit.wait_until("ActiveState", "failed");
    });
    wait_for(
        || !pair.active.pidfile().exists(),
        "the guard has removed the file",
    );
}

/// `systemctl kill --signal=KILL` kills the guard too: the next start replaces the stale file.
#[test]
#[ignore = "needs root"]
fn killed_with_its_guard_starts_again() {
    let pair = notify("guard-killed-too", "");
    pair.start();
    pair.both("SIGKILL to all", |unit| {
        unit.kill(&["--signal=KILL"]);
        unit.wait_until("ActiveState", "failed");
    });
    pair.start();
    pair.stop();
    nothing_was_left_over(&pair);
}
