//! The protocol of the lock and the file, searched through: every order in which the system calls of a few processes can
//! happen, with an end, a kill, an exec or a deletion at every point.
//!
//! Three processes: the first one claims the file, and forks a child that may inherit; another instance starts beside them.
//! Each step of the model is one system call of the library, or one store to the page that parent and child share; the comments
//! name the function that makes it. What a process only does in its own memory is part of the step before it.
//!
//! Time is not in the model. A bounded wait may end early only where the library counts on that it does not (`Assume`).

use std::collections::HashMap;

type Pid = usize;
const FIRST: Pid = 0;
const CHILD: Pid = 1;
const OTHER: Pid = 2;
/// Wrote a file that was left behind, and is dead.
const DEAD: Pid = 8;
/// As that one, but its PID is in use again, by a program that has nothing to do with us.
const STRANGER: Pid = 9;

/// Where a process is: the next system call of its keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    NotBegun,
    // claim.rs, PidFile::claim: `attempt` over and over
    /// `lstat(path)`
    ClaimLook,
    /// `open(path, O_RDWR)`
    ClaimOpen,
    /// `flock(&fd)`
    ClaimLock,
    /// `read_pid(&fd)` and `sys::is_running`, where somebody has the lock
    ClaimAskHolder,
    /// `lstat(path)` once more, under the lock
    ClaimCompare,
    /// `read_pid(&fd)` and `sys::is_alive`, where nobody had the lock
    ClaimRead,
    /// `unlink(path)` of what is stale
    ClaimUnlink,
    /// `publish_unnamed`: `linkat`, of a file that is whole and locked
    ClaimLink,
    // claim.rs, PidFile::resume, in a new image
    Exec,
    /// `open(path, O_RDWR)`
    ResumeOpen,
    /// `read_pid(&fd)`
    ResumeRead,
    /// `flock(&fd)`
    ResumeLock,
    /// `lstat(path)`
    ResumeCompare,
    /// keeper.rs, Attendance::run and `glance`: `file.look()` at each event
    Owns,
    // succession.rs, pass_on
    /// `file.look()`
    PassLook,
    /// `page.heir()`
    PassFindHeir,
    /// `page.offered.store(pid)`
    PassOffer,
    /// `heir.pid.load() != pid`
    PassAsk,
    // pidfile.rs, PidFile::hand_over
    /// `self.look()`
    HandLook,
    /// `replace(fd, heir)`
    HandWrite,
    /// `unlock(fd)`
    HandUnlock,
    /// `wait()`: `page.taken`; then `sys::is_running(heir)`
    HandAsk,
    /// `flock(fd)`, with what `is_running` has told
    HandTry(bool),
    /// the lock is ours again: `self.look()`, `unlock(fd)` or `replace(fd, sys::getpid())`
    HandBack(bool),
    // pidfile.rs, PidFile::remove
    /// `lstat(&self.path)`
    RemoveLook,
    /// `self.names_us()`
    RemoveRead,
    /// `unlink(self.path)`
    RemoveUnlink,
    /// the process ends: the kernel closes all it has
    Leave,
    // baton.rs and succession.rs, wait_for_baton
    /// `Baton::open`
    StandOpen,
    /// `flock_by_kernel(fd, LOCK_EX)`, which blocks
    StandBy,
    /// `fstat(fd)`
    StandLinks,
    /// `read_pid(fd)` and `sys::is_running`
    StandRead,
    /// It names a dead process: `baton.let_go()`, or after a while `remove_stale`
    StandStale,
    /// `remove_stale`: `lstat`
    StaleLook,
    /// `remove_stale`: `unlink`
    StaleUnlink,
    /// `taken`: `page.forget`
    TakeForget,
    /// `taken`: `page.taken.store`
    TakeTell,
    // The ends of it
    /// keeper.rs, `terminate`: the host has been sent SIGTERM
    Told,
    /// Runs without a file.
    Aside,
    Gone,
}

/// Where the main thread of the child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Main {
    NotForked,
    /// page.rs, Child: holds the mutex.
    Undecided,
    /// succession.rs, become_candidate: `page.add`
    Register,
    Runs,
    /// succession.rs, withdraw: `page.forget`
    Withdraw,
    /// succession.rs, withdraw: `page.offered`
    AskOffer,
    /// ending.rs, release: waits for its keeper to get the file, and gives it up again
    WaitForKeeper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Process {
    at: At,
    /// The file that its keeper has open.
    fd: Option<usize>,
    /// The new file of a claim, which has no name yet.
    draft: Option<usize>,
    /// Its page is not the one of the other two any more.
    apart: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct File {
    names: Option<Pid>,
    lock: Option<Pid>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    path: Option<usize>,
    files: Vec<File>,
    processes: [Process; 3],
    main: Main,
    // page.rs
    candidate: Option<Pid>,
    offered: Option<Pid>,
    taken: Option<Pid>,
    deleted: bool,
    // What may still happen
    kills: u8,
    execs: u8,
    deletions: u8,
    /// Somebody was killed.
    killed: bool,
    /// Who has to learn of the deletion.
    victim: Option<Pid>,
}

/// What the library counts on.
#[derive(Clone, Copy, PartialEq)]
enum Assume {
    /// exec, and the taking of the baton, take less than `claim::EXEC`; nobody deletes the file between the last look and the
    /// unlink of one who removes it.
    All,
    AnySpeed,
    DeletionAtAnyMoment,
}

/// What could be wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    ClaimWithoutLock,
    ClaimWithoutInodeCheck,
    ClaimWithoutGrace,
    RemoveWithoutLook,
    HandOverWithoutWait,
    HandOverWithoutName,
    NoTakingBack,
    TakeWhateverIsFree,
    ForgetDeletions,
}

struct Model {
    assume: Assume,
    fault: Fault,
    /// What is at the path when all begins.
    before: Option<Pid>,
    /// Kills, execs, deletions.
    happens: (u8, u8, u8),
}

type Step = (Pid, At, World);

impl World {
    fn new(model: &Model) -> World {
        let idle = Process {
            at: At::NotBegun,
            fd: None,
            draft: None,
            apart: false,
        };
        let stale = model.before.map(|names| File {
            names: Some(names),
            lock: None,
        });
        let (kills, execs, deletions) = model.happens;
        World {
            path: stale.map(|_| 0),
            files: stale.into_iter().collect(),
            processes: [idle; 3],
            main: Main::NotForked,
            candidate: None,
            offered: None,
            taken: None,
            deleted: false,
            kills,
            execs,
            deletions,
            killed: false,
            victim: None,
        }
    }

    fn is_alive(&self, pid: Pid) -> bool {
        let ours = self.processes.get(pid);
        ours.map_or(pid == STRANGER, |process| process.at != At::Gone)
    }

    /// flock(2), without waiting.
    fn lock(&mut self, pid: Pid, file: usize) -> bool {
        let holder = &mut self.files[file].lock;
        let is_free = holder.is_none_or(|holder| holder == pid);
        if is_free {
            *holder = Some(pid);
        }
        is_free
    }

    fn unlock(&mut self, pid: Pid, file: Option<usize>) {
        if let Some(file) = file {
            let lock = &mut self.files[file].lock;
            *lock = lock.filter(|holder| *holder != pid);
        }
    }

    /// close(2) of all that a process has open.
    fn close(&mut self, pid: Pid) {
        let Process { fd, draft, .. } = self.processes[pid];
        self.unlock(pid, fd);
        self.unlock(pid, draft);
        self.processes[pid].fd = None;
        self.processes[pid].draft = None;
    }

    /// Whether it owns the file, or is about to again, or to inherit it.
    fn has_a_right_to(&self, pid: Pid, file: usize) -> bool {
        let Some(process) = self.processes.get(pid) else {
            return false;
        };
        use At::*;
        match process.at {
            NotBegun | Told | Aside | Gone => false,
            Exec | ResumeOpen => true,
            StandOpen => pid == CHILD && process.apart,
            _ => process.fd == Some(file),
        }
    }

    /// What must not happen to a file that names another living process of ours.
    fn takes_from(&self, pid: Pid, file: usize) -> bool {
        let names = self.files[file].names;
        names.is_some_and(|owner| owner != pid && self.has_a_right_to(owner, file))
    }

    /// unlink(2) by one of us, of whatever is there.
    fn unlink(&mut self, pid: Pid) -> Result<(), &'static str> {
        match self.path.take() {
            Some(file) if self.takes_from(pid, file) => Err("removes a live owner's file"),
            _ => Ok(()),
        }
    }

    fn write(&mut self, pid: Pid, names: Pid) -> Result<(), &'static str> {
        let file = self.processes[pid].fd.unwrap();
        if self.takes_from(pid, file) {
            return Err("overwrites a live owner's file");
        }
        self.files[file].names = Some(names);
        Ok(())
    }

    /// What must hold at every moment.
    fn check(&self) -> Result<(), &'static str> {
        let owners = (0..3).filter(|pid| {
            let Process { at, fd, .. } = self.processes[*pid];
            at == At::Owns && fd == self.path
        });
        if owners.count() > 1 {
            return Err("two owners");
        }
        let Some(path) = self.path else { return Ok(()) };
        let File { names, lock } = self.files[path];
        let Some(named) = names.filter(|pid| *pid < 3 && self.is_alive(*pid)) else {
            return Ok(());
        };
        let Process { at, fd, .. } = self.processes[named];
        use At::*;
        // It calls exec, or called it; or it is the heir, and has yet to get the lock.
        let takes_up = matches!(
            at,
            Exec | ResumeOpen | ResumeRead | ResumeLock | ResumeCompare
        );
        let inherits = matches!(at, StandOpen | StandBy | StandLinks | StandRead);
        // Or the heir cannot take it any more, and the old owner will see that.
        let comes_back = self.processes.iter().any(|process| {
            let hands_over = matches!(process.at, HandUnlock | HandAsk | HandTry(_) | HandBack(_));
            hands_over && process.fd == Some(path)
        });
        let right =
            lock == Some(named) || takes_up || inherits && (fd == Some(path) || fd.is_none());
        match right || comes_back {
            true => Ok(()),
            false => Err("a file that names a living process is not locked by it"),
        }
    }

    /// What must hold when nothing moves any more.
    fn check_at_rest(&self) -> Result<(), &'static str> {
        let names = self.path.and_then(|path| self.files[path].names);
        if names.is_some_and(|pid| pid < 3 && !self.is_alive(pid)) && !self.killed {
            return Err("a file is left behind, though nobody was killed");
        }
        match self.victim {
            Some(pid) if self.is_alive(pid) && self.processes[pid].at != At::Told => {
                Err("a deletion is not noticed")
            }
            _ => Ok(()),
        }
    }

    fn is_at_rest(&self) -> bool {
        use At::*;
        let at_rest = |pid: Pid| {
            let Process { at, fd, .. } = self.processes[pid];
            match at {
                NotBegun | Aside | Gone | Told => true,
                Owns => fd == self.path && fd.is_some_and(|fd| self.files[fd].lock == Some(pid)),
                StandBy => {
                    let holder = fd.and_then(|fd| self.files[fd].lock);
                    holder.is_some_and(|holder| self.processes[holder].at == Owns)
                }
                _ => false,
            }
        };
        let main = matches!(self.main, Main::NotForked | Main::Undecided | Main::Runs);
        (0..3).all(at_rest) && (main || self.processes[CHILD].at == Gone)
    }
}

impl Model {
    /// Every system call that some process may make next.
    fn steps(&self, world: &World) -> Result<Vec<Step>, &'static str> {
        let mut next = Vec::new();
        for pid in 0..3 {
            self.steps_of(world, pid, &mut next)?;
        }
        self.steps_of_main(world, &mut next);
        Ok(next)
    }

    /// What may happen at any time, or not at all.
    fn happenings(&self, world: &World) -> Vec<Step> {
        let mut next = Vec::new();
        let mut may = |pid: Pid, change: &dyn Fn(&mut World)| {
            let mut then = world.clone();
            change(&mut then);
            next.push((pid, world.processes[pid].at, then));
        };
        for pid in 0..3 {
            let at = world.processes[pid].at;
            match at {
                At::NotBegun if pid != CHILD => may(pid, &|w| w.processes[pid].at = At::ClaimLook),
                At::Gone | At::NotBegun => continue,
                _ => {}
            }
            if world.kills > 0 {
                may(pid, &|w| {
                    w.kills -= 1;
                    w.killed = true;
                    // What it knew, nobody knows any more.
                    w.victim = w.victim.filter(|_| pid != FIRST);
                    w.close(pid);
                    w.processes[pid].at = At::Gone;
                });
            }
            let stands_by = pid == CHILD && world.main == Main::Runs && is_standby(at);
            let owns = at == At::Owns && (pid != CHILD || world.main == Main::Runs);
            if world.execs > 0 && (owns || stands_by) {
                may(pid, &|w| {
                    w.execs -= 1;
                    w.close(pid);
                    w.processes[pid].at = if stands_by { At::StandOpen } else { At::Exec };
                    // The new image has a page of its own, and an heir does not learn there why the file is gone.
                    w.processes[pid].apart = true;
                    w.victim = w.victim.filter(|_| !stands_by);
                    if pid == FIRST {
                        w.processes[CHILD].apart = true;
                    }
                });
            }
            match at {
                At::Owns if owns => {
                    may(pid, &|w| w.processes[pid].at = At::PassLook);
                    may(pid, &|w| w.processes[pid].at = At::RemoveLook);
                }
                At::Told => may(pid, &|w| {
                    w.close(pid);
                    w.processes[pid].at = At::Gone;
                }),
                At::Aside => may(pid, &|w| w.processes[pid].at = At::Gone),
                _ => {}
            }
            if stands_by {
                may(pid, &|w| w.main = Main::Withdraw);
            }
        }
        if world.processes[FIRST].at == At::Owns && world.main == Main::NotForked {
            may(CHILD, &|w| {
                w.main = Main::Undecided;
                w.processes[CHILD].apart = w.processes[FIRST].apart;
                w.processes[CHILD].at = At::Aside;
                // The page is the first one's of now.
                (w.candidate, w.offered, w.taken, w.deleted) = (None, None, None, false);
                w.processes[FIRST].apart = false;
                w.processes[CHILD].apart = false;
            });
        }
        if world.main == Main::Undecided && world.processes[CHILD].at == At::Aside {
            // It calls setsid, or exec.
            may(CHILD, &|w| w.processes[CHILD].at = At::StandOpen);
            may(CHILD, &|w| w.main = Main::Runs);
        }
        let unlinks = |process: &Process| {
            use At::*;
            matches!(
                process.at,
                ClaimUnlink | RemoveRead | RemoveUnlink | StaleUnlink
            ) || matches!(process.at, ClaimRead)
        };
        let may_delete =
            self.assume == Assume::DeletionAtAnyMoment || !world.processes.iter().any(unlinks);
        if world.deletions > 0 && world.path.is_some() && may_delete {
            may(FIRST, &|w| {
                w.deletions -= 1;
                w.victim = self.victim(w);
                w.path = None;
            });
        }
        next
    }

    /// Who has to learn that the file is deleted now.
    fn victim(&self, world: &World) -> Option<Pid> {
        use At::*;
        let named = world.files[world.path?].names.filter(|pid| *pid < 3)?;
        match world.processes[named].at {
            Owns | Exec | ResumeOpen | ResumeRead | ResumeLock | ResumeCompare => Some(named),
            TakeForget | TakeTell | StandBy | StandLinks | StandRead if named == CHILD => {
                Some(CHILD)
            }
            // It is passing the file on.
            PassLook | PassFindHeir | PassOffer | PassAsk | HandLook | HandWrite => {
                let heir = &world.processes[CHILD];
                let inherits = world.candidate == Some(CHILD) && !heir.apart && heir.at == StandBy;
                (named == FIRST && inherits && world.main == Main::Runs).then_some(CHILD)
            }
            _ => None,
        }
    }

    fn steps_of_main(&self, world: &World, next: &mut Vec<Step>) {
        let child = &world.processes[CHILD];
        let is_named = child
            .fd
            .is_some_and(|fd| world.files[fd].names == Some(CHILD));
        let mut then = world.clone();
        match world.main {
            _ if child.at == At::Gone => return,
            Main::Register => {
                then.candidate = Some(CHILD);
                then.main = Main::Runs;
            }
            Main::Withdraw => {
                if !child.apart {
                    then.candidate = None;
                }
                then.main = Main::AskOffer;
            }
            Main::AskOffer => {
                let is_offered = !child.apart && world.offered == Some(CHILD);
                let waits = is_offered && is_standby(child.at);
                match child.at {
                    _ if waits => then.main = Main::WaitForKeeper,
                    // mailbox.rs: the keeper has it.
                    At::Owns => then.main = Main::WaitForKeeper,
                    At::TakeForget | At::TakeTell => return,
                    _ => {
                        // An heir that has called exec and ends before its new keeper has the lock cannot know that it has
                        // a file: it leaves it like one that was killed.
                        then.killed |= child.apart && is_named;
                        then.close(CHILD);
                        then.processes[CHILD].at = At::Gone;
                    }
                }
            }
            Main::WaitForKeeper => match child.at {
                At::Owns => then.processes[CHILD].at = At::RemoveLook,
                At::Aside | At::Told => then.processes[CHILD].at = At::Leave,
                // The wait is bounded, and the file is not, or no more, passed on to it.
                At::StandBy if !hands_over_to_child(world) && !is_named => {
                    then.processes[CHILD].at = At::Leave;
                }
                _ => return,
            },
            _ => return,
        }
        next.push((CHILD, child.at, then));
    }

    fn steps_of(&self, world: &World, pid: Pid, next: &mut Vec<Step>) -> Result<(), &'static str> {
        use At::*;
        let Process { at, fd, .. } = world.processes[pid];
        let mut then = world.clone();
        let names = fd.and_then(|fd| world.files[fd].names);
        let named_lives = names.is_some_and(|named| world.is_alive(named));
        let found_there = fd.is_some() && world.path == fd;
        let shares_page = pid != OTHER && !world.processes[pid].apart;
        let heir = world.candidate.filter(|_| pid == FIRST && shares_page);
        let heir = heir.filter(|heir| world.is_alive(*heir));
        let to = match at {
            NotBegun | Exec | Told | Aside | Gone if at != Exec => return Ok(()),
            ClaimLook if world.path.is_none() => ClaimLink,
            ClaimLook => ClaimOpen,
            ClaimOpen => {
                then.processes[pid].fd = world.path;
                if world.path.is_some() {
                    ClaimLock
                } else {
                    ClaimLook
                }
            }
            ClaimLock => match then.lock(pid, fd.unwrap()) {
                true => ClaimCompare,
                false if self.fault == Fault::ClaimWithoutLock => ClaimUnlink,
                false => ClaimAskHolder,
            },
            ClaimAskHolder => {
                then.close(pid);
                // Ours from before an exec, or a dead one's: somebody else only tries the lock.
                if named_lives && names != Some(pid) {
                    Aside
                } else {
                    ClaimLook
                }
            }
            ClaimCompare if found_there || self.fault == Fault::ClaimWithoutInodeCheck => ClaimRead,
            ClaimCompare => {
                then.close(pid);
                ClaimLook
            }
            ClaimRead if names == Some(pid) => Owns,
            ClaimRead if named_lives && self.fault != Fault::ClaimWithoutGrace => {
                if self.assume == Assume::AnySpeed || !will_lock(world, names) {
                    let mut late = world.clone();
                    late.processes[pid].at = ClaimUnlink;
                    next.push((pid, at, late));
                }
                then.close(pid);
                ClaimLook
            }
            ClaimRead => ClaimUnlink,
            ClaimUnlink => {
                then.unlink(pid)?;
                ClaimLink
            }
            ClaimLink => {
                if world.path.is_none() {
                    then.close(pid);
                    let locked_by_us = Some(pid);
                    then.files.push(File {
                        names: locked_by_us,
                        lock: locked_by_us,
                    });
                    then.path = Some(then.files.len() - 1);
                    then.processes[pid].fd = then.path;
                    // Who looks only now finds the file of another owner, and leaves it alone.
                    then.victim = None;
                    Owns
                } else {
                    then.close(pid);
                    ClaimLook
                }
            }
            Exec => ResumeOpen,
            ResumeOpen if world.path.is_none() => Told,
            ResumeOpen => {
                then.processes[pid].fd = world.path;
                ResumeRead
            }
            ResumeRead if names == Some(pid) => ResumeLock,
            ResumeRead => {
                then.close(pid);
                Aside
            }
            ResumeLock if then.lock(pid, fd.unwrap()) => ResumeCompare,
            ResumeCompare if found_there => Owns,
            ResumeLock | ResumeCompare => {
                then.close(pid);
                ResumeOpen
            }
            Owns if found_there => return Ok(()),
            Owns => {
                then.close(pid);
                if world.path.is_none() { Told } else { Aside }
            }
            PassLook => {
                if world.path.is_none() && self.fault != Fault::ForgetDeletions && shares_page {
                    then.deleted = true;
                }
                PassFindHeir
            }
            PassFindHeir if heir.is_some() && !(world.path.is_none() && world.deleted) => PassOffer,
            PassFindHeir => {
                let undecided = matches!(world.main, Main::Undecided | Main::Register);
                if pid == FIRST
                    && heir.is_none()
                    && undecided
                    && shares_page
                    && world.is_alive(CHILD)
                {
                    // page.wait_for_decision: not for longer than a child is young.
                    let mut late = world.clone();
                    late.processes[pid].at = RemoveLook;
                    next.push((pid, at, late));
                    PassLook
                } else {
                    RemoveLook
                }
            }
            PassOffer => {
                (then.taken, then.offered) = (None, Some(CHILD));
                PassAsk
            }
            PassAsk if world.candidate != Some(CHILD) => PassLook,
            PassAsk => HandLook,
            HandLook if found_there => HandWrite,
            HandLook => {
                then.candidate = None;
                PassLook
            }
            HandWrite => {
                if self.fault != Fault::HandOverWithoutName {
                    then.write(pid, CHILD)?;
                }
                HandUnlock
            }
            HandUnlock => {
                then.unlock(pid, fd);
                if self.fault == Fault::HandOverWithoutWait {
                    Leave
                } else {
                    HandAsk
                }
            }
            HandAsk if world.taken == Some(CHILD) => Leave,
            HandAsk => HandTry(world.is_alive(CHILD)),
            HandTry(living) => match then.lock(pid, fd.unwrap()) {
                true => HandBack(living),
                false if living => Leave,
                false => HandAsk,
            },
            HandBack(_) if !found_there && self.fault != Fault::ForgetDeletions => {
                then.candidate = None;
                PassLook
            }
            HandBack(true) if will_lock(world, Some(CHILD)) => {
                then.unlock(pid, fd);
                HandAsk
            }
            HandBack(_) => {
                if self.fault != Fault::NoTakingBack {
                    then.write(pid, pid)?;
                }
                then.candidate = None;
                PassLook
            }
            RemoveLook if self.fault == Fault::RemoveWithoutLook => RemoveUnlink,
            RemoveLook if found_there => RemoveRead,
            RemoveLook => {
                if world.path.is_none() && names == Some(pid) {
                    then.files[fd.unwrap()].names = None;
                }
                Leave
            }
            RemoveRead if names == Some(pid) => RemoveUnlink,
            RemoveRead => Leave,
            RemoveUnlink => {
                then.unlink(pid)?;
                Leave
            }
            Leave => {
                then.close(pid);
                Gone
            }
            StandOpen => {
                then.processes[pid].fd = world.path;
                if world.main == Main::Undecided {
                    let stands_by = world.path.is_some();
                    then.main = if stands_by {
                        Main::Register
                    } else {
                        Main::Runs
                    };
                }
                match world.path {
                    Some(_) => StandBy,
                    None if world.deleted && shares_page => Told,
                    None => Aside,
                }
            }
            StandBy if then.lock(pid, fd.unwrap()) => StandLinks,
            StandBy => return Ok(()),
            StandLinks if found_there => StandRead,
            StandRead if names == Some(pid) => TakeForget,
            StandRead if self.fault == Fault::TakeWhateverIsFree => TakeForget,
            StandRead if named_lives => {
                then.unlock(pid, fd);
                StandBy
            }
            StandRead if names.is_some() => StandStale,
            StandLinks | StandRead => {
                let has_named_us = names == Some(pid) && world.path.is_none();
                let told = world.deleted && shares_page || has_named_us;
                then.close(pid);
                if told && self.fault != Fault::ForgetDeletions {
                    Told
                } else {
                    Aside
                }
            }
            StandStale => {
                if !hands_over_to_child(world) {
                    let mut late = world.clone();
                    late.processes[pid].at = StaleLook;
                    next.push((pid, at, late));
                }
                then.unlock(pid, fd);
                StandBy
            }
            StaleLook if found_there => StaleUnlink,
            StaleLook => {
                then.close(pid);
                Aside
            }
            StaleUnlink => {
                then.unlink(pid)?;
                then.close(pid);
                Aside
            }
            TakeForget => {
                if shares_page {
                    then.candidate = None;
                }
                TakeTell
            }
            TakeTell => {
                if shares_page {
                    then.taken = Some(pid);
                }
                Owns
            }
            NotBegun | Told | Aside | Gone => return Ok(()),
        };
        then.processes[pid].at = to;
        next.push((pid, at, then));
        Ok(())
    }

    /// Searches everything. The number of states, or what goes wrong and the way there.
    fn search(&self) -> Result<usize, String> {
        let mut numbers: HashMap<World, usize> = HashMap::new();
        let mut states = vec![World::new(self)];
        let mut reached_by: Vec<Option<(usize, Pid, At)>> = vec![None];
        // Without happenings: who can get where.
        let mut back: Vec<Vec<usize>> = vec![Vec::new()];
        numbers.insert(states[0].clone(), 0);
        let way = |reached_by: &[Option<(usize, Pid, At)>], mut state: usize| {
            let mut way = Vec::new();
            while let Some((before, pid, at)) = reached_by[state] {
                way.push(format!("{pid}: {at:?}"));
                state = before;
            }
            way.reverse();
            way.join(", ")
        };
        let mut here = 0;
        while here < states.len() {
            let world = states[here].clone();
            let at_rest = world.is_at_rest();
            let rest = if at_rest {
                world.check_at_rest()
            } else {
                Ok(())
            };
            let steps = world.check().and(rest).and_then(|()| self.steps(&world));
            let steps = steps.map_err(|what| format!("{what} after {}", way(&reached_by, here)))?;
            let calls = steps.len();
            let all = steps.into_iter().chain(self.happenings(&world));
            for (number, (pid, at, then)) in all.enumerate() {
                let known = numbers.len();
                let there = *numbers.entry(then).or_insert_with_key(|then| {
                    states.push(then.clone());
                    reached_by.push(Some((here, pid, at)));
                    back.push(Vec::new());
                    known
                });
                if number < calls {
                    back[there].push(here);
                }
            }
            here += 1;
        }
        // Every wait ends: from everywhere, the system calls alone lead to rest.
        let mut ends = vec![false; states.len()];
        let mut left: Vec<usize> = (0..states.len())
            .filter(|n| states[*n].is_at_rest())
            .collect();
        while let Some(state) = left.pop() {
            if !std::mem::replace(&mut ends[state], true) {
                left.extend(&back[state]);
            }
        }
        match ends.iter().position(|ends| !ends) {
            Some(state) => Err(format!(
                "a wait has no end after {}",
                way(&reached_by, state)
            )),
            None => Ok(states.len()),
        }
    }
}

fn is_standby(at: At) -> bool {
    use At::*;
    matches!(
        at,
        StandBy | StandLinks | StandRead | StandStale | StaleLook | StaleUnlink
    )
}

/// Whether an owner will yet see that the child cannot take the file.
fn hands_over_to_child(world: &World) -> bool {
    use At::*;
    let at = world.processes[FIRST].at;
    matches!(
        at,
        PassAsk | HandLook | HandWrite | HandUnlock | HandAsk | HandTry(_) | HandBack(_)
    )
}

/// Whether the living process that a file names is about to lock it.
fn will_lock(world: &World, named: Option<Pid>) -> bool {
    use At::*;
    let process = named.and_then(|pid| world.processes.get(pid));
    process.is_some_and(|process| match process.at {
        Exec | ResumeOpen | ResumeRead | ResumeLock | ResumeCompare | StandOpen => true,
        at => is_standby(at) || matches!(at, TakeForget | TakeTell),
    })
}

/// Each way in which all can begin, with some of what can happen.
fn search_all(assume: Assume) -> Result<usize, String> {
    let (begins, happenings) = if cfg!(feature = "torture") {
        (3, 6)
    } else {
        (1, 3)
    };
    let happens = [
        (0, 0, 1),
        (1, 0, 0),
        (0, 1, 0),
        (1, 0, 1),
        (0, 1, 1),
        (1, 1, 0),
    ];
    let mut states = 0;
    for before in &[None, Some(DEAD), Some(STRANGER)][..begins] {
        for happens in &happens[..happenings] {
            states += search(assume, Fault::None, *before, *happens)?;
        }
    }
    Ok(states)
}

fn search(
    assume: Assume,
    fault: Fault,
    before: Option<Pid>,
    happens: (u8, u8, u8),
) -> Result<usize, String> {
    let model = Model {
        assume,
        fault,
        before,
        happens,
    };
    let found = model.search();
    found.map_err(|what| format!("{before:?}, {happens:?}: {what}"))
}

#[test]
fn the_protocol_holds() {
    match search_all(Assume::All) {
        Ok(states) => println!("{states} states of the protocol, 0 violations"),
        Err(what) => panic!("{what}"),
    }
}

#[test]
fn every_fault_is_found() {
    let theft = "live owner's file";
    let stale = "a file is left behind";
    let (deletion, exec, both) = ((0, 0, 1), (0, 1, 1), (1, 0, 1));
    for (fault, before, happens, what) in [
        (Fault::ClaimWithoutLock, None, deletion, theft),
        (Fault::ClaimWithoutInodeCheck, Some(DEAD), deletion, theft),
        (Fault::ClaimWithoutGrace, None, deletion, theft),
        (Fault::RemoveWithoutLook, None, deletion, theft),
        (Fault::HandOverWithoutWait, None, exec, stale),
        (Fault::HandOverWithoutName, None, deletion, "not locked"),
        (Fault::NoTakingBack, None, exec, stale),
        (Fault::TakeWhateverIsFree, None, both, "has no end"),
        (Fault::ForgetDeletions, None, deletion, "not noticed"),
    ] {
        match search(Assume::All, fault, before, happens) {
            Ok(states) => panic!("{fault:?} was not found in {states} states"),
            Err(found) => {
                println!("{fault:?}: {found}");
                assert!(found.contains(what), "{fault:?}: {found}");
            }
        }
    }
}

/// What the protocol counts on it really needs.
#[test]
fn what_is_assumed_is_needed() {
    for assume in [Assume::AnySpeed, Assume::DeletionAtAnyMoment] {
        let found = search_all(assume).unwrap_err();
        println!("{found}");
        assert!(found.contains("live owner's file"), "{found}");
    }
}
