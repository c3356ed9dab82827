//! The end of an owner: handover/give.rs, with the library's own choice.

use crate::handover::choose::{self, Choice, Leaving};
use crate::handover::looks::Looks;
use crate::handover::relation::Ending;
use crate::kernel::{self, with};
use crate::sys::fs::FileId;
use std::time::Duration;

/// give.rs, `LOOKS`
const LOOKS: u32 = 600;

/// Lets the owner end, and leaves the file to whom it chooses.
pub fn end(ending: Ending) {
    let (owner, shared) = with(|world| (world.owner, world.shared));
    let successor = hand_over(ending);
    with(|world| {
        world.end(owner);
        world.is_ending = false;
        world.owner = successor.unwrap_or(0);
        world.file = world.owner;
        world
            .trace
            .push(format!("the owner has ended: {successor:?}"));
    });
    if let Some(successor) = successor {
        shared.candidates.forget(successor);
        with(|world| {
            let now = world.clock;
            world.process_mut(successor).owner_since = now;
        });
    }
}

fn hand_over(ending: Ending) -> Option<libc::pid_t> {
    let shared = with(|world| world.shared);
    let owner = Leaving {
        file: FileId,
        ending,
        since: with(|world| world.clock),
    };
    let mut looks = Looks::new();
    for _ in 0..LOOKS {
        let news = shared.children.news();
        let choice = choose::successor(shared, &mut looks, owner);
        note(&choice);
        match choice {
            Choice::Nobody => {
                shared.abandon();
                let is_quiet = shared.children.news() == news && !looks.are_pending(shared);
                if is_quiet {
                    return None;
                }
                shared.take_up_again();
            }
            Choice::Unclear => return None,
            Choice::Wait => choose::pause(shared, news),
            Choice::Successor(successor, _) => {
                with(|world| world.file = successor.pid);
                let is_there = shared.candidates.knows(successor.pid)
                    && kernel::observe(successor.pid, |_, _| ()).is_some();
                if is_there {
                    return Some(successor.pid);
                }
                with(|world| world.file = world.owner);
                shared.candidates.forget(successor.pid);
                choose::pause(shared, news);
            }
        }
    }
    shared.abandon();
    None
}

/// Writes down what was decided, for one who looks for the reason.
fn note(choice: &Choice) {
    let what = match choice {
        Choice::Nobody => "nobody".to_owned(),
        Choice::Unclear => "unclear".to_owned(),
        Choice::Wait => "wait".to_owned(),
        Choice::Successor(claimant, _) => format!("{claimant:?}"),
    };
    with(|world| {
        let entry = format!("the owner decides: {what}");
        if world.trace.last() != Some(&entry) {
            world.trace.push(entry);
        }
    });
}

/// receive.rs: those that stand by find the owner gone. One that has begun its session since may take the free path.
pub fn leave_to_the_late() {
    let shared = with(|world| world.shared);
    for pid in with(|world| world.pids()) {
        let times = with(|world| {
            let process = world.process(pid);
            let stands_by =
                process.is_candidate && process.is_as_forked && process.session_begun != 0;
            stands_by.then_some((process.born, process.session_begun))
        });
        let Some(times) = times else { continue };
        with(|world| world.acting = Some(pid));
        let forked_by = with(|world| world.process(pid).forked_by);
        let is_late = !shared.candidates.has_several(forked_by) && shared.may_come_late(times);
        with(|world| {
            world.acting = None;
            if is_late {
                (world.owner, world.file) = (pid, pid);
                world.process_mut(pid).owner_since = world.clock;
            }
        });
        if is_late {
            return;
        }
    }
}

/// Lets all go on until nobody has anything to do.
pub fn run(ending: Ending) {
    for _ in 0..20_000 {
        if with(|world| world.is_ending) {
            end(ending);
        }
        if with(|world| world.owner == 0) {
            leave_to_the_late();
        }
        let is_over = with(|world| {
            let all = world.pids();
            !world.is_ending && all.iter().all(|pid| world.is_at_rest(*pid))
        });
        if is_over {
            return;
        }
        kernel::pause(Duration::from_millis(1));
    }
    panic!("it has no end: {:#?}", with(|world| world.trace.clone()));
}
