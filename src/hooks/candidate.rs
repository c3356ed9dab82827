//! Makes a forked child a candidate, because of its session or of the settings.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

use crate::endings::signals;
use crate::handover::{lineage, receive};
use crate::keeper;
use crate::ownership::candidate::Kind;
use crate::ownership::shared::{SharedState, shared_state};
use crate::ownership::state;
use crate::settings::config::Config;
use crate::settings::exec_state::{self, Role};
use crate::sys::{self, clock, sigset::SignalsBlocked};

/// The settings, in a process of which a child may inherit; null: in all others.
static CONFIG: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());
/// This process, as far as fork(2) handlers have seen it: in a vfork child, or after a raw clone(2), it is another than
/// getpid(), and nothing may be changed.
pub static SELF: AtomicI32 = AtomicI32::new(0);

/// Records that children of this process may inherit.
pub fn set_config(config: &'static Config) {
    CONFIG.store(std::ptr::from_ref(config).cast_mut(), Ordering::SeqCst);
}

/// Returns the settings, in a process of which a child may inherit.
pub fn config() -> Option<&'static Config> {
    // SAFETY: null, or the configuration, which lives as long as the process.
    unsafe { CONFIG.load(Ordering::SeqCst).as_ref() }
}

/// Set in a forked child that has confined itself.
static IS_CONFINED: AtomicBool = AtomicBool::new(false);

/// Returns whether this process is a forked child that takes no part. If such a process filters its system calls (seccomp(2))
/// before it begins a session, it is a worker.
pub fn may_be_worker() -> bool {
    state::owner() != 0 && !state::may_be_owner() && !state::is_candidate()
}

/// Records that this process has confined itself: it makes no call more than without the library. Makes none itself.
pub fn set_confined() {
    IS_CONFINED.store(true, Ordering::SeqCst);
}

/// Makes this process a candidate if it is the kind of child that may inherit. Called after setsid(2).
pub fn begin_session() {
    if IS_CONFINED.load(Ordering::SeqCst) {
        return;
    }
    let (Some(shared), Some(config)) = (shared_state(), config()) else {
        return;
    };
    if SELF.load(Ordering::SeqCst) != sys::getpid() {
        return;
    }
    // Before it notes when: an owner that does not see it leaves the path to sessions that begin later.
    shared.children.set_deciding();
    let kind = lineage::begin_session();
    if let Some(kind) = kind.filter(|_| !state::is_candidate()) {
        // Where there are more than two the case is unclear: the backends of a database must not each pay for
        // a thread.
        if shared.candidates.leaders() >= 2 {
            shared
                .candidates
                .add(Kind::ExtraSessionLeader, 0, clock::nanoseconds(), 0);
        } else {
            become_candidate(shared, config, kind);
        }
    }
    shared.children.decide();
}

/// Makes this process a candidate, with a keeper that stands by.
pub fn become_candidate(shared: &'static SharedState, config: &'static Config, kind: Kind) {
    let _blocked = SignalsBlocked::new();
    shared.children.set_deciding();
    signals::hook(config.signal);
    let stands_by = keeper::stand_by(config).is_ok();
    // Also one for which there is no file any more: its own child must learn of the deletion, too.
    state::set_candidate(true);
    if stands_by {
        exec_state::take(Role::Standby);
        // Of several children the youngest is meant, and not the one that was given a processor last.
        let since = match kind {
            Kind::AnyChild => shared.children.own_birth(),
            _ => clock::nanoseconds(),
        };
        let leader = match kind {
            Kind::LeadersChild => lineage::parent(),
            _ => 0,
        };
        shared
            .candidates
            .add(kind, receive::address(), since, leader);
    }
    shared.children.decide();
}

/// Makes this process a candidate again, as it was one before exec(2).
pub fn resume(config: &'static Config) {
    receive::set_resumed();
    if keeper::stand_by(config).is_ok() {
        state::set_candidate(true);
    }
}
