//! Ends that something could hold up or turn into others: a keeper that is given no processor, a sandbox that lets nobody
//! send signals, code that is not libc's.

use crate::common::{
    Ended, Mode, NOTHING, Process, Stopped, TestDir, exited, extra_tasks_of, keeper_of, killed_by,
    library, wait_until_idle,
};
use std::io;
use std::process::ExitStatus;

const MODES: [(Mode, &str); 3] = [
    (Mode::Plain, "auto"),
    (Mode::Active, "auto"),
    (Mode::Active, "off"),
];

/// Runs a host until it is ready, and sends it SIGTERM. The file has to be gone.
fn terminated(host: &str, arguments: &[&str], (mode, watch): (Mode, &str)) -> Ended {
    let dir = TestDir::new();
    let host = dir.host(host).mode(mode).env("PIDFILE_WATCH", watch);
    let host = host.args(arguments).spawn_ready();
    host.signal(libc::SIGTERM);
    let ended = host.wait();
    assert_eq!(dir.leftovers(), NOTHING, "{arguments:?}, {mode:?}, {watch}");
    ended
}

#[test]
fn refused_signal_still_ends_the_process() {
    let eperm = libc::EPERM.to_string();
    for error in [&*eperm, "0"] {
        for run in MODES {
            let ended = terminated("refuses_signals", &[error], run);
            assert_eq!(ended.status, killed_by(libc::SIGTERM), "{error} {run:?}");
        }
    }
}

#[test]
fn refused_signal_and_timer_end_in_an_exit() {
    for (mode, watch) in MODES {
        let ended = terminated("refuses_signals", &["1", "timers"], (mode, watch));
        let expected = match mode {
            Mode::Plain => killed_by(libc::SIGTERM),
            _ => exited(128 + libc::SIGTERM),
        };
        assert_eq!(ended.status, expected, "{mode:?} {watch}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn foreign_thread_register_ends_alike() {
    for how in ["nowhere", "own"] {
        for run in MODES {
            let ended = terminated("runs_foreign_code", &[how], run);
            assert_eq!(ended.status, killed_by(libc::SIGTERM), "{how} {run:?}");
        }
    }
}

/// With system calls that the host catches itself, in the main thread or in another one.
#[cfg(target_arch = "x86_64")]
#[test]
fn own_system_call_dispatch_ends_alike() {
    for how in ["dispatch", "dispatch_thread"] {
        for (mode, watch) in [(Mode::Plain, "auto"), (Mode::Active, "auto")] {
            let ended = terminated("runs_foreign_code", &[how], (mode, watch));
            assert_eq!(ended.status, killed_by(libc::SIGTERM), "{how} {mode:?}");
        }
        // Nobody can stand in for the handler here.
        let dir = TestDir::new();
        let host = dir.host("runs_foreign_code").env("PIDFILE_WATCH", "off");
        let host = host.arg(how).spawn_ready();
        host.signal(libc::SIGTERM);
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{how}");
    }
}

/// Has a host end: by a signal, or of its own accord.
fn have_it_end(host: &mut Process, by_signal: bool) {
    if by_signal {
        host.signal(libc::SIGTERM);
    } else {
        host.close_stdin();
    }
}

/// Returns the status of a host that has ended that way.
fn status_when(by_signal: bool) -> ExitStatus {
    if by_signal {
        killed_by(libc::SIGTERM)
    } else {
        exited(0)
    }
}

/// A debugger that stops the keeper stands for a host of real-time priority that leaves it no processor.
#[test]
fn keeper_without_processor_does_not_keep_the_file() {
    for by_signal in [true, false] {
        let dir = TestDir::new();
        let mut host = dir.host("waits_for_eof").spawn_owner();
        // One that is at work may be stuck in a file system.
        wait_until_idle(&host);
        let keeper = keeper_of(host.pid());
        let stopped = Stopped::stop(keeper);
        have_it_end(&mut host, by_signal);
        // The process has ended, but for the thread that is its tracer's to reap.
        stopped.reap();
        let ended = host.wait();
        assert_eq!(ended.status, status_when(by_signal));
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// A debugger that stops the keeper at the removal stands for a file system that does not answer. The file is stale then.
#[test]
fn stuck_keeper_does_not_hold_up_the_end() {
    for by_signal in [true, false] {
        let dir = TestDir::new();
        let mut host = dir.host("waits_for_eof").spawn_owner();
        let stopped = Stopped::stop(keeper_of(host.pid()));
        have_it_end(&mut host, by_signal);
        let removal = [libc::SYS_unlinkat, OTHER_UNLINK];
        stopped.go_to_call(|call| removal.contains(&call.number));
        stopped.reap();
        let ended = host.wait();
        assert_eq!(ended.status, status_when(by_signal));
        assert!(dir.an_outsider_can_lock());
    }
}

/// arm64 has one call to remove a name.
#[cfg(target_arch = "x86_64")]
const OTHER_UNLINK: i64 = libc::SYS_unlink;
#[cfg(not(target_arch = "x86_64"))]
const OTHER_UNLINK: i64 = libc::SYS_unlinkat;

/// Containers on kernels before 5.9 refuse both ways to a descriptor table of our own, and so to count threads. The
/// process ends with the host's last thread all the same.
#[test]
fn main_thread_leaving_without_fd_table_ends_alike() {
    for variant in 0..=7 {
        let ends = [Mode::Plain, Mode::Active].map(|mode| {
            let dir = TestDir::new();
            let mut host = dir.host("under_seccomp").plain();
            host = host.args(["close_range=EPERM", "unshare=EPERM", "--", "/usr/bin/env"]);
            if mode == Mode::Active {
                host = host.arg(format!("LD_PRELOAD={}", library().display()));
                host = host.arg(format!("PIDFILE={}", dir.pidfile().display()));
            }
            let program = dir.host_path("ends_by");
            let host = host
                .arg(program)
                .args(["main_leaving", "11", &variant.to_string()]);
            let ended = host.run();
            assert_eq!(dir.leftovers(), NOTHING, "{variant}");
            (ended.status, ended.stdout)
        });
        assert_eq!(ends[1], ends[0], "{variant}");
    }
}

/// A keeper that is asked for something and not scheduled yet is still the first to wait for the main thread. What the
/// kernel tells it of that, it has to tell the others.
#[test]
fn starved_keeper_passes_on_the_end_of_main() {
    for _ in 0..5 {
        let dir = TestDir::new();
        let host = dir.host("ends_by").args(["main_leaving", "0", "11"]);
        let mut host = host.spawn_owner();
        wait_until_idle(&host);
        host.write_stdin(b"\n");
        host.wait_until(
            |host| extra_tasks_of(host.pid()).len() == 3,
            "it has a thread of its own",
        );
        wait_until_idle(&host);
        on_one_processor(host.pid());
        be_idle(keeper_of(host.pid()));
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0), "{}", ended.stderr);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// All threads on one processor.
fn on_one_processor(pid: i32) {
    // SAFETY: all zeroes is a set of no processors; the calls read it.
    unsafe {
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of_val(&one), &mut one);
        let first = (0..libc::CPU_SETSIZE as usize).find(|at| libc::CPU_ISSET(*at, &one));
        libc::CPU_ZERO(&mut one);
        libc::CPU_SET(first.unwrap(), &mut one);
        for task in std::iter::once(pid).chain(extra_tasks_of(pid)) {
            assert_eq!(libc::sched_setaffinity(task, size_of_val(&one), &one), 0);
        }
    }
}

/// Runs only while no other thread wants to.
fn be_idle(task: i32) {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters are valid for the call.
    let set = unsafe { libc::sched_setscheduler(task, libc::SCHED_IDLE, &parameters) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

/// The signal comes while the host is in fork(2) in many of these rounds. Nothing that the end needs is locked there.
#[test]
fn signal_in_fork_ends_alike() {
    for handled in [false, true] {
        let expected = match handled {
            true => exited(3),
            false => killed_by(libc::SIGTERM),
        };
        for round in 0..20 {
            let arguments: &[&str] = if handled { &["handled"] } else { &[] };
            let ended = terminated("forks_until_ended", arguments, (Mode::Active, "auto"));
            assert_eq!(ended.status, expected, "round {round}, handled: {handled}");
        }
    }
}
