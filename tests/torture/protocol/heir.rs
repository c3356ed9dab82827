//! How an heir waits for the file, and what it does with what it gets.

use super::child::Main;
use super::model::{Call, Fault, Model, Outcome};
use super::world::At;

/// baton.rs, Baton, and succession.rs, wait_for_baton
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StandBy {
    /// `Baton::open`
    Open,
    /// `flock_by_kernel(fd, LOCK_EX)`, which blocks
    Wait,
    /// `fstat(fd)`
    Links,
    /// `read_pid(fd)` and `procfs::is_running`
    Read,
    /// It names a dead process: `baton.let_go()`, or after a while `remove_stale`
    Stale,
    /// `remove_stale`: `file_at(&self.path)`
    StaleLook,
    /// `remove_stale`: `unlink`
    StaleUnlink,
    /// `taken`: `page.forget`
    TakeForget,
    /// `taken`: `page.taken.store`
    TakeTell,
}

impl At {
    /// It has opened the file of another process, and does not know yet whether it gets it.
    pub fn stands_by(self) -> bool {
        use StandBy::*;
        matches!(
            self,
            At::StandBy(Wait | Links | Read | Stale | StaleLook | StaleUnlink)
        )
    }
}

impl Model {
    pub fn stand_by(&self, step: StandBy, call: &mut Call) -> Outcome {
        let to = match step {
            StandBy::Open => {
                call.open();
                let is_there = !call.finds_nothing();
                if call.before.main == Main::Undecided {
                    call.then.main = match is_there {
                        true => Main::Register,
                        false => Main::Runs,
                    };
                }
                match is_there {
                    true => StandBy::Wait,
                    false if call.before.deleted && call.shares_page() => return Ok(At::Told),
                    false => return Ok(At::Aside),
                }
            }
            StandBy::Wait if call.lock() => StandBy::Links,
            StandBy::Wait => StandBy::Wait,
            StandBy::Links if !call.found_there() => return Ok(self.gets_nothing(call)),
            StandBy::Links => StandBy::Read,
            StandBy::Read if call.names_itself() => StandBy::TakeForget,
            StandBy::Read if self.fault == Fault::TakeWhateverIsFree => StandBy::TakeForget,
            StandBy::Read if call.named_lives() => {
                call.unlock();
                StandBy::Wait
            }
            StandBy::Read if call.names.is_some() => StandBy::Stale,
            StandBy::Read => return Ok(self.gets_nothing(call)),
            StandBy::Stale => {
                if !call.before.hands_over_to_child() {
                    call.or_at_the_bound(At::StandBy(StandBy::StaleLook));
                }
                call.unlock();
                StandBy::Wait
            }
            StandBy::StaleLook if call.found_there() => StandBy::StaleUnlink,
            StandBy::StaleLook => {
                call.close();
                return Ok(At::Aside);
            }
            StandBy::StaleUnlink => {
                call.then.unlink(call.pid)?;
                call.close();
                return Ok(At::Aside);
            }
            StandBy::TakeForget => {
                if call.shares_page() {
                    call.then.candidate = None;
                }
                StandBy::TakeTell
            }
            StandBy::TakeTell => {
                if call.shares_page() {
                    call.then.taken = Some(call.pid);
                }
                return Ok(At::Owns);
            }
        };
        Ok(At::StandBy(to))
    }

    /// The file is nobody's any more.
    fn gets_nothing(&self, call: &mut Call) -> At {
        let has_named_us = call.names_itself() && call.finds_nothing();
        let told = call.before.deleted && call.shares_page() || has_named_us;
        call.close();
        if told && self.fault != Fault::ForgetDeletions {
            At::Told
        } else {
            At::Aside
        }
    }
}
