//! Lists directories, without an allocation from the host's malloc.

use std::ffi::{CStr, c_int};
use std::os::fd::AsRawFd;

use super::fs::open;
use super::{Errno, check};

/// Returns the entries of a directory that are numbers, as those of /proc.
pub fn numbers_in(directory: &CStr) -> Result<Vec<c_int>, Errno> {
    let mut numbers = Vec::new();
    for_each_name(directory, |name| {
        let name = name.to_str().ok();
        numbers.extend(name.and_then(|name| name.parse::<c_int>().ok()));
    })?;
    Ok(numbers)
}

/// Calls `with` with the name of each entry of a directory. opendir(3) is not used: it allocates from the host's malloc.
pub fn for_each_name(directory: &CStr, mut with: impl FnMut(&CStr)) -> Result<(), Errno> {
    /// In front of a name: inode, offset, length of the entry, type (getdents64(2)).
    const HEADER: usize = 8 + 8 + 2 + 1;
    const LENGTH: usize = 8 + 8;
    let fd = open(directory, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let mut entries = [0_u8; 1024];
    loop {
        let (to, size) = (entries.as_mut_ptr(), entries.len());
        // SAFETY: `to` is writable for `size` bytes for the whole call, and aligned: the kernel copies bytes.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, fd.as_raw_fd(), to, size) };
        let mut rest = match check(read as c_int)? {
            0 => return Ok(()),
            read => entries.get(..read as usize).unwrap_or_default(),
        };
        while let (Some(&[low, high]), Some(name)) = (
            rest.get(LENGTH..LENGTH + 2).and_then(<[u8]>::first_chunk),
            rest.get(HEADER..),
        ) {
            with(CStr::from_bytes_until_nul(name).unwrap_or_default());
            let length = usize::from(u16::from_ne_bytes([low, high]));
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    #[test]
    fn numbers_in_lists_numeric_names_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut wanted: Vec<c_int> = (0..300).collect();
        for name in wanted
            .iter()
            .map(c_int::to_string)
            .chain(["a".into(), "1a".into()])
        {
            std::fs::write(directory.path().join(name), "").expect("a file");
        }
        let path = CString::new(directory.path().as_os_str().as_encoded_bytes()).expect("a path");
        let mut found = numbers_in(&path).expect("a list");
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        assert_eq!(numbers_in(c"/proc/self/stat"), Err(Errno(libc::ENOTDIR)));
    }
}
