//! What a process can learn of another one's keeper.

pub mod fd_passing {
    use crate::kernel;

    /// A connection to a keeper.
    pub struct Connection;

    impl Connection {
        pub fn to(_file: u64, pid: libc::pid_t, _address: u32) -> Option<(Self, libc::ucred)> {
            kernel::observe(pid, |process, _| {
                let uid = process.listens_as?;
                Some((Self, libc::ucred { pid, uid, gid: uid }))
            })
            .flatten()
        }
    }
}

pub mod instance {
    use crate::kernel;
    use crate::sys::fs::FileId;

    pub fn has_open(pid: libc::pid_t, _file: FileId) -> bool {
        kernel::observe(pid, |process, _| process.has_file_open) == Some(true)
    }
}
