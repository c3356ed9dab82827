//! What is no PID file, and must not be replaced by one.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use crate::sys::fs::{directory_of, stat};

/// A larger file is no PID file, but something that a mistyped path has hit.
const LARGEST: libc::off_t = 64 * 1024;

/// Why the file must not be replaced, from a look at it: opening it might already do harm (a FIFO
/// blocks, a tape rewinds).
pub fn objection(found: &libc::stat64, path: &CStr) -> Option<&'static str> {
    match found.st_mode & libc::S_IFMT {
        libc::S_IFREG => {}
        libc::S_IFLNK => return Some("is a symbolic link"),
        libc::S_IFDIR => return Some("is a directory"),
        libc::S_IFIFO => return Some("is a FIFO"),
        libc::S_IFSOCK => return Some("is a socket"),
        libc::S_IFCHR | libc::S_IFBLK => return Some("is a device"),
        _ => return Some("is not a regular file"),
    }
    if found.st_size > LARGEST {
        return Some("is too large to be a PID file");
    }
    if is_of_kernel(path) {
        return Some("is the kernel's, not a file that is kept anywhere");
    }
    // As fs.protected_regular (proc_sys_fs(5)): in /tmp, what another user has put there is a trap.
    let directory = stat(&directory_of(path)).ok()?;
    let shared = libc::S_ISVTX | libc::S_IWOTH;
    // SAFETY: cannot fail.
    let user = unsafe { libc::geteuid() };
    let foreign = found.st_uid != user && found.st_uid != directory.st_uid;
    (directory.st_mode & shared == shared && foreign)
        .then_some("belongs to another user, in a directory that everybody may write to")
}

/// Whether what looks like a file is a switch of the kernel's: a PID that is written there does
/// something.
fn is_of_kernel(path: &CStr) -> bool {
    const SWITCHES: [u32; 14] = [
        0x0000_9FA0, // procfs
        0x6265_6572, // sysfs
        0x6265_6570, // configfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0x0027_E0EB, // cgroup
        0x6367_7270, // cgroup2
        0x0765_5821, // resctrl
        0xF97C_FF8C, // selinuxfs
        0xCAFE_4A11, // bpf
        0x4249_4E4D, // binfmt_misc
        0xDE5E_81E4, // efivarfs
        0x1980_0202, // mqueue
    ];
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: a C string; room for the answer; zeroed is a valid statfs.
    let stat = unsafe {
        libc::statfs(path.as_ptr(), stat.as_mut_ptr());
        stat.assume_init()
    };
    SWITCHES.contains(&(stat.f_type as u32))
}
