//! Collects what the guard has to know, in the process that starts it.

use std::ffi::{CStr, c_int};
use std::io;

use crate::sys;
use crate::sys::fs::FileId;
use crate::sys::proc_stat::Stat;

/// Longest path with its zero byte, `PATH_MAX` in limits.h.
const PATH: usize = libc::PATH_MAX as usize;

/// What the guard has to know, copied while the host's memory is still there.
pub struct Orders {
    pub path: [u8; PATH],
    pub owner: libc::pid_t,
    pub device: u64,
    pub inode: u64,
    /// This library in memory: start and end, in whole pages.
    pub library: (usize, usize),
    /// The command line and the environment in memory, likewise; (0, 0) if unknown.
    pub title: (usize, usize),
    /// The first and the last byte that the title may use.
    pub title_room: (usize, usize),
    /// The end of the arguments: the kernel shows what follows only if the byte before it is not zero.
    pub title_end: usize,
}

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

/// Returns the size of a memory page in bytes.
fn page_size() -> usize {
    // SAFETY: getauxval(3) takes a number, and returns 0 for a value that is not there.
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
