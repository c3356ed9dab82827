//! The main thread of the child, which becomes a candidate, and ends.

use super::ending::Remove;
use super::heir::StandBy;
use super::model::{Model, Step};
use super::world::{At, CHILD, World};

/// Where the main thread of the child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Main {
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

impl Model {
    /// What it does next, if it does not wait.
    pub fn step_of_child(&self, world: &World) -> Option<Step> {
        let child = &world.processes[CHILD];
        let is_named = child
            .fd
            .is_some_and(|fd| world.files[fd].names == Some(CHILD));
        let mut then = world.clone();
        match world.main {
            _ if child.at == At::Gone => return None,
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
                let waits = is_offered && child.at.stands_by();
                match child.at {
                    _ if waits => then.main = Main::WaitForKeeper,
                    // mailbox.rs: the keeper has it.
                    At::Owns => then.main = Main::WaitForKeeper,
                    At::StandBy(StandBy::TakeForget | StandBy::TakeTell) => return None,
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
                At::Owns => then.processes[CHILD].at = At::Remove(Remove::Look),
                At::Aside | At::Told => then.processes[CHILD].at = At::Leave,
                // The wait is bounded, and the file is not, or no more, passed on to it.
                At::StandBy(StandBy::Wait) if !world.hands_over_to_child() && !is_named => {
                    then.processes[CHILD].at = At::Leave;
                }
                _ => return None,
            },
            _ => return None,
        }
        Some((CHILD, child.at, then))
    }
}
