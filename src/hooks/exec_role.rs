//! Decides what an environment has to say of this process's role, for the program that gets it.

use std::ffi::CStr;

use crate::ownership::{host_file, state};
use crate::settings::env::Variables;
use crate::settings::exec_state::{self, Role};
use crate::sys::{self, Vector};

/// What has to be done to a vector, so that it tells the truth.
pub enum Change {
    Nothing,
    Put(&'static CStr),
    Remove,
}

/// Who gets the vector.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// This process, which becomes another program.
    Itself,
    /// A process that is started.
    Child,
}

/// Returns how `vector` has to be changed, and whether this process was found to be one with a role, or that had one.
///
/// # Safety
///
/// `vector` is null or a vector.
pub unsafe fn change(vector: Vector, whom: For) -> (Change, bool) {
    // SAFETY: the caller's promise.
    let Some(inert) = exec_state::inert().filter(|_| unsafe { is_vector(vector) }) else {
        return (Change::Nothing, false);
    };
    // SAFETY: the caller's promise.
    let variables = unsafe { Variables::read(vector) };
    let applies = || inert.applies_to(variables.path(), variables.preload);
    let found = variables.state();
    let leave_it = |lost| {
        if applies() {
            Change::Put(lost)
        } else {
            Change::Nothing
        }
    };
    if whom == For::Itself
        && let Some(lost) = exec_state::lost()
    {
        return (leave_it(lost), true);
    }
    let role = match whom {
        For::Child => None,
        For::Itself if state::is_owner() => Some(Role::Owner),
        For::Itself if state::is_candidate() => Some(Role::Standby),
        For::Itself => None,
    };
    let Some(role) = role else {
        // Whatever role is in there, its PID is another one's.
        let is_told = found.is_some_and(|found| {
            found.path == inert.state.path && found.boot.is_same(inert.state.boot)
        });
        let put = !is_told && applies();
        let change = if put {
            Change::Put(inert.text)
        } else {
            Change::Nothing
        };
        return (change, false);
    };
    let has_role = role == Role::Standby || state::has_file() && !host_file::has_removed_itself();
    // A successor that is just becoming the owner stands by until it is one.
    let own = exec_state::own(role).filter(|_| has_role);
    let change = match own.or_else(|| exec_state::own(Role::Standby)) {
        Some(text) if applies() => Change::Put(text),
        Some(_) => Change::Nothing,
        // The keeper has found it lost meanwhile.
        None if let Some(lost) = exec_state::lost() => leave_it(lost),
        // The file is gone: what comes is a start like any other, but that a program goes on which serves already.
        None if inert.state.pid == sys::getpid() && applies() => Change::Put(inert.text),
        None if found.is_some_and(|found| found.pid == sys::getpid()) => Change::Remove,
        None => Change::Nothing,
    };
    (change, true)
}

/// Returns whether all addresses in a vector can be addresses. Where one cannot, the kernel answers EFAULT, and nothing of the
/// vector is read here.
///
/// # Safety
///
/// `vector` is a vector, or an address that no program has memory at.
unsafe fn is_vector(vector: Vector) -> bool {
    /// Below it nothing is mapped (`vm.mmap_min_addr`).
    const LOWEST: isize = 4096;
    // The upper half of all addresses is the kernel's.
    let can_be_one = |address: usize| address as isize >= LOWEST;
    if !can_be_one(vector as usize) || !vector.is_aligned() {
        return false;
    }
    let mut next = vector;
    // SAFETY: the caller's promise: up to its null pointer a vector can be read.
    unsafe {
        while !(*next).is_null() {
            if !can_be_one(*next as usize) {
                return false;
            }
            next = next.add(1);
        }
    }
    true
}
