//! How an owner that ends passes the file on.

use super::child::Main;
use super::ending::Remove;
use super::model::{Call, Fault, Model, Outcome};
use super::world::{At, CHILD, FIRST};

/// succession.rs, pass_on
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// `file.look()`
    Look,
    /// `page.heir()`
    FindHeir,
    /// `page.offered.store(pid)`
    Offer,
    /// `heir.pid.load() != pid`
    Ask,
}

/// pidfile.rs, PidFile::hand_over
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandOver {
    /// `self.look()`
    Look,
    /// `replace(fd, heir)`
    Write,
    /// `unlock(fd)`
    Unlock,
    /// `wait()`: `page.taken`; then `procfs::is_running(heir)`
    Ask,
    /// `flock(fd)`, with what `is_running` has told
    Try(bool),
    /// the lock is ours again: `self.look()`, `unlock(fd)` or `replace(fd, sys::getpid())`
    Back(bool),
}

impl Model {
    pub fn pass_on(&self, step: Pass, call: &mut Call) -> At {
        match step {
            Pass::Look => {
                let forgets = self.fault == Fault::ForgetDeletions;
                if call.finds_nothing() && !forgets && call.shares_page() {
                    call.then.deleted = true;
                }
                At::Pass(Pass::FindHeir)
            }
            Pass::FindHeir => {
                let is_deleted = call.finds_nothing() && call.before.deleted;
                if has_heir(call) && !is_deleted {
                    At::Pass(Pass::Offer)
                } else if !has_heir(call) && is_about_to_have_one(call) {
                    // page.wait_for_decision: not for longer than a child is young.
                    call.or_at_the_bound(At::Remove(Remove::Look));
                    At::Pass(Pass::Look)
                } else {
                    At::Remove(Remove::Look)
                }
            }
            Pass::Offer => {
                (call.then.taken, call.then.offered) = (None, Some(CHILD));
                At::Pass(Pass::Ask)
            }
            Pass::Ask if call.before.candidate != Some(CHILD) => At::Pass(Pass::Look),
            Pass::Ask => At::HandOver(HandOver::Look),
        }
    }

    pub fn hand_over(&self, step: HandOver, call: &mut Call) -> Outcome {
        let to = match step {
            HandOver::Look if call.found_there() => HandOver::Write,
            HandOver::Look => return Ok(looks_for_another(call)),
            HandOver::Write => {
                if self.fault != Fault::HandOverWithoutName {
                    call.then.write(call.pid, CHILD)?;
                }
                HandOver::Unlock
            }
            HandOver::Unlock => {
                call.unlock();
                if self.fault == Fault::HandOverWithoutWait {
                    return Ok(At::Leave);
                }
                HandOver::Ask
            }
            HandOver::Ask if call.before.taken == Some(CHILD) => return Ok(At::Leave),
            HandOver::Ask => HandOver::Try(call.before.is_alive(CHILD)),
            HandOver::Try(living) => match call.lock() {
                true => HandOver::Back(living),
                false if living => return Ok(At::Leave),
                false => HandOver::Ask,
            },
            HandOver::Back(_) if !call.found_there() && self.fault != Fault::ForgetDeletions => {
                return Ok(looks_for_another(call));
            }
            HandOver::Back(true) if call.before.will_lock(Some(CHILD)) => {
                call.unlock();
                HandOver::Ask
            }
            HandOver::Back(_) => {
                if self.fault != Fault::NoTakingBack {
                    call.then.write(call.pid, call.pid)?;
                }
                return Ok(looks_for_another(call));
            }
        };
        Ok(At::HandOver(to))
    }
}

/// `page.heir()`
fn has_heir(call: &Call) -> bool {
    let candidate = call.before.candidate;
    call.pid == FIRST
        && call.shares_page()
        && candidate.is_some_and(|heir| call.before.is_alive(heir))
}

/// Whether there is a child that has not decided yet.
fn is_about_to_have_one(call: &Call) -> bool {
    let undecided = matches!(call.before.main, Main::Undecided | Main::Register);
    call.pid == FIRST && undecided && call.shares_page() && call.before.is_alive(CHILD)
}

/// The one that there was gets the file no more.
fn looks_for_another(call: &mut Call) -> At {
    call.then.candidate = None;
    At::Pass(Pass::Look)
}
