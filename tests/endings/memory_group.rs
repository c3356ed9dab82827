//! A limit of memory for one program.

use crate::common::{TestDir, wait_for};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::{fs, io};

/// A control group with 30 MiB of memory, where the kernel's groups are mounted once more. Both go with this value.
pub struct MemoryGroup {
    pub group: PathBuf,
    mount_point: CString,
    _dir: TestDir,
}

impl MemoryGroup {
    /// Panics where the kernel has no such groups, or nobody may make one.
    pub fn new() -> MemoryGroup {
        let dir = TestDir::new();
        let mount_point = dir.path("data");
        let group = MemoryGroup {
            group: mount_point.join(format!("pidfile-test-{}", std::process::id())),
            mount_point: CString::new(mount_point.into_os_string().into_vec()).unwrap(),
            _dir: dir,
        };
        // A controller is in one of the two versions.
        group
            .make(c"cgroup2", c"", "memory.max")
            .or_else(|_| group.make(c"cgroup", c"memory", "memory.limit_in_bytes"))
            .expect("a control group with a limit of memory");
        group
    }

    fn make(&self, version: &CStr, controllers: &CStr, limit: &str) -> io::Result<()> {
        self.unmount();
        let none = c"none".as_ptr();
        let (mount_point, version) = (self.mount_point.as_ptr(), version.as_ptr());
        // SAFETY: All five are C strings, which live until the call returns.
        let mounted =
            unsafe { libc::mount(none, mount_point, version, 0, controllers.as_ptr().cast()) };
        if mounted != 0 {
            return Err(io::Error::last_os_error());
        }
        let children = self.group.with_file_name("cgroup.subtree_control");
        if children.exists() {
            fs::write(children, "+memory")?;
        }
        fs::create_dir(&self.group)?;
        fs::write(self.group.join(limit), "31457280")
    }

    fn unmount(&self) {
        // SAFETY: The path is a C string. The kernel refuses what is no mount point.
        unsafe { libc::umount2(self.mount_point.as_ptr(), libc::MNT_DETACH) };
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let is_gone = || fs::remove_dir(&self.group).is_ok() || !self.group.exists();
        wait_for(is_gone, "the group is empty");
        self.unmount();
    }
}
