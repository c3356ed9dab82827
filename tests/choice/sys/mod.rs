//! The system as the library's code sees it: answers of the simulated kernel.

use crate::kernel;

pub fn getpid() -> libc::pid_t {
    kernel::with(|world| world.acting.unwrap_or(world.owner))
}

pub mod fs {
    #[derive(Clone, Copy)]
    pub struct FileId;
}

pub mod clock {
    use crate::kernel::{self, Blind};
    use std::time::Duration;

    pub fn nanoseconds() -> u64 {
        kernel::with(|world| world.clock)
    }

    pub fn ticks() -> u64 {
        nanoseconds() / 10_000_000
    }

    pub fn age(since: u64) -> Duration {
        match kernel::with(|world| world.blind) {
            Some(Blind::Ages) => Duration::ZERO,
            _ => Duration::from_nanos(nanoseconds().saturating_sub(since)),
        }
    }
}

pub mod futex {
    use crate::kernel;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    pub const POLL_INTERVAL: Duration = Duration::from_micros(200);

    pub fn wake_all_shared(_word: &AtomicU32) {}

    /// A pause between two looks.
    pub fn wait_shared(_word: &AtomicU32, _known: u32, timeout: Duration) {
        kernel::pause(timeout);
    }
}

pub mod procfs {
    use crate::kernel::{self, Blind, Run};

    fn is_blind_to(what: Blind) -> bool {
        kernel::with(|world| world.acting.is_none() && world.blind == Some(what))
    }

    pub fn is_running(pid: libc::pid_t) -> bool {
        kernel::observe(pid, |_, _| ()).is_some()
    }

    pub fn is_alive(pid: libc::pid_t) -> bool {
        is_running(pid)
    }

    pub fn is_running_since(pid: libc::pid_t, _ticks: u64) -> bool {
        is_running(pid)
    }

    pub fn parent(pid: libc::pid_t) -> Option<libc::pid_t> {
        if is_blind_to(Blind::Parents) {
            return None;
        }
        kernel::observe(pid, |process, _| process.parent)
    }

    pub fn session(pid: libc::pid_t) -> Option<libc::pid_t> {
        if is_blind_to(Blind::Sessions) {
            return None;
        }
        kernel::observe(pid, |process, _| process.session)
    }

    pub fn user(pid: libc::pid_t) -> Option<u32> {
        if is_blind_to(Blind::Users) {
            return None;
        }
        kernel::observe(pid, |process, _| process.user)
    }

    /// False too of a process that has ended.
    pub fn is_as_forked(pid: libc::pid_t) -> bool {
        is_blind_to(Blind::Execs)
            || kernel::observe(pid, |process, _| process.is_as_forked) == Some(true)
    }

    pub fn program(pid: libc::pid_t) -> Option<&'static str> {
        kernel::observe(pid, |process, _| process.program)
    }

    fn is(pid: libc::pid_t, run: Run) -> bool {
        kernel::observe(pid, |process, _| process.run) == Some(run)
    }

    pub fn is_runnable(pid: libc::pid_t) -> bool {
        !is_blind_to(Blind::Running) && is(pid, Run::Runs)
    }

    pub fn is_asleep(pid: libc::pid_t) -> bool {
        is_blind_to(Blind::Running) || is(pid, Run::Sleeps)
    }

    pub fn is_asleep_alone(pid: libc::pid_t) -> bool {
        kernel::observe(pid, |process, _| process.listens_as.is_none()) == Some(true)
            && is(pid, Run::Sleeps)
    }

    pub fn is_stopped(pid: libc::pid_t) -> bool {
        is(pid, Run::Stopped)
    }

    pub fn is_busy(pid: libc::pid_t) -> bool {
        has_busy_thread(pid)
    }

    pub fn has_busy_thread(pid: libc::pid_t) -> bool {
        !is_blind_to(Blind::Running) && (is(pid, Run::Runs) || is_blocked(pid))
    }

    pub fn is_blocked(pid: libc::pid_t) -> bool {
        is(pid, Run::Blocked) || is(pid, Run::InExec)
    }
}

pub mod scheduling {
    use crate::kernel::{self, Blind};

    pub fn time_runnable(pid: libc::pid_t) -> Option<u64> {
        if kernel::with(|world| world.blind == Some(Blind::Queues)) {
            return None;
        }
        kernel::observe(pid, |process, _| process.time_runnable)
    }

    pub fn cpu_time(pid: libc::pid_t) -> Option<u64> {
        kernel::observe(pid, |process, _| process.cpu_time)
    }
}

#[path = "../../../src/sys/memory.rs"]
pub mod memory;
