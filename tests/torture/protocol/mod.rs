//! The protocol of the lock and the file, searched through. That is every order in which the system calls of a few
//! processes can happen, with an end, a kill, an exec or a deletion at every point.
//!
//! Three processes: the first one claims the file, and forks a child that may inherit; another instance starts beside them.
//! Each step of the model is one system call of the library, or one store to the memory that parent and child share.
//! The comments name the function that makes it. What a process only does in its own memory is part of the step before
//! it.
//!
//! The owner gives the file by the descriptor that holds the lock (`give`), and the child receives it (`receive`).
//!
//! Time is not in the model. A bounded wait may end early only where the library does not count on that it does not (`Assume`).

mod candidate;
mod claim;
mod ending;
mod give;
mod happenings;
mod invariants;
mod model;
mod receive;
mod search;
mod world;

use model::{Assume, Fault, Happens, Model, Rights};
use world::{DEAD, STRANGER};

/// What may happen in a search: kills, execs, deletions.
const fn happens(kills: u8, execs: u8, deletions: u8) -> Happens {
    Happens {
        kills,
        execs,
        deletions,
    }
}

const DELETION: Happens = happens(0, 0, 1);
const KILL: Happens = happens(1, 0, 0);
const EXEC: Happens = happens(0, 1, 0);
const KILL_AND_DELETION: Happens = happens(1, 0, 1);
const EXEC_AND_DELETION: Happens = happens(0, 1, 1);
const KILL_AND_EXEC: Happens = happens(1, 1, 0);

/// Searches each way in which all can begin, with some of what can happen.
fn search_all(assume: Assume) -> Result<usize, String> {
    let (begins, happenings) = if cfg!(feature = "torture") {
        (3, 6)
    } else {
        (1, 3)
    };
    let happens = [
        DELETION,
        KILL,
        EXEC,
        KILL_AND_DELETION,
        EXEC_AND_DELETION,
        KILL_AND_EXEC,
    ];
    let mut states = 0;
    for before in &[None, Some(DEAD), Some(STRANGER)][..begins] {
        for happens in &happens[..happenings] {
            for rights in all_rights(*happens) {
                let model = Model {
                    assume,
                    rights: *rights,
                    before: *before,
                    happens: *happens,
                    fault: Fault::None,
                };
                states += search(&model)?;
            }
        }
    }
    Ok(states)
}

/// Returns which rights the child may have in the searches with some of what can happen: all, where there is time for them.
fn all_rights(happens: Happens) -> &'static [Rights] {
    let all = &[Rights::Equal, Rights::Launched, Rights::Fewer];
    if cfg!(feature = "torture") || happens.deletions > 0 {
        all
    } else {
        &all[..1]
    }
}

fn search(model: &Model) -> Result<usize, String> {
    let found = model.search();
    found.map_err(|what| {
        let Model {
            rights,
            before,
            happens,
            ..
        } = model;
        format!("{rights:?}, before: {before:?}, {happens:?}: {what}")
    })
}

#[test]
fn protocol_model_has_no_violation() {
    match search_all(Assume::All) {
        Ok(states) => println!("{states} states of the protocol, 0 violations"),
        Err(what) => panic!("{what}"),
    }
}

/// On a machine of any speed the file may be missing, or stale where a process ends that has called exec; it is never
/// taken from a live owner.
#[test]
fn protocol_model_is_safe_at_any_speed() {
    if let Err(what) = search_all(Assume::AnySpeed) {
        panic!("{what}");
    }
}

#[test]
fn protocol_model_finds_every_planted_fault() {
    let theft = "live owner's file";
    let stale = "a file is left behind";
    let lost = "nobody inherits";
    let old = Some(DEAD);
    for (fault, before, happens, what) in [
        (Fault::ClaimWithoutLock, None, DELETION, theft),
        (Fault::ClaimWithoutInodeCheck, old, DELETION, theft),
        (Fault::ClaimWithoutGrace, None, EXEC, theft),
        (Fault::RemoveWithoutLook, None, DELETION, theft),
        (Fault::GivesWithoutAsking, None, DELETION, stale),
        (Fault::GiveWithoutAnswer, None, KILL, stale),
        (Fault::GiveWithoutName, None, DELETION, stale),
        (Fault::KeepsNameOfEnded, None, KILL, stale),
        (Fault::TakesBackFromLiving, None, EXEC, theft),
        (Fault::AbandonsAtLast, None, DELETION, lost),
        (Fault::TakesBesideOwner, None, EXEC, theft),
        (Fault::TakesThoughWithdrawn, None, DELETION, stale),
        (Fault::ReceivesBeforeAsking, None, DELETION, "not noticed"),
        (Fault::StaleWithoutLock, None, KILL, theft),
        (Fault::ForgetsDeletions, None, DELETION, "not noticed"),
    ] {
        let model = Model {
            assume: Assume::All,
            rights: Rights::Equal,
            fault,
            before,
            happens,
        };
        match search(&model) {
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
    let assumptions = [
        Assume::SlowExec,
        Assume::DeletionAtAnyMoment,
        Assume::EndsWithoutLock,
    ];
    for assume in assumptions {
        let found = search_all(assume).unwrap_err();
        println!("{found}");
        assert!(found.contains("live owner's file"), "{found}");
    }
}
