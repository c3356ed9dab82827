//! What a process does, step by step.

use crate::hooks::{be_born, become_candidate, fork};
use crate::kernel::{self, World, with};
use crate::ownership::candidate::Kind;
use crate::ownership::shared::SharedState;
use crate::sys::clock;

/// What the program does.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Forks a child, which has a name and steps of its own.
    Fork(&'static str, &'static [Step]),
    Setsid,
    /// By a system call that no hook sees.
    SetsidUnseen,
    /// Becomes another program, with the library or without it.
    Exec {
        with_library: bool,
    },
    DropRoot,
    /// Opens the PID file.
    OpenFile,
    /// Says that it leads a session, which is not true.
    Lie,
    /// Uses so many milliseconds of a processor.
    Work(u64),
    /// Lets seconds go by, of which it sleeps so many, waits for a processor, and has one.
    Spend {
        asleep: u64,
        waiting: u64,
        running: u64,
    },
    /// Tells its launcher that it is ready.
    Ready,
    AwaitReady,
    /// Until its parent has ended.
    AwaitOrphaned,
    /// Until the child that it has forked last has ended.
    AwaitChild(&'static str),
    /// It is killed.
    Killed,
    Exit,
}

/// Whether a process does not wait.
pub fn may_go_on(world: &World, pid: libc::pid_t) -> bool {
    let process = world.process(pid);
    if process.is_unborn {
        return true;
    }
    match process.steps.get(process.at) {
        // It serves, for ever.
        None => false,
        Some(Step::AwaitReady) => world.is_ready,
        Some(Step::AwaitOrphaned) => process.parent == kernel::INIT,
        Some(Step::AwaitChild(name)) => !world
            .pids()
            .iter()
            .any(|pid| world.process(*pid).name == *name),
        Some(Step::Exec { .. }) => world.looks >= process.in_exec_until,
        // The library's keeper has yet to get the file that names it.
        Some(Step::Exit) if process.within == 2 => world.file != pid || world.owner == pid,
        Some(_) => true,
    }
}

/// Makes the next step of a process.
pub fn step(pid: libc::pid_t) {
    if with(|world| world.process(pid).is_unborn) {
        let (within, shared) = with(|world| (world.process(pid).within, world.shared));
        let is_done = be_born(pid, within, shared);
        return with(|world| {
            let process = world.process_mut(pid);
            process.is_unborn = !is_done;
            process.within = if is_done { 0 } else { within + 1 };
        });
    }
    let (step, within, shared) = with(|world| {
        let shared = world.shared;
        let process = world.process_mut(pid);
        process.cpu_time += 100_000;
        (process.steps[process.at], process.within, shared)
    });
    with(|world| {
        let entry = format!("{}: {step:?} {within}", world.process(pid).name);
        world.trace.push(entry);
    });
    let is_done = match step {
        Step::Fork(name, steps) => fork(pid, within, name, steps, shared),
        Step::Setsid => {
            if within == 0 {
                with(|world| world.process_mut(pid).session = pid);
            }
            within > 0 && become_candidate(pid, within - 1, None, shared)
        }
        Step::SetsidUnseen => {
            with(|world| world.process_mut(pid).session = pid);
            true
        }
        Step::Exec { with_library } => exec(pid, within, with_library),
        Step::DropRoot => {
            with(|world| world.process_mut(pid).user = 1000);
            true
        }
        Step::Work(milliseconds) => {
            with(|world| world.process_mut(pid).cpu_time += 1_000_000);
            u64::from(within) >= milliseconds
        }
        Step::OpenFile => {
            with(|world| world.process_mut(pid).has_file_open = true);
            true
        }
        Step::Lie => {
            with(|world| world.process_mut(pid).listens_as = Some(0));
            shared
                .candidates
                .add(Kind::SessionLeader, 1, clock::nanoseconds(), 0);
            true
        }
        Step::Spend {
            asleep,
            waiting,
            running,
        } => {
            with(|world| {
                const SECOND: u64 = 1_000_000_000;
                world.clock += (asleep + waiting + running) * SECOND;
                let process = world.process_mut(pid);
                process.time_runnable += waiting * SECOND;
                process.cpu_time += running * SECOND;
            });
            true
        }
        Step::Ready => {
            with(|world| world.is_ready = true);
            true
        }
        Step::AwaitReady | Step::AwaitOrphaned | Step::AwaitChild(_) => true,
        Step::Killed => {
            with(|world| world.end(pid));
            true
        }
        Step::Exit => return exit(pid, within, shared),
    };
    with(|world| {
        let process = world.process_mut(pid);
        process.within = if is_done { 0 } else { within + 1 };
        process.at += usize::from(is_done);
    });
}

fn exec(pid: libc::pid_t, within: u8, with_library: bool) -> bool {
    with(|world| {
        let (looks, turns) = (world.looks, world.random(100));
        let process = world.process_mut(pid);
        if within == 0 {
            let has_keeper = process.listens_as.take().is_some();
            process.in_exec_until = looks + if has_keeper { turns } else { 0 };
        } else if within == 1 {
            process.is_as_forked = false;
            process.program = "another";
        } else if with_library && process.is_candidate {
            process.listens_as = Some(process.user);
        }
    });
    within > 1
}

/// endings/mod.rs, `release`
fn exit(pid: libc::pid_t, within: u8, shared: &SharedState) {
    if with(|world| world.owner == pid) {
        with(|world| world.is_ending = true);
        return;
    }
    match within {
        0 => shared.candidates.forget(pid),
        1 => {}
        _ => return with(|world| world.end(pid)),
    }
    with(|world| world.process_mut(pid).within += 1);
}
