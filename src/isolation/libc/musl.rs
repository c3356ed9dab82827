//! Adds the names that callers use where the C library is musl: a file's size has 64 bits in all of its functions.

use std::ffi::c_int;

use super::{HERE, NO_FOLLOW, system_calls};

system_calls! {
    fstat(fd, stat) => SYS_fstat[fd, stat];
    fstatat(from, path, stat, flags) => SYS_newfstatat[from, path, stat, flags];
    lstat(path, stat) => SYS_newfstatat[HERE, path, stat, NO_FOLLOW];
    stat(path, stat) => SYS_newfstatat[HERE, path, stat, 0];
}

/// Directories are never read: see [`super::files`].
extern "C" fn readdir(_: *mut libc::DIR) -> *mut libc::dirent {
    std::ptr::null_mut()
}

/// What the unwinder of a compiler that was made for glibc asks for (dlfcn.h, struct dl_find_object).
#[repr(C)]
struct FoundObject {
    flags: u64,
    start: *const u8,
    end: *const u8,
    link_map: *const u8,
    tables: *const u8,
    reserved: [u64; 7],
}

unsafe extern "C" {
    /// Where this library begins in memory, from the linker.
    static __ehdr_start: libc::Elf64_Ehdr;
}

/// Finds the tables of frames of the object that an address lies in, which is this library or none: what it does is caught
/// before it comes to another. With no answer the unwinder aborts.
extern "C" fn _dl_find_object(address: *const u8, found: *mut FoundObject) -> c_int {
    // SAFETY: the linker's symbol, at a header that is loaded with this library and never changes.
    let (start, header) = unsafe { (&raw const __ehdr_start, &__ehdr_start) };
    let start = start.cast::<u8>();
    let first = start
        .wrapping_add(header.e_phoff as usize)
        .cast::<libc::Elf64_Phdr>();
    // SAFETY: the program headers follow the header in the first segment, which is loaded.
    let headers = unsafe { std::slice::from_raw_parts(first, header.e_phnum.into()) };
    let (mut end, mut tables) = (start, None);
    for header in headers {
        let at = start.wrapping_add(header.p_vaddr as usize);
        match header.p_type {
            libc::PT_LOAD => end = end.max(at.wrapping_add(header.p_memsz as usize)),
            libc::PT_GNU_EH_FRAME => tables = Some(at),
            _ => {}
        }
    }
    match tables {
        Some(tables) if (start..end).contains(&address) => {
            let answer = FoundObject {
                flags: 0,
                start,
                end,
                link_map: std::ptr::null(),
                tables,
                reserved: [0; 7],
            };
            // SAFETY: the unwinder's room for the answer.
            unsafe { found.write(answer) };
            0
        }
        _ => -1,
    }
}

crate::isolation::wrap::wrap!(readdir, _dl_find_object);
