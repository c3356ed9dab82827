//! A simulated kernel: processes, who is whose child, and who runs when.
//!
//! Between any two things that the owner looks at, any other process may go on, by as many steps as a generator of random
//! numbers says.

use std::cell::RefCell;
use std::time::Duration;

use crate::hooks::Birth;
use crate::life::{self, Step};
use crate::ownership::candidate::Kind;
use crate::ownership::shared::SharedState;

pub const INIT: libc::pid_t = 1;

/// Whether a process is given a processor, as /proc/PID/stat tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    Runs,
    Sleeps,
    Stopped,
    Blocked,
    /// execve(2) waits for the end of the other threads, which get no processor.
    InExec,
}

/// What the owner is made blind to, to see that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blind {
    Parents,
    Sessions,
    Users,
    Execs,
    Running,
    Ages,
    Queues,
}

pub struct Process {
    pub name: &'static str,
    pub pid: libc::pid_t,
    pub parent: libc::pid_t,
    /// Whose child it was at first; 0: nobody's.
    pub forked_by: libc::pid_t,
    pub session: libc::pid_t,
    pub user: u32,
    pub program: &'static str,
    pub is_as_forked: bool,
    pub run: Run,
    pub cpu_time: u64,
    pub time_runnable: u64,
    /// Its keeper listens, and was this user when it began to.
    pub listens_as: Option<u32>,
    pub has_file_open: bool,
    // What its own fork handlers know
    pub birth: Birth,
    pub place: Option<usize>,
    pub born: u64,
    pub session_begun: u64,
    pub forked: u32,
    pub birth_of_child: Birth,
    pub held: Option<usize>,
    /// Its fork handlers have yet to run.
    pub is_unborn: bool,
    pub kind: Option<Kind>,
    pub is_candidate: bool,
    /// Since when it owns the file, in nanoseconds.
    pub owner_since: u64,
    /// What it does, and how far it is.
    pub steps: &'static [Step],
    pub at: usize,
    pub within: u8,
    pub has_ended: bool,
    /// The look from which on execve(2) waits for no other thread.
    pub in_exec_until: u32,
    /// The looks in which it makes no step, whatever it would do.
    stall: std::ops::Range<u32>,
    stall_as: Run,
}

pub struct World {
    pub clock: u64,
    /// How often the owner has paused.
    pub looks: u32,
    processes: Vec<Process>,
    pub shared: &'static SharedState,
    pub owner: libc::pid_t,
    /// Whom the file names; 0: there is none.
    pub file: libc::pid_t,
    /// The process that makes a step just now.
    pub acting: Option<libc::pid_t>,
    /// Whether the owner has reached its end.
    pub is_ending: bool,
    pub is_ready: bool,
    pub follows_forks: bool,
    pub blind: Option<Blind>,
    random: u64,
    stalls: bool,
    pub trace: Vec<String>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

impl World {
    pub fn new(seed: u64, stalls: bool, shared: &'static SharedState) -> Self {
        Self {
            clock: 1_000_000_000,
            looks: 0,
            processes: Vec::new(),
            shared,
            owner: 0,
            file: 0,
            acting: None,
            is_ending: false,
            is_ready: false,
            follows_forks: false,
            blind: None,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            stalls,
            trace: Vec::new(),
        }
    }

    /// A number below `bound` (xorshift).
    pub fn random(&mut self, bound: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 33) % u64::from(bound)) as u32
    }

    pub fn process(&self, pid: libc::pid_t) -> &Process {
        &self.processes[pid as usize - 100]
    }

    pub fn process_mut(&mut self, pid: libc::pid_t) -> &mut Process {
        &mut self.processes[pid as usize - 100]
    }

    fn living(&self, pid: libc::pid_t) -> Option<&Process> {
        let index = usize::try_from(pid).ok()?.checked_sub(100)?;
        let process = self.processes.get(index)?;
        (!process.has_ended).then_some(process)
    }

    pub fn pids(&self) -> Vec<libc::pid_t> {
        let living = self.processes.iter().filter(|process| !process.has_ended);
        living.map(|process| process.pid).collect()
    }

    /// clone(2): a copy of the process `parent`, or one of nobody's.
    pub fn create(
        &mut self,
        parent: Option<libc::pid_t>,
        name: &'static str,
        steps: &'static [Step],
    ) -> libc::pid_t {
        let pid = 100 + self.processes.len() as libc::pid_t;
        let (stall, stall_as) = self.next_stall();
        let (session, user, program, has_file_open) =
            parent.map_or((50, 0, "launcher", false), |parent| {
                let it = self.process(parent);
                (it.session, it.user, it.program, it.has_file_open)
            });
        self.processes.push(Process {
            name,
            pid,
            parent: parent.unwrap_or(INIT),
            forked_by: parent.unwrap_or(0),
            session,
            user,
            program,
            is_as_forked: true,
            run: Run::Runs,
            cpu_time: 0,
            time_runnable: 0,
            listens_as: None,
            has_file_open,
            birth: Birth::Bystander,
            place: None,
            born: self.clock,
            session_begun: 0,
            forked: 0,
            birth_of_child: Birth::Bystander,
            held: None,
            is_unborn: false,
            kind: None,
            is_candidate: false,
            owner_since: self.clock,
            steps,
            at: 0,
            within: 0,
            has_ended: false,
            in_exec_until: 0,
            stall,
            stall_as,
        });
        pid
    }

    /// When a process gets no processor, or is stopped.
    fn next_stall(&mut self) -> (std::ops::Range<u32>, Run) {
        if !self.stalls || self.random(2) == 0 {
            return (0..0, Run::Runs);
        }
        let begin = self.looks + self.random(40);
        let length = [3, 30, 100, 1000][self.random(4) as usize];
        let how = [Run::Runs, Run::Stopped, Run::Blocked][self.random(3) as usize];
        (begin..begin + length, how)
    }

    /// exit(2): its children are init's.
    pub fn end(&mut self, pid: libc::pid_t) {
        let process = self.process_mut(pid);
        process.has_ended = true;
        process.listens_as = None;
        for process in &mut self.processes {
            if process.parent == pid {
                process.parent = INIT;
            }
        }
    }

    /// Whether a process waits for what will not come.
    pub fn is_at_rest(&self, pid: libc::pid_t) -> bool {
        self.process(pid).in_exec_until <= self.looks && !life::may_go_on(self, pid)
    }

    /// Whether the scheduler gives a process its turn.
    fn may_step(&mut self, pid: libc::pid_t) -> bool {
        let looks = self.looks;
        let process = self.process_mut(pid);
        let is_stalled = process.stall.contains(&looks);
        let waits = !life::may_go_on(self, pid);
        let process = self.process_mut(pid);
        process.run = match (is_stalled, waits) {
            _ if process.in_exec_until > looks => Run::InExec,
            (true, false) => process.stall_as,
            (_, true) => Run::Sleeps,
            _ => Run::Runs,
        };
        !is_stalled && !waits
    }
}

pub fn begin(world: World) {
    WORLD.with(|cell| *cell.borrow_mut() = Some(world));
}

pub fn with<R>(what: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with(|cell| what(cell.borrow_mut().as_mut().expect("a world")))
}

/// What the owner sees of a process, if there is such a process. Others may have gone on before.
pub fn observe<R>(pid: libc::pid_t, what: impl FnOnce(&Process, &World) -> R) -> Option<R> {
    if with(|world| world.acting.is_none()) {
        with(|world| world.clock += 20_000);
        // Nobody, one by a step, or one by all that it has to do.
        let turns = [0, 0, 0, 0, 1, 1, 1, 12][with(|world| world.random(8)) as usize];
        let all = with(|world| world.pids());
        let next = all[with(|world| world.random(all.len() as u32)) as usize];
        for _ in 0..turns {
            give_turn(next);
        }
    }
    with(|world| world.living(pid).map(|process| what(process, world)))
}

/// The owner sleeps, and all others have a processor, unless they are stalled.
pub fn pause(time: Duration) {
    with(|world| {
        world.clock += time.as_nanos() as u64;
        world.looks += 1;
    });
    for pid in with(|world| world.pids()) {
        for _ in 0..with(|world| world.random(4)) {
            give_turn(pid);
        }
    }
}

fn give_turn(pid: libc::pid_t) {
    if with(|world| pid != world.owner || !world.is_ending)
        && with(|world| world.living(pid).is_some() && world.may_step(pid))
    {
        with(|world| {
            world.clock += 1_000;
            world.acting = Some(pid);
        });
        life::step(pid);
        with(|world| {
            world.acting = None;
            if world.living(pid).is_some() {
                world.may_step(pid);
            }
        });
    }
}
