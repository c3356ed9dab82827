//! However a program ends, its parent sees what it would have seen, and the file has gone by then.

use crate::SERVICE_ENDS;
use crate::common::{Ended, Mode, NOTHING, TestDir, exited};
use std::os::unix::process::ExitStatusExt;

/// The signals whose default action leaves a process alive, and the two that nobody can catch.
const NOT_FATAL_OR_NOT_CATCHABLE: [i32; 9] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGURG,
    libc::SIGWINCH,
];

/// Two signals that glibc keeps for itself. With 32 it cancels threads, and sets a handler when the first is cancelled.
/// With 33 it makes all threads change their user. Its own handler is there as soon as a process has started a thread,
/// and ignores the signal if somebody else sends it. So nobody who has a thread dies of 33, and we do have one.
const OF_LIBC: [i32; 2] = [32, 33];

fn fatal_signals() -> impl Iterator<Item = i32> {
    (1..=64)
        .filter(|signal| !NOT_FATAL_OR_NOT_CATCHABLE.contains(signal) && !OF_LIBC.contains(signal))
}

/// Runs a program to its end in each mode; in all of them it must come to the same end.
fn ends_alike(what: &str, run: impl Fn(&TestDir, Mode) -> Ended) -> Ended {
    // Shown if the scenario fails.
    println!("{what}");
    let [plain, inert, active] = [Mode::Plain, Mode::Inert, Mode::Active].map(|mode| {
        let dir = TestDir::new();
        let ended = run(&dir, mode);
        // No waiting here: who has seen the end does not see the file. Where there is no handler it stays, and says
        // that it is stale.
        let signal = ended.status.signal();
        let may_stay = signal.is_some_and(|signal| !SERVICE_ENDS.contains(&signal));
        let is_right = dir.leftovers() == NOTHING || may_stay && dir.an_outsider_can_lock();
        assert!(is_right, "{what}, {mode:?}");
        let had_a_file = dir.directory_has_changed();
        assert_eq!(had_a_file, mode == Mode::Active, "{what}, {mode:?}");
        ended
    });
    assert_eq!(inert, plain, "{what}");
    assert_eq!(active, plain, "{what}");
    plain
}

#[test]
fn return_from_main_keeps_status_removes_file() {
    for status in [0, 1, 2, 42, 126, 127, 128, 143, 255, 256, -1] {
        let ended = ends_alike(&format!("return {status}"), |dir, mode| {
            let host = dir.host("returns_status").mode(mode);
            host.arg(status.to_string()).run()
        });
        assert_eq!(ended.status, exited(status & 0xff));
    }
}

#[test]
fn exit_keeps_status_and_removes_file() {
    for status in [0, 1, 42, 255] {
        let ended = ends_alike(&format!("exit({status})"), |dir, mode| {
            let host = dir.host("exits_with_status").mode(mode);
            host.arg(status.to_string()).run()
        });
        assert_eq!(ended.status, exited(status));
        assert_eq!(ended.stdout, "leaving\natexit\n");
    }
}

#[test]
fn exit_from_thread_keeps_status_removes_file() {
    let ended = ends_alike("exit in a thread", |dir, mode| {
        let host = dir.host("exits_from_thread").mode(mode);
        host.arg("5").run()
    });
    assert_eq!(ended.status, exited(5));
}

#[test]
fn every_fatal_signal_ends_as_without_us() {
    for host in ["waits_for_signal", "spins"] {
        for signal in fatal_signals() {
            let ended = ends_alike(&format!("signal {signal} to {host}"), |dir, mode| {
                let host = dir.host(host).mode(mode).spawn_ready();
                host.signal(signal);
                host.wait()
            });
            assert_eq!(ended.status.into_raw() & 0x7f, signal);
        }
    }
}

/// No program can set a handler for it through libc, but the kernel kills by it all the same.
#[test]
fn libc_internal_signal_32_ends_as_without_us() {
    let ended = ends_alike("signal 32", |dir, mode| {
        let host = dir.host("waits_for_signal").mode(mode).spawn_ready();
        host.signal(OF_LIBC[0]);
        host.wait()
    });
    assert_eq!(ended.status.into_raw(), OF_LIBC[0]);
}

#[test]
fn core_dump_flag_is_kept() {
    let mut dumps = 0;
    for signal in fatal_signals() {
        let ended = ends_alike(&format!("signal {signal}"), |dir, mode| {
            let host = dir
                .host("waits_for_signal")
                .mode(mode)
                .dumps_core()
                .spawn_ready();
            host.signal(signal);
            host.wait()
        });
        dumps += u32::from(ended.status.core_dumped());
    }
    assert_ne!(
        dumps, 0,
        "this machine writes no core files, see /proc/sys/kernel/core_pattern: nothing was compared"
    );
}
