//! The protocol of the lock and the file, searched through: every order in which the system calls of a few processes can
//! happen, with an end, a kill, an exec or a deletion at every point.
//!
//! Three processes: the first one claims the file, and forks a child that may inherit; another instance starts beside them.
//! Each step of the model is one system call of the library, or one store to the page that parent and child share; the comments
//! name the function that makes it. What a process only does in its own memory is part of the step before it.
//!
//! Time is not in the model. A bounded wait may end early only where the library counts on that it does not (`Assume`).

mod child;
mod claim;
mod ending;
mod hand_over;
mod happenings;
mod heir;
mod invariants;
mod model;
mod search;
mod world;

use model::{Assume, Fault, Model};
use world::{DEAD, Pid, STRANGER};

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
fn protocol_model_has_no_violation() {
    match search_all(Assume::All) {
        Ok(states) => println!("{states} states of the protocol, 0 violations"),
        Err(what) => panic!("{what}"),
    }
}

#[test]
fn protocol_model_finds_every_planted_fault() {
    let theft = "live owner's file";
    let stale = "a file is left behind";
    let (deletion, with_exec, with_kill) = ((0, 0, 1), (0, 1, 1), (1, 0, 1));
    for (fault, before, happens, what) in [
        (Fault::ClaimWithoutLock, None, deletion, theft),
        (Fault::ClaimWithoutInodeCheck, Some(DEAD), deletion, theft),
        (Fault::ClaimWithoutGrace, None, deletion, theft),
        (Fault::RemoveWithoutLook, None, deletion, theft),
        (Fault::HandOverWithoutWait, None, with_exec, stale),
        (Fault::HandOverWithoutName, None, deletion, "not locked"),
        (Fault::NoTakingBack, None, with_exec, stale),
        (Fault::TakeWhateverIsFree, None, with_kill, "has no end"),
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
fn protocol_model_needs_each_assumption() {
    for assume in [Assume::AnySpeed, Assume::DeletionAtAnyMoment] {
        let found = search_all(assume).unwrap_err();
        println!("{found}");
        assert!(found.contains("live owner's file"), "{found}");
    }
}
