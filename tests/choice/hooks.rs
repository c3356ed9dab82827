//! What the library's hooks do in a process: the fork handlers, and the hook of setsid(2).

use crate::kernel::with;
use crate::life::Step;
use crate::ownership::candidate::Kind;
use crate::ownership::shared::{LAUNCH, SharedState};
use crate::sys::clock;

/// handover/lineage.rs
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    Bystander,
    OfOwner,
    OfChild,
    OfLeader,
}

/// hooks/fork.rs
pub fn fork(
    pid: libc::pid_t,
    within: u8,
    name: &'static str,
    steps: &'static [Step],
    shared: &SharedState,
) -> bool {
    match within {
        0 => {
            let birth = next_birth(pid);
            let is_leader_of_one = with(|world| {
                let process = world.process(pid);
                process.birth == Birth::OfOwner && process.session_begun != 0 && process.forked != 0
            });
            if birth == Birth::Bystander && is_leader_of_one {
                shared.candidates.disown_child();
            }
            let place = (birth != Birth::Bystander)
                .then(|| shared.children.expect())
                .flatten();
            with(|world| {
                let process = world.process_mut(pid);
                process.place = place;
                process.birth_of_child = birth;
            });
            false
        }
        1 => {
            with(|world| {
                let child = world.create(Some(pid), name, steps);
                let (birth, place) = (world.process(pid).birth_of_child, world.process(pid).place);
                let process = world.process_mut(child);
                (process.birth, process.held, process.is_unborn) = (birth, place, true);
            });
            false
        }
        _ => {
            let place = with(|world| {
                let process = world.process_mut(pid);
                process.forked += 1;
                process.place.take()
            });
            if let Some(place) = place {
                shared.children.set_forked(place);
            }
            true
        }
    }
}

/// handover/lineage.rs, `next_birth`
fn next_birth(pid: libc::pid_t) -> Birth {
    let (is_owner, birth, forked, begun, leads) = with(|world| {
        let process = world.process(pid);
        let leads = process.session == pid;
        (
            world.owner == pid,
            process.birth,
            process.forked,
            process.session_begun,
            leads,
        )
    });
    let is_leaving = begun != 0 && forked == 0 && clock::age(begun) <= LAUNCH;
    match birth {
        _ if is_owner && is_leaving => Birth::OfLeader,
        _ if is_owner => Birth::OfOwner,
        Birth::OfOwner if forked == 0 && begun == 0 && leads => {
            let now = clock::nanoseconds();
            with(|world| world.process_mut(pid).session_begun = now);
            Birth::OfLeader
        }
        Birth::OfOwner if forked == 0 && begun == 0 => Birth::OfChild,
        Birth::OfOwner if is_leaving => Birth::OfLeader,
        _ => Birth::Bystander,
    }
}

/// hooks/candidate.rs. Returns whether it is done. Without `kind` the process has begun a session.
pub fn become_candidate(
    pid: libc::pid_t,
    within: u8,
    kind: Option<Kind>,
    shared: &SharedState,
) -> bool {
    match within {
        0 => {
            as_holder(pid, shared, |shared| shared.children.set_deciding());
            false
        }
        1 => {
            let now = clock::nanoseconds();
            let (is_candidate, birth) = with(|world| {
                let process = world.process_mut(pid);
                if kind.is_none() {
                    (process.session_begun, process.forked) = (now, 0);
                }
                (process.is_candidate, process.birth)
            });
            let kind = kind.or(match birth {
                Birth::OfOwner => Some(Kind::SessionLeader),
                Birth::OfChild => Some(Kind::GrandchildSessionLeader),
                Birth::OfLeader | Birth::Bystander => None,
            });
            let kind = kind.filter(|_| !is_candidate);
            with(|world| world.process_mut(pid).kind = kind);
            if kind.is_none() {
                as_holder(pid, shared, |shared| shared.children.decide());
            }
            kind.is_none()
        }
        2 => {
            let is_extra = kind.is_none() && shared.candidates.leaders() >= 2;
            with(|world| {
                let process = world.process_mut(pid);
                if is_extra {
                    process.kind = Some(Kind::ExtraSessionLeader);
                } else {
                    process.is_candidate = true;
                    process.listens_as = Some(process.user);
                }
            });
            false
        }
        3 => {
            if let Some(kind) = with(|world| world.process(pid).kind) {
                let mut since = clock::nanoseconds();
                if kind == Kind::AnyChild {
                    as_holder(pid, shared, |shared| since = shared.children.own_birth());
                    as_holder(pid, shared, |shared| shared.children.set_deciding());
                }
                let leader = match kind {
                    Kind::LeadersChild => with(|world| world.process(pid).forked_by),
                    _ => 0,
                };
                shared.candidates.add(kind, 1, since, leader);
            }
            false
        }
        _ => {
            as_holder(pid, shared, |shared| shared.children.decide());
            true
        }
    }
}

/// What a forked child does first: the handlers of fork(2).
pub fn be_born(pid: libc::pid_t, within: u8, shared: &SharedState) -> bool {
    let (birth, follows) = with(|world| (world.process(pid).birth, world.follows_forks));
    if birth == Birth::Bystander {
        return true;
    }
    let kind = match birth {
        _ if follows => Some(Kind::AnyChild),
        Birth::OfLeader => Some(Kind::LeadersChild),
        _ => None,
    };
    match within {
        0 => {
            let now = clock::nanoseconds();
            with(|world| world.process_mut(pid).born = now);
            as_holder(pid, shared, |_| ());
            kind.is_none()
        }
        _ => become_candidate(pid, within - 1, kind, shared),
    }
}

/// Does something in the memory that all share as the process that holds its place there.
fn as_holder(pid: libc::pid_t, shared: &SharedState, what: impl FnOnce(&SharedState)) {
    if let Some(place) = with(|world| world.process(pid).held) {
        shared.children.hold(place);
        what(shared);
    }
}
