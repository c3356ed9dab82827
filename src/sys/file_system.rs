//! Tells what kind of file system a file is on, by the number that statfs(2) returns (linux/magic.h, and the sources of
//! those that are not in there).

use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{Errno, check};

/// What can be expected of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The files are switches of the kernel: a PID that is written there does something.
    Kernel,
    /// Another machine or a program may change it without inotify(7) being told.
    Remote,
    /// Anything else.
    Ordinary,
}

const KINDS: [(u32, Kind); 22] = [
    (0x0000_9FA0, Kind::Kernel), // procfs
    (0x6265_6572, Kind::Kernel), // sysfs
    (0x6265_6570, Kind::Kernel), // configfs
    (0x6462_6720, Kind::Kernel), // debugfs
    (0x7472_6163, Kind::Kernel), // tracefs
    (0x7363_6673, Kind::Kernel), // securityfs
    (0x0027_E0EB, Kind::Kernel), // cgroup
    (0x6367_7270, Kind::Kernel), // cgroup2
    (0x0765_5821, Kind::Kernel), // resctrl
    (0xF97C_FF8C, Kind::Kernel), // selinuxfs
    (0xCAFE_4A11, Kind::Kernel), // bpf
    (0x4249_4E4D, Kind::Kernel), // binfmt_misc
    (0xDE5E_81E4, Kind::Kernel), // efivarfs
    (0x1980_0202, Kind::Kernel), // mqueue
    (0x0000_6969, Kind::Remote), // NFS
    (0x6573_5546, Kind::Remote), // FUSE, virtiofs
    (0xFF53_4D42, Kind::Remote), // CIFS
    (0xFE53_4D42, Kind::Remote), // SMB2
    (0x0102_1997, Kind::Remote), // 9p
    (0x00C3_6400, Kind::Remote), // Ceph
    (0x5346_414F, Kind::Remote), // AFS
    (0x0116_1970, Kind::Remote), // GFS2
];

/// Returns the kind of file system that a path leads to.
pub fn kind_at(path: &CStr) -> Result<Kind, Errno> {
    // SAFETY: `path` is a C string and `stat` is a valid, writable statfs; both outlive the call.
    kind_by(|stat| unsafe { libc::statfs(path.as_ptr(), stat) })
}

/// Returns the kind of file system that an open file is on.
pub fn kind_of(fd: &OwnedFd) -> Result<Kind, Errno> {
    // SAFETY: `stat` is a valid, writable statfs, which outlives the call; the descriptor is open as long as `fd`.
    kind_by(|stat| unsafe { libc::fstatfs(fd.as_raw_fd(), stat) })
}

fn kind_by(call: impl FnOnce(*mut libc::statfs) -> c_int) -> Result<Kind, Errno> {
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    check(call(stat.as_mut_ptr()))?;
    // SAFETY: all zeroes is a value of this structure of integers, which the call has filled in besides.
    let magic = unsafe { stat.assume_init() }.f_type as u32;
    let known = KINDS.iter().find(|(known, _)| *known == magic);
    Ok(known.map_or(Kind::Ordinary, |(_, kind)| *kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_proc_is_kernel_of_tmp_is_not() {
        assert_eq!(kind_at(c"/proc/self/stat"), Ok(Kind::Kernel));
        let file = tempfile::tempfile().unwrap();
        assert_ne!(kind_of(&file.into()), Ok(Kind::Kernel));
        assert_eq!(kind_at(c"/nonexistent"), Err(Errno(libc::ENOENT)));
    }
}
