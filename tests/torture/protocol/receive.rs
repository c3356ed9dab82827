//! How a candidate waits for the file, and what it does with what it gets: handover/receive.rs.

use super::candidate::Main;
use super::claim::Claim;
use super::model::{Call, Fault, Model, Outcome, Rights};
use super::world::{At, CHILD, FIRST, Link, MESSAGE, World};

/// handover/receive.rs, `wait`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StandBy {
    /// It calls exec, and stands by in its new image.
    Exec,
    /// `StandbyFile::open`, `Listener::new`
    Open,
    /// `has_ended()`, or `file.owner()` and `file.is_free()` where the file names it
    Ask,
    /// The same, at the wrong time: see `Fault::ReceivesBeforeAsking`
    AskAfter,
    /// `listener.receive`, with what that has told
    Receive(bool),
    /// `begin_taking`: unless this process has withdrawn; with the same
    Begin(bool),
    /// `StandbyFile::look`: `fstat(fd)`, `file_at(path)`
    LookAtPath,
    /// `StandbyFile::look`: `self.owner()`, `procfs::is_running`
    LookAtName,
    /// `StandbyFile::take`: `flock(fd)`
    Take,
    /// `remove_stale`: `flock(fd)`
    StaleLock,
    /// `remove_stale`: `self.look()`
    StaleLook,
    /// `remove_stale`: `unlink`
    StaleUnlink,
    /// `names_us_at(path)`, `may_come_late()`
    AskLate,
    /// `PidFile::received`: `read_pid(&fd)`
    Check,
    /// `PidFile::received`: `flock(&fd, LOCK_SH)` drops the lock first
    Unlock,
    /// `PidFile::received`: `flock(&fd)`
    Lock,
    /// `taken`: `exec_state::take(Role::Owner)`, `page.forget`
    Forget,
    /// `taken`: `owner.acknowledge()`
    Answer,
    /// `page.forget`, where there is nothing to be had
    GiveUp,
}

impl At {
    /// It has opened the file of another process, and does not know yet whether it gets it.
    pub fn stands_by(self) -> bool {
        use StandBy::{Answer, Exec, Open};
        matches!(self, At::StandBy(step) if !matches!(step, Exec | Open | Answer))
    }
}

impl Model {
    pub fn stand_by(&self, step: StandBy, call: &mut Call) -> Outcome {
        let apart = call.before.processes[CHILD].apart && self.fault != Fault::TakesBesideOwner;
        let to = match step {
            StandBy::Exec => StandBy::Open,
            StandBy::Open => {
                call.open();
                call.then.listens = true;
                call.then.waits_for = FIRST;
                if call.before.processes[CHILD].apart {
                    let Some(named) = call
                        .before
                        .path
                        .and_then(|path| call.before.files[path].names)
                    else {
                        return Ok(gives_up(call));
                    };
                    call.then.waits_for = named;
                }
                StandBy::Ask
            }
            StandBy::Ask if self.fault == Fault::ReceivesBeforeAsking => match call.before.link {
                Link::File(_) | Link::Deleted => StandBy::Receive(false),
                _ => StandBy::AskAfter,
            },
            StandBy::AskAfter if self.is_over(call) => StandBy::Begin(true),
            StandBy::AskAfter => StandBy::Ask,
            StandBy::Ask => {
                let is_over = self.is_over(call);
                let has_come = matches!(call.before.link, Link::File(_) | Link::Deleted);
                if !is_over && !has_come {
                    StandBy::Ask
                } else {
                    StandBy::Receive(is_over)
                }
            }
            StandBy::Receive(is_over) => match call.before.link {
                Link::File(file) => {
                    call.close();
                    let then = &mut call.then;
                    then.processes[CHILD].fd = Some(file);
                    if then.files[file].is_held_by(MESSAGE) {
                        then.share(file, CHILD);
                        then.let_go(MESSAGE, file);
                    }
                    then.link = Link::Received;
                    StandBy::Begin(false)
                }
                Link::Deleted => {
                    call.close();
                    return Ok(At::Told);
                }
                _ if is_over => StandBy::Begin(true),
                _ => StandBy::Ask,
            },
            StandBy::Begin(is_over)
                if call.before.is_withdrawn && self.fault != Fault::TakesThoughWithdrawn =>
            {
                // Its sockets are closed when it has ended: only then the owner takes the file back.
                StandBy::Begin(is_over)
            }
            StandBy::Begin(is_over) => {
                call.then.is_taking = true;
                match is_over {
                    true => StandBy::LookAtPath,
                    false => StandBy::Check,
                }
            }
            StandBy::LookAtPath if call.found_there() => StandBy::LookAtName,
            // Deleted after it was made to name this process.
            StandBy::LookAtPath if call.finds_nothing() && call.names_itself() => {
                call.close();
                return Ok(At::Told);
            }
            StandBy::LookAtPath => StandBy::AskLate,
            // Its owner is there, and sends it, or takes it back.
            StandBy::LookAtName if call.names_itself() && apart && !call.lock() => {
                call.then.waits_for = CHILD;
                call.then.is_taking = false;
                StandBy::Ask
            }
            StandBy::LookAtName if call.names_itself() => StandBy::Take,
            StandBy::LookAtName if call.named_lives() => {
                let other = call.names.unwrap();
                let was_named = call.before.waits_for == CHILD;
                if other != call.before.waits_for && (was_named || other == FIRST) {
                    call.then.waits_for = other;
                    call.then.is_taking = false;
                    StandBy::Ask
                } else {
                    StandBy::GiveUp
                }
            }
            StandBy::LookAtName if call.names.is_some() => StandBy::StaleLock,
            StandBy::LookAtName => StandBy::AskLate,
            StandBy::Take => {
                call.then.disconnect(CHILD);
                call.lock();
                StandBy::Forget
            }
            StandBy::StaleLock if call.lock() || self.fault == Fault::StaleWithoutLock => {
                StandBy::StaleLook
            }
            StandBy::StaleLock => StandBy::GiveUp,
            StandBy::StaleLook if call.found_there() && !call.named_lives() => StandBy::StaleUnlink,
            StandBy::StaleLook => StandBy::GiveUp,
            StandBy::StaleUnlink => {
                if self.rights == Rights::Equal {
                    call.then.unlink(call.pid)?;
                }
                StandBy::GiveUp
            }
            StandBy::AskLate => {
                let before = call.before;
                let is_late =
                    before.is_abandoned && before.is_late && !before.processes[CHILD].apart;
                let names_us = before
                    .path
                    .is_some_and(|path| before.files[path].names == Some(CHILD));
                if (is_late && self.rights == Rights::Equal) || names_us {
                    call.close();
                    call.then.disconnect(CHILD);
                    return Ok(At::Claim(Claim::Look));
                }
                StandBy::GiveUp
            }
            StandBy::Check if call.names_itself() => StandBy::Unlock,
            StandBy::Check => return Ok(gives_up(call)),
            StandBy::Unlock => {
                call.then.unlock(call.fd.unwrap());
                StandBy::Lock
            }
            StandBy::Lock => {
                let file = call.fd.unwrap();
                // The owner has the same open file still.
                if call.lock() && call.before.processes[FIRST].fd == call.fd {
                    call.then.share(file, FIRST);
                }
                StandBy::Forget
            }
            StandBy::Forget => {
                call.forget();
                StandBy::Answer
            }
            StandBy::Answer => {
                if call.before.link == Link::Received {
                    call.then.link = Link::Answered;
                }
                return Ok(At::Owns);
            }
            StandBy::GiveUp => return Ok(gives_up(call)),
        };
        Ok(At::StandBy(to))
    }

    fn is_over(&self, call: &mut Call) -> bool {
        let waits_for = call.before.waits_for;
        if waits_for == CHILD {
            !call.names_itself() || call.lock()
        } else {
            !call.before.is_alive(waits_for)
        }
    }
}

/// The keeper ends: there is nothing to be had.
fn gives_up(call: &mut Call) -> At {
    call.forget();
    call.close();
    call.then.disconnect(CHILD);
    At::Aside
}

impl Call<'_> {
    fn forget(&mut self) {
        if !self.before.processes[CHILD].apart {
            self.then.is_candidate = false;
        }
    }
}

impl World {
    pub fn child_is_in_exec(&self) -> bool {
        self.processes[CHILD].at == At::StandBy(StandBy::Exec)
    }

    /// Whether the keeper of the child has got as far as `Phase::Standby`, or has ended.
    pub fn has_keeper_begun(&self) -> bool {
        self.main == Main::Deciding && self.processes[CHILD].at != At::StandBy(StandBy::Open)
    }
}
