//! exec(3) and posix_spawn(3): the new image is told what this process is to the file.
//!
//! Each function goes on to the next definition of its name, or of the sibling that takes a vector: the one
//! difference is `LIBPIDFILE_MARK` in a copy of that vector, see [`exec_state`]. The vector itself and its
//! strings stay as they are.
//!
//! All of this is async-signal-safe and right in a vfork child, which shares its parent's memory and stack: nothing is
//! stored, no lock is taken and nothing allocated. The copy lies on the stack, in a frame that is no larger than it has to
//! be; at most 4 KiB, since signal handlers and threads have stacks of 16 KiB. A larger vector is copied to a mapping if
//! this process becomes the new image itself, which ends the mapping. A vfork child's would stay in its parent: there, a
//! vector as large is handed on as it is.
//!
//! Within glibc `execv` and the others do not go through the exported `execve`, so each needs its own.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use crate::hooks::next;
use crate::ownership::{host_file, state};
use crate::settings::env::Variables;
use crate::settings::exec_state::{self, Role, VARIABLE};
use crate::sys::c_library::of_glibc;
use crate::sys::{self, Vector, environment};

/// What the vector needs, so that it tells the truth.
enum Change {
    Nothing,
    Put(&'static CStr),
    Remove,
}

/// Who gets the vector.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// This process, which becomes another image.
    Itself,
    /// A process that is started.
    Child,
}

/// Returns how `vector` has to be changed, and whether this process was found to be one with a role, or that had one.
///
/// # Safety
///
/// `vector` is null or a vector.
unsafe fn change(vector: Vector, whom: For) -> (Change, bool) {
    let Some(inert) = exec_state::inert().filter(|_| !vector.is_null()) else {
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
        // The file is gone: what comes is a start like any other.
        None if found.is_some_and(|found| found.pid == sys::getpid()) => Change::Remove,
        None => Change::Nothing,
    };
    (change, true)
}

/// Calls `call` with what the new image is to get for `vector`.
///
/// # Safety
///
/// `vector` is null or a vector. `call` takes such a one.
unsafe fn with(vector: Vector, whom: For, call: &dyn Fn(Vector) -> c_int) -> c_int {
    // SAFETY: the caller's promise.
    let (change, is_itself) = unsafe { change(vector, whom) };
    let put = match change {
        Change::Nothing => return call(vector),
        Change::Put(text) => Some(text),
        Change::Remove => None,
    };
    // SAFETY: as above; a vector that is to be changed is not null. The room is as the copy needs it.
    let result = unsafe {
        // One more, and the null pointer.
        match length(vector) + 2 {
            ..=32 => on_stack::<32>(vector, put, call),
            33..=128 => on_stack::<128>(vector, put, call),
            129..=512 => on_stack::<512>(vector, put, call),
            room if is_itself => in_mapping(room, vector, put, call),
            _ => return call(vector),
        }
    };
    let errno = match whom {
        For::Itself => sys::errno().0,
        For::Child => result,
    };
    // The one variable more may have been too much: see `exec_state` for what a new image without it relies on.
    if errno == libc::E2BIG && put.is_some() {
        return call(vector);
    }
    result
}

/// # Safety
///
/// `vector` is a vector.
unsafe fn length(vector: Vector) -> usize {
    let mut length = 0;
    // SAFETY: up to its null pointer a vector can be read.
    while unsafe { !(*vector.add(length)).is_null() } {
        length += 1;
    }
    length
}

/// # Safety
///
/// `vector` has at most `ROOM - 2` strings.
#[inline(never)]
unsafe fn on_stack<const ROOM: usize>(
    vector: Vector,
    put: Option<&CStr>,
    call: &dyn Fn(Vector) -> c_int,
) -> c_int {
    let mut copy = [const { std::mem::MaybeUninit::<*const c_char>::uninit() }; ROOM];
    // SAFETY: room for one more string and the null pointer, by the caller's promise.
    call(unsafe { copied(vector, put, copy.as_mut_ptr().cast()) })
}

/// # Safety
///
/// `vector` has `room - 2` strings. This is no vfork child.
#[inline(never)]
unsafe fn in_mapping(
    room: usize,
    vector: Vector,
    put: Option<&CStr>,
    call: &dyn Fn(Vector) -> c_int,
) -> c_int {
    let size = room * size_of::<*const c_char>();
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let before = sys::errno();
    // SAFETY: an anonymous mapping at a place of the kernel's choice, as large as the copy; nothing refers to it after
    // the call, which returns only if it has failed.
    unsafe {
        let copy = libc::mmap64(ptr::null_mut(), size, access, kind, -1, 0);
        if copy == libc::MAP_FAILED {
            sys::set_errno(before);
            return call(vector);
        }
        let result = call(copied(vector, put, copy.cast()));
        let errno = sys::errno();
        libc::munmap(copy, size);
        sys::set_errno(errno);
        result
    }
}

/// Copies `vector` without the variable, and puts that there as it should be.
///
/// # Safety
///
/// There is room for one string more than `vector` has, and the null pointer.
unsafe fn copied(vector: Vector, put: Option<&CStr>, copy: *mut *const c_char) -> Vector {
    let (mut from, mut to) = (vector, copy);
    // SAFETY: the caller's promise.
    unsafe {
        while !(*from).is_null() {
            let is_variable = CStr::from_ptr(*from)
                .to_bytes()
                .strip_prefix(VARIABLE)
                .is_some_and(|rest| rest.first() == Some(&b'='));
            if !is_variable {
                to.write(*from);
                to = to.add(1);
            }
            from = from.add(1);
        }
        if let Some(text) = put {
            to.write(text.as_ptr());
            to = to.add(1);
        }
        to.write(ptr::null());
    }
    copy
}

// ---- the functions ----

/// execve(2).
///
/// # Safety
///
/// As for execve(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execve(path: *const c_char, argv: Vector, envp: Vector) -> c_int {
    // SAFETY: the caller\'s promise; the vector is one too.
    let call = |envp| unsafe { next::execve(path, argv, envp) };
    // SAFETY: the caller's promise.
    unsafe { with(envp, For::Itself, &call) }
}

/// execv(3).
///
/// # Safety
///
/// As for execv(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execv(path: *const c_char, argv: Vector) -> c_int {
    let envp = environment();
    // SAFETY: the caller\'s promise; the vector is one too.
    let call = |changed| unsafe {
        if changed == envp {
            next::execv(path, argv)
        } else {
            next::execve(path, argv, changed)
        }
    };
    // SAFETY: the environment is a vector; the caller's promise.
    unsafe { with(envp, For::Itself, &call) }
}

/// execvp(3).
///
/// # Safety
///
/// As for execvp(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execvp(file: *const c_char, argv: Vector) -> c_int {
    let envp = environment();
    // SAFETY: the caller\'s promise; the vector is one too.
    let call = |changed| unsafe {
        if changed == envp {
            next::execvp(file, argv)
        } else {
            next::execvpe(file, argv, changed)
        }
    };
    // SAFETY: the environment is a vector; the caller's promise.
    unsafe { with(envp, For::Itself, &call) }
}

/// execvpe(3).
///
/// # Safety
///
/// As for execvpe(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execvpe(file: *const c_char, argv: Vector, envp: Vector) -> c_int {
    // SAFETY: the caller\'s promise; the vector is one too.
    let call = |envp| unsafe { next::execvpe(file, argv, envp) };
    // SAFETY: the caller's promise.
    unsafe { with(envp, For::Itself, &call) }
}

/// fexecve(3).
///
/// # Safety
///
/// As for fexecve(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn fexecve(fd: c_int, argv: Vector, envp: Vector) -> c_int {
    // SAFETY: the caller\'s promise; the vector is one too.
    let call = |envp| unsafe { next::fexecve(fd, argv, envp) };
    // SAFETY: the caller's promise.
    unsafe { with(envp, For::Itself, &call) }
}

of_glibc! {
    /// execveat(2).
    ///
    /// # Safety
    ///
    /// As for execveat(2).
    #[unsafe(no_mangle)]
    pub unsafe extern "C-unwind" fn execveat(
        directory: c_int,
        path: *const c_char,
        argv: Vector,
        envp: Vector,
        flags: c_int,
    ) -> c_int {
        // SAFETY: the caller\'s promise; the vector is one too.
        let call = |envp| unsafe { next::execveat(directory, path, argv, envp, flags) };
        // SAFETY: the caller's promise.
        unsafe { with(envp, For::Itself, &call) }
    }
}

macro_rules! spawn {
    ($(#[$doc:meta] $name:ident;)+) => { $(
        #[$doc]
        ///
        /// # Safety
        ///
        /// As in the manual page.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(
            pid: *mut libc::pid_t,
            file: *const c_char,
            actions: *const c_void,
            attributes: *const c_void,
            argv: Vector,
            envp: Vector,
        ) -> c_int {
            // SAFETY: the caller\'s promise; the vector is one too.
            let call = |envp| {
                // SAFETY: the caller's promise; the vector is one too.
                unsafe { next::$name(pid, file, actions, attributes, argv, envp) }
            };
            // SAFETY: the caller's promise.
            unsafe { with(envp, For::Child, &call) }
        }
    )+ };
}

spawn! {
    /// posix_spawn(3).
    posix_spawn;
    /// posix_spawnp(3).
    posix_spawnp;
}
