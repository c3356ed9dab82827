//! Replaces the functions by which the host changes its user or its groups: see [`crate::keeper::credentials`].

use std::ffi::{c_char, c_int, c_void};

use super::refuse;
use crate::keeper::credentials;
use crate::sys;
use crate::sys::entry::guarded;
use crate::sys::function::{NextFunction, name};

macro_rules! change {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),+)
        => $number:ident[$first:expr, $second:expr, $third:expr];)+) => { $(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As in the manual page.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name($($argument: $type),+) -> c_int {
            static NEXT: NextFunction = NextFunction::new();
            let by_libc = || {
                let next = NEXT.address(name!($name));
                if next.is_null() {
                    return refuse(-1);
                }
                let before = sys::errno();
                // SAFETY: libc's function of that name and type; the caller's promise.
                let result = unsafe {
                    let next: unsafe extern "C" fn($($type),+) -> c_int = std::mem::transmute(next);
                    next($($argument),+)
                };
                // musl waits for the other threads by a semaphore, which leaves EAGAIN.
                if result == 0 {
                    sys::set_errno(before);
                }
                result
            };
            let arguments = [$first as usize, $second as usize, $third as usize];
            credentials::change(libc::$number, arguments, &by_libc)
        }
    )+ };
}

/// "Leave it as it is."
const SAME: u32 = u32::MAX;

change! {
    /// Replaces setuid(2).
    setuid(id: libc::uid_t) => SYS_setuid[id, 0, 0];
    /// Replaces setgid(2).
    setgid(id: libc::gid_t) => SYS_setgid[id, 0, 0];
    /// Replaces seteuid(2).
    seteuid(id: libc::uid_t) => SYS_setresuid[SAME, id, SAME];
    /// Replaces setegid(2).
    setegid(id: libc::gid_t) => SYS_setresgid[SAME, id, SAME];
    /// Replaces setreuid(2).
    setreuid(next: libc::uid_t, effective: libc::uid_t) => SYS_setreuid[next, effective, 0];
    /// Replaces setregid(2).
    setregid(next: libc::gid_t, effective: libc::gid_t) => SYS_setregid[next, effective, 0];
    /// Replaces setresuid(2).
    setresuid(next: libc::uid_t, effective: libc::uid_t, saved: libc::uid_t)
        => SYS_setresuid[next, effective, saved];
    /// Replaces setresgid(2).
    setresgid(next: libc::gid_t, effective: libc::gid_t, saved: libc::gid_t)
        => SYS_setresgid[next, effective, saved];
    /// Replaces setgroups(2).
    setgroups(size: libc::size_t, list: *const libc::gid_t) => SYS_setgroups[size, list, 0];
}

/// Replaces capset(2).
///
/// # Safety
///
/// As for capset(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn capset(header: *mut c_void, data: *const c_void) -> c_int {
    static NEXT: NextFunction = NextFunction::new();
    let by_libc = || {
        let next = NEXT.address(c"capset");
        if next.is_null() {
            return refuse(-1);
        }
        // SAFETY: the function of that name and type behind ours; the caller's promise.
        unsafe {
            let next: unsafe extern "C-unwind" fn(*mut c_void, *const c_void) -> c_int =
                std::mem::transmute(next);
            next(header, data)
        }
    };
    credentials::change_capabilities([header as usize, data as usize, 0], &by_libc)
}

/// Replaces initgroups(3). libc's own calls a setgroups inside of libc, which no preload sees.
///
/// # Safety
///
/// As for initgroups(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn initgroups(user: *const c_char, group: libc::gid_t) -> c_int {
    static NEXT: NextFunction = NextFunction::new();
    if guarded(false, credentials::is_asked) {
        // SAFETY: the caller's promise.
        let groups = guarded(None, || unsafe { groups_of(user, group) });
        if let Some(groups) = groups {
            // SAFETY: as many as there are.
            return unsafe { setgroups(groups.len(), groups.as_ptr()) };
        }
    }
    let next = NEXT.address(c"initgroups");
    if next.is_null() {
        return refuse(-1);
    }
    // SAFETY: libc's function of that name and type; the caller's promise.
    unsafe {
        let next: unsafe extern "C" fn(*const c_char, libc::gid_t) -> c_int =
            std::mem::transmute(next);
        next(user, group)
    }
}

/// Returns the groups that initgroups(3) would set, as many as the kernel takes.
///
/// # Safety
///
/// `user` is a C string.
unsafe fn groups_of(user: *const c_char, group: libc::gid_t) -> Option<Vec<libc::gid_t>> {
    type GetGroupList =
        unsafe extern "C" fn(*const c_char, libc::gid_t, *mut libc::gid_t, *mut c_int) -> c_int;
    static NEXT: NextFunction = NextFunction::new();
    /// NGROUPS_MAX.
    const MOST: usize = 65_536;
    let next = NEXT.address(c"getgrouplist");
    if next.is_null() {
        return None;
    }
    // SAFETY: libc's function of that name and type.
    let getgrouplist: GetGroupList = unsafe { std::mem::transmute(next) };
    let mut groups = vec![0; 64];
    loop {
        let mut count = c_int::try_from(groups.len()).ok()?;
        // SAFETY: the caller's promise, and room for so many.
        let found = unsafe { getgrouplist(user, group, groups.as_mut_ptr(), &mut count) };
        let count = usize::try_from(count).ok()?;
        if found >= 0 || groups.len() == MOST {
            groups.truncate(count);
            return Some(groups);
        }
        groups.resize(count.max(2 * groups.len()).min(MOST), 0);
    }
}
