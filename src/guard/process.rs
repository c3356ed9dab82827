//! What runs in the guard: system calls by the instruction itself, and memory of this library alone.
//!
//! libc is unmapped here and the thread register leads nowhere. So nothing in this file calls libc, allocates, panics
//! or touches thread-local storage; indices are checked by `get`.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_long};
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};

use super::machine::{call, clone_on};
use crate::pidfile::content;
use crate::sys;
use crate::sys::fs::FileId;
use crate::sys::procfs::Stat;

/// Bytes of stack. What is called here needs some hundred.
const STACK: usize = 8 * 1024;
/// How often the guard looks again while another process holds the lock of the file that it has to remove, and the
/// pause between two looks in milliseconds. A process that takes over a stale file holds it for an instant.
const LOOKS: usize = 200;
const PAUSE: usize = 5;
/// Longest path with its zero byte, `PATH_MAX` in limits.h.
const PATH: usize = libc::PATH_MAX as usize;
/// What `/proc/PID/comm` says (prctl(2), PR_SET_NAME: 15 bytes at most).
pub const NAME: &CStr = c"pidfile-guard";
const TITLE: &[u8] = b"libpidfile: guard of ";

/// What the guard has to know, copied while the host's memory is still there.
pub struct Orders {
    path: [u8; PATH],
    owner: libc::pid_t,
    device: u64,
    inode: u64,
    /// This library in memory: start and end, in whole pages.
    library: (usize, usize),
    /// The command line and the environment in memory, likewise; (0, 0) if unknown.
    title: (usize, usize),
    /// The first and the last byte that the title may use.
    title_room: (usize, usize),
    /// The end of the arguments: the kernel shows what follows only if the byte before it is not zero.
    title_end: usize,
}

#[repr(C, align(4096))]
struct Place {
    stack: UnsafeCell<[u8; STACK]>,
    orders: UnsafeCell<MaybeUninit<Orders>>,
}

// SAFETY: written once, by the thread that claims the file, before the guard is started; read by the guard alone.
unsafe impl Sync for Place {}

static PLACE: Place = Place {
    stack: UnsafeCell::new([0; STACK]),
    orders: UnsafeCell::new(MaybeUninit::uninit()),
};

impl Orders {
    /// Collects what the guard has to know.
    ///
    /// # Errors
    ///
    /// The kernel has no pidfd (before Linux 5.3), a sandbox refuses it, or the path is too long.
    pub fn new(path: &CStr, FileId(device, inode): FileId) -> io::Result<Self> {
        let owner = sys::getpid();
        // SAFETY: takes numbers only; the descriptor is new, and closed at once.
        unsafe {
            let pidfd = libc::syscall(libc::SYS_pidfd_open, owner, 0);
            if pidfd < 0 {
                return Err(io::Error::last_os_error());
            }
            libc::close(pidfd as c_int);
        }
        let bytes = path.to_bytes();
        let mut copy = [0; PATH];
        copy.get_mut(..bytes.len())
            .filter(|_| bytes.len() < PATH)
            .ok_or(io::ErrorKind::InvalidFilename)?
            .copy_from_slice(bytes);
        let stat = Stat::read("/proc/self/stat").ok();
        let field = |which| {
            stat.as_ref()
                .and_then(|stat| stat.count(which))
                .unwrap_or(0) as usize
        };
        // proc(5): arg_start, arg_end, env_end.
        let (start, end, last) = (field(48), field(49), field(51));
        let page = page_size();
        Ok(Self {
            path: copy,
            owner,
            device,
            inode,
            library: library(page),
            title: (start & !(page - 1), last.next_multiple_of(page)),
            title_room: (start, last),
            title_end: end,
        })
    }
}

fn page_size() -> usize {
    // SAFETY: asks for a number that the kernel has put on the stack of every process.
    match unsafe { libc::getauxval(libc::AT_PAGESZ) } as usize {
        0 => 4096,
        size => size,
    }
}

/// Returns where this library lies in memory, from its own program headers (elf(5)).
fn library(page: usize) -> (usize, usize) {
    unsafe extern "C" {
        /// Made by the linker, and hidden: the first byte of this library.
        static __ehdr_start: libc::Elf64_Ehdr;
    }
    // SAFETY: the loader has mapped the header and the program headers with the first segment, read-only, for as
    // long as the library is there.
    unsafe {
        let header = &raw const __ehdr_start;
        let base = header as usize;
        let first = (base + (*header).e_phoff as usize) as *const libc::Elf64_Phdr;
        let headers = std::slice::from_raw_parts(first, usize::from((*header).e_phnum));
        let loaded = headers.iter().filter(|one| one.p_type == libc::PT_LOAD);
        let end = loaded
            .map(|one| one.p_vaddr + one.p_memsz)
            .max()
            .unwrap_or(0) as usize;
        (base & !(page - 1), (base + end).next_multiple_of(page))
    }
}

/// Starts the process in between, which starts the guard, and returns its PID or a negative errno. That process has
/// ended by then (`CLONE_VFORK`); its status is an errno, or 0.
pub fn start(orders: Orders) -> isize {
    let flags = (libc::CLONE_VM | libc::CLONE_VFORK) as usize;
    STARTED_BY.store(orders.owner, Ordering::Relaxed);
    // SAFETY: one thread claims the file, so nobody else writes or reads here, and the guard has its own copy of the
    // memory. The stack is 16-byte aligned at its end, and in use only until the process in between has ended.
    unsafe {
        (*PLACE.orders.get()).write(orders);
        let stack = PLACE.stack.get().cast::<u8>().add(STACK);
        clone_on(flags, stack, between)
    }
}

/// The guard that a process has started; 0 for none.
static GUARD: AtomicI32 = AtomicI32::new(0);
/// Which process that was.
static STARTED_BY: AtomicI32 = AtomicI32::new(0);

/// Returns the PID of the guard that this process has started, and forgets it; 0 for none. A forked child has the number
/// in its copy of the memory, but not the guard.
pub fn take_pid() -> libc::pid_t {
    let is_parent = STARTED_BY.load(Ordering::Relaxed) == sys::getpid();
    if is_parent {
        GUARD.swap(0, Ordering::Relaxed)
    } else {
        0
    }
}

/// Runs in the process in between. It shares the host's memory, and changes no more of it than its own stack and
/// [`GUARD`].
extern "C" fn between() -> ! {
    // SAFETY: no memory is shared with the new process. CLONE_PARENT makes it a child of the host, with this
    // process's exit signal, which is none (kernel/fork.c, copy_process).
    let guard = unsafe { call(libc::SYS_clone, [libc::CLONE_PARENT as usize, 0, 0, 0, 0]) };
    if guard == 0 {
        // SAFETY: written by `start` before this process was made.
        guard_file(unsafe { (*PLACE.orders.get()).assume_init_ref() })
    }
    // This memory is the host's.
    GUARD.store(guard.max(0) as libc::pid_t, Ordering::Relaxed);
    let errno = if guard < 0 { -guard as usize } else { 0 };
    loop {
        // SAFETY: ends this process alone: it is no thread of the host's.
        unsafe { call(libc::SYS_exit, [errno, 0, 0, 0, 0]) };
    }
}

fn guard_file(orders: &Orders) -> ! {
    // SAFETY: this process has its own memory and descriptors since clone(2), and only this thread. All pointers lead
    // into this library, which stays mapped.
    unsafe {
        leave_host(orders);
        let mut owner = orders.owner;
        let mut pidfd = call(libc::SYS_pidfd_open, [owner as usize, 0, 0, 0, 0]);
        // Only a parent that is still there is the process of that PID.
        let parent = call(libc::SYS_getppid, [0; 5]) as libc::pid_t;
        if pidfd >= 0 && parent != owner {
            call(libc::SYS_close, [pidfd as usize, 0, 0, 0, 0]);
            pidfd = -1;
        }
        unmap_host(orders);
        let mut looks = 0;
        loop {
            if pidfd >= 0 {
                wait_for_end(pidfd as c_int);
                call(libc::SYS_close, [pidfd as usize, 0, 0, 0, 0]);
                pidfd = -1;
            }
            match look(orders, owner) {
                Next::End => end(),
                Next::Successor(pid) => {
                    owner = pid;
                    pidfd = call(libc::SYS_pidfd_open, [pid as usize, 0, 0, 0, 0]);
                }
                Next::Held if looks < LOOKS => {
                    looks += 1;
                    call(libc::SYS_ppoll, pause().as_arguments());
                }
                Next::Held => end(),
            }
        }
    }
}

/// What follows from a look at the path after the owner has ended.
enum Next {
    End,
    /// The same file names another process.
    Successor(libc::pid_t),
    /// Another process holds the lock.
    Held,
}

/// # Safety
///
/// Called in the guard.
unsafe fn look(orders: &Orders, owner: libc::pid_t) -> Next {
    let path = orders.path.as_ptr() as usize;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let here = libc::AT_FDCWD as usize;
    // SAFETY: the path is a C string in this library; `content` is writable for its whole length; the descriptor is
    // this function's, and closed before it returns.
    unsafe {
        let mut fd = call(
            libc::SYS_openat,
            [here, path, (flags | libc::O_RDWR) as usize, 0, 0],
        );
        if fd < 0 {
            fd = call(
                libc::SYS_openat,
                [here, path, (flags | libc::O_RDONLY) as usize, 0, 0],
            );
        }
        let Ok(fd) = usize::try_from(fd) else {
            return Next::End;
        };
        let next = look_at(orders, owner, fd);
        call(libc::SYS_close, [fd, 0, 0, 0, 0]);
        next
    }
}

/// # Safety
///
/// Called in the guard; `fd` is open.
unsafe fn look_at(orders: &Orders, owner: libc::pid_t, fd: usize) -> Next {
    // SAFETY: as in `look`.
    unsafe {
        let Some(found) = status(fd, c"".as_ptr(), libc::AT_EMPTY_PATH) else {
            return Next::End;
        };
        if found.mode & libc::S_IFMT != libc::S_IFREG || found.links != 1 {
            return Next::End;
        }
        let named = named(fd);
        let is_guarded = (found.device, found.inode) == (orders.device, orders.inode);
        match named {
            Some(pid) if pid == owner => {}
            Some(pid) if is_guarded => return Next::Successor(pid),
            _ => return Next::End,
        }
        // Whoever takes over a stale file holds its lock while it does. Without locks (ENOSYS, EOPNOTSUPP) it is known
        // by its content alone.
        let locked = call(
            libc::SYS_flock,
            [fd, (libc::LOCK_EX | libc::LOCK_NB) as usize, 0, 0, 0],
        );
        if locked == -(libc::EWOULDBLOCK as isize) {
            return Next::Held;
        }
        let path: *const c_char = orders.path.as_ptr().cast();
        let same = status(libc::AT_FDCWD as usize, path, libc::AT_SYMLINK_NOFOLLOW)
            .is_some_and(|now| (now.device, now.inode) == (found.device, found.inode));
        if !same || self::named(fd) != Some(owner) {
            return Next::End;
        }
        if call(
            libc::SYS_unlinkat,
            [libc::AT_FDCWD as usize, path as usize, 0, 0, 0],
        ) < 0
        {
            // An empty file misleads nobody, a stale PID does.
            call(libc::SYS_ftruncate, [fd, 0, 0, 0, 0]);
        }
        Next::End
    }
}

/// Returns the PID in a file.
///
/// # Safety
///
/// `fd` is open.
unsafe fn named(fd: usize) -> Option<libc::pid_t> {
    let mut content = [0_u8; 32];
    // SAFETY: `content` is writable for its whole length.
    let size = unsafe {
        let start = content.as_mut_ptr() as usize;
        call(libc::SYS_pread64, [fd, start, content.len(), 0, 0])
    };
    content::parse_pid(content.get(..usize::try_from(size).ok()?)?)
}

struct Status {
    device: u64,
    inode: u64,
    mode: u32,
    links: u32,
}

/// Returns what statx(2) says, which has one form on all architectures.
///
/// # Safety
///
/// Called in the guard.
unsafe fn status(at: usize, path: *const c_char, flags: c_int) -> Option<Status> {
    const BASIC: usize = libc::STATX_BASIC_STATS as usize;
    let mut found = MaybeUninit::<libc::statx>::uninit();
    // SAFETY: the path is a C string, and `found` is writable. It is read only after a return of 0, when the kernel
    // has filled it.
    unsafe {
        let room = found.as_mut_ptr() as usize;
        if call(
            libc::SYS_statx,
            [at, path as usize, flags as usize, BASIC, room],
        ) != 0
        {
            return None;
        }
        let found = found.assume_init_ref();
        Some(Status {
            device: libc::makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            mode: u32::from(found.stx_mode),
            links: found.stx_nlink,
        })
    }
}

/// Waits until the process behind a pidfd has ended.
///
/// # Safety
///
/// Called in the guard.
unsafe fn wait_for_end(pidfd: c_int) {
    let mut poll = libc::pollfd {
        fd: pidfd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which outlives the call; no timeout.
    while unsafe { call(libc::SYS_ppoll, [&raw mut poll as usize, 1, 0, 0, 0]) } < 0 {}
}

struct Pause(libc::timespec);

const fn pause() -> Pause {
    Pause(libc::timespec {
        tv_sec: 0,
        tv_nsec: (PAUSE * 1_000_000) as c_long,
    })
}

impl Pause {
    fn as_arguments(&self) -> [usize; 5] {
        [0, 0, &raw const self.0 as usize, 0, 0]
    }
}

/// Gives up what the guard has of the host but its memory.
///
/// # Safety
///
/// Called in the guard, first of all.
unsafe fn leave_host(orders: &Orders) {
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
        if call(libc::SYS_close_range, [0, u32::MAX as usize, 0, 0, 0]) < 0 {
            // Before Linux 5.9. The limit of descriptors bounds their numbers.
            let mut limit = [0_u64; 2];
            let nofile = libc::RLIMIT_NOFILE as usize;
            call(
                libc::SYS_prlimit64,
                [0, nofile, 0, limit.as_mut_ptr() as usize, 0],
            );
            for fd in 0..limit[0].min(1 << 20) as usize {
                call(libc::SYS_close, [fd, 0, 0, 0, 0]);
            }
        }
        call(libc::SYS_setsid, [0; 5]);
        call(libc::SYS_chdir, [c"/".as_ptr() as usize, 0, 0, 0, 0]);
        call(
            libc::SYS_prctl,
            [libc::PR_SET_NAME as usize, NAME.as_ptr() as usize, 0, 0, 0],
        );
        write_title(orders);
        // With CAP_SYS_RESOURCE alone; else it stays as the host's is.
        let file = c"/proc/self/oom_score_adj".as_ptr() as usize;
        let score = b"-1000";
        let fd = call(
            libc::SYS_openat,
            [libc::AT_FDCWD as usize, file, libc::O_WRONLY as usize, 0, 0],
        );
        if let Ok(fd) = usize::try_from(fd) {
            call(
                libc::SYS_write,
                [fd, score.as_ptr() as usize, score.len(), 0, 0],
            );
            call(libc::SYS_close, [fd, 0, 0, 0, 0]);
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
        // SAFETY: likewise.
        unsafe { (at as *mut u8).write(0) };
        at += 1;
    }
}

/// Unmaps all but this library and the pages of the command line.
///
/// # Safety
///
/// Called in the guard, on its own stack, when nothing of the host's memory is needed any more.
unsafe fn unmap_host(orders: &Orders) {
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
            call(libc::SYS_munmap, [0, first.0, 0, 0, 0]);
        }
        if second.0 > first.1 {
            call(libc::SYS_munmap, [first.1, second.0 - first.1, 0, 0, 0]);
        }
        for bits in ENDS {
            // The last page below the end is never a process's on x86-64.
            let end = (1_usize << bits) - page_of_end();
            if end > second.1 && call(libc::SYS_munmap, [second.1, end - second.1, 0, 0, 0]) == 0 {
                break;
            }
        }
    }
}

const fn page_of_end() -> usize {
    if cfg!(target_arch = "x86_64") {
        4096
    } else {
        0
    }
}

fn end() -> ! {
    loop {
        // SAFETY: ends this process.
        unsafe { call(libc::SYS_exit_group, [0; 5]) };
    }
}
