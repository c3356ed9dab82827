//! Gives up what the guard has of the process that it was cloned from: descriptors, session, name, memory.
//!
//! Runs in the guard, under the same rules as [`super::process`].

use std::ffi::CStr;

use super::orders::Orders;
use crate::sys::arch;
use crate::sys::raw::call;

/// What `/proc/PID/comm` says (prctl(2), PR_SET_NAME: 15 bytes at most).
const NAME: &CStr = c"pidfile-guard";
/// The beginning of the command line that ps(1) shows; the path follows.
const TITLE: &[u8] = b"libpidfile: guard of ";

/// Gives up what the guard has of the host but its memory.
///
/// # Safety
///
/// Called in the guard, first of all.
pub unsafe fn leave_host(orders: &Orders) {
    let all = u64::MAX;
    // SAFETY: the descriptors are this process's own copies; all strings and the set of signals outlive the calls.
    unsafe {
        let set = [
            libc::SIG_SETMASK as usize,
            &raw const all as usize,
            0,
            size_of::<u64>(),
            0,
        ];
        call(libc::SYS_rt_sigprocmask, set);
        if call(libc::SYS_close_range, [0, u32::MAX as usize]) < 0 {
            // Before Linux 5.9. The limit of descriptors bounds their numbers.
            let mut limit = [0_u64; 2];
            let nofile = libc::RLIMIT_NOFILE as usize;
            call(
                libc::SYS_prlimit64,
                [0, nofile, 0, limit.as_mut_ptr() as usize],
            );
            for fd in 0..limit[0].min(1 << 20) as usize {
                call(libc::SYS_close, [fd]);
            }
        }
        call(libc::SYS_setsid, []);
        call(libc::SYS_chdir, [c"/".as_ptr() as usize]);
        call(
            libc::SYS_prctl,
            [libc::PR_SET_NAME as usize, NAME.as_ptr() as usize],
        );
        write_title(orders);
        // With CAP_SYS_RESOURCE alone; else it stays as the host's is.
        let file = c"/proc/self/oom_score_adj".as_ptr() as usize;
        let score = b"-1000";
        let fd = call(
            libc::SYS_openat,
            [libc::AT_FDCWD as usize, file, libc::O_WRONLY as usize],
        );
        if let Ok(fd) = usize::try_from(fd) {
            call(libc::SYS_write, [fd, score.as_ptr() as usize, score.len()]);
            call(libc::SYS_close, [fd]);
        }
    }
}

/// Writes the command line that ps(1) shows: over the arguments, and on over the environment if it is longer
/// (fs/proc/base.c, get_mm_cmdline).
///
/// # Safety
///
/// Called in the guard while the memory of the command line is mapped: the pages are this process's own copies.
unsafe fn write_title(orders: &Orders) {
    let (start, end) = orders.title_room;
    if start == 0 || end <= start + 1 {
        return;
    }
    let path = orders.path.iter().copied().take_while(|byte| *byte != 0);
    let mut at = start;
    for byte in TITLE.iter().copied().chain(path) {
        if at + 1 >= end {
            break;
        }
        // SAFETY: between the first argument and the end of the environment, which are writable (execve(2)).
        unsafe { (at as *mut u8).write(byte) };
        at += 1;
    }
    while at < orders.title_end.max(at + 1).min(end) {
        // SAFETY: the address lies between the first argument and the end of the environment, which are writable
        // (execve(2)).
        unsafe { (at as *mut u8).write(0) };
        at += 1;
    }
}

/// Unmaps all but this library and the pages of the command line.
///
/// # Safety
///
/// Called in the guard, on its own stack, when nothing of the host's memory is needed any more.
pub unsafe fn unmap_host(orders: &Orders) {
    /// What a process can map on different machines, largest first (arch/*/include/asm/processor.h).
    const ENDS: [u32; 8] = [56, 52, 48, 47, 46, 42, 39, 38];
    let (first, second) = if orders.title.0 < orders.library.0 {
        (orders.title, orders.library)
    } else {
        (orders.library, orders.title)
    };
    // SAFETY: neither this code nor its stack nor its orders lie outside of the library.
    unsafe {
        if first.0 > 0 {
            call(libc::SYS_munmap, [0, first.0]);
        }
        if second.0 > first.1 {
            call(libc::SYS_munmap, [first.1, second.0 - first.1]);
        }
        for bits in ENDS {
            let end = (1_usize << bits) - arch::NEVER_MAPPED;
            if end > second.1 && call(libc::SYS_munmap, [second.1, end - second.1]) == 0 {
                break;
            }
        }
    }
}
