//! The main thread of the child, which becomes a candidate, and ends.

use super::ending::Remove;
use super::model::{Assume, Model, Step};
use super::receive::StandBy;
use super::world::{At, CHILD, World};

/// Where the main thread of the child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Main {
    NotForked,
    /// ownership/child.rs, `Stage::UNDECIDED`
    Undecided,
    /// hooks/fork.rs, `become_candidate`: waits for its keeper to begin
    Deciding,
    /// hooks/fork.rs, `become_candidate`: `page.add`, `page.decide`
    Register,
    Runs,
    /// receive.rs, `withdraw`: `page.forget`
    Withdraw,
    /// receive.rs, `withdraw`: `names_us_at(path)`, and unless the keeper has begun to take the file
    AskName,
    /// endings/mod.rs, `release`: waits for its keeper to get the file, and gives it up again
    WaitForKeeper,
    /// It ends.
    Leaves,
}

impl Model {
    /// What it does next, if it does not wait.
    pub fn steps_of_candidate(&self, world: &World, next: &mut Vec<Step>) {
        let child = &world.processes[CHILD];
        let mut then = world.clone();
        let mut may = |then: World| next.push((CHILD, child.at, then));
        let path = world.path;
        let is_named = path.is_some_and(|file| world.files[file].names == Some(CHILD));
        match world.main {
            _ if child.at == At::Gone => {}
            Main::Deciding if world.has_keeper_begun() => {
                let has_ended = matches!(child.at, At::Aside | At::Told);
                then.main = if has_ended {
                    Main::Runs
                } else {
                    Main::Register
                };
                may(then);
            }
            Main::Register => {
                then.is_candidate = true;
                then.main = Main::Runs;
                may(then);
            }
            Main::Withdraw => {
                if !child.apart {
                    then.is_candidate = false;
                }
                then.main = Main::AskName;
                may(then);
            }
            Main::AskName => {
                then.main = Main::WaitForKeeper;
                if !(is_named || world.is_taking) {
                    then.is_withdrawn = true;
                    then.main = Main::Leaves;
                }
                may(then);
            }
            Main::Leaves => {
                end(&mut then);
                may(then);
            }
            Main::WaitForKeeper => match child.at {
                At::Owns => {
                    then.processes[CHILD].at = At::Remove(Remove::Look);
                    may(then);
                }
                // It waits for another owner now.
                At::StandBy(StandBy::Ask) if !is_named && !world.is_taking => {
                    then.main = Main::AskName;
                    may(then);
                }
                At::Aside | At::Told => {
                    end(&mut then);
                    may(then);
                }
                _ if self.assume == Assume::AnySpeed && child.at.stands_by() => {
                    then.killed = true;
                    end(&mut then);
                    may(then);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// The process ends, and the kernel closes all that it has.
fn end(world: &mut World) {
    world.close(CHILD);
    world.disconnect(CHILD);
    world.processes[CHILD].at = At::Gone;
}
