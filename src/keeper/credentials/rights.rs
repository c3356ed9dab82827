//! Reads and takes the rights of one thread: its users, groups and capabilities, as a whole.

use std::ffi::c_int;

/// More groups than that our threads do without.
const MOST_GROUPS: usize = 1024;

/// Who may do what, of one thread.
#[derive(Clone, Copy)]
pub struct Rights {
    /// Real, effective and saved.
    users: [u32; 3],
    groups: [u32; 3],
    others: [u32; MOST_GROUPS],
    other_count: usize,
    capabilities: Capabilities,
}

/// struct __user_cap_data_struct of version 3, twice: capabilities 0 to 31, and 32 to 63.
#[derive(Clone, Copy)]
#[repr(C)]
struct Capabilities([[u32; 3]; 2]);

/// struct __user_cap_header_struct.
#[repr(C)]
struct Header {
    version: u32,
    pid: c_int,
}

impl Header {
    fn of_this_thread() -> Self {
        Self {
            version: 0x2008_0522,
            pid: 0,
        }
    }
}

impl Capabilities {
    const EFFECTIVE: usize = 0;
    const PERMITTED: usize = 1;
    const SETGID: u32 = 6;
    const SETUID: u32 = 7;

    fn get() -> Self {
        let (mut header, mut found) = (Header::of_this_thread(), Self([[0; 3]; 2]));
        // SAFETY: both are what the kernel reads and fills for this version.
        unsafe { libc::syscall(libc::SYS_capget, &raw mut header, &raw mut found) };
        found
    }

    fn set(self) {
        let mut header = Header::of_this_thread();
        // SAFETY: both are what the kernel reads for this version; only the calling thread changes.
        unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const self) };
    }

    fn is_within(&self, other: &Self) -> bool {
        let pairs = self.0.iter().flatten().zip(other.0.iter().flatten());
        pairs.into_iter().all(|(ours, theirs)| ours & !theirs == 0)
    }

    fn allows_any_user(&self) -> bool {
        let both = 1 << Self::SETUID | 1 << Self::SETGID;
        self.0[0][Self::EFFECTIVE] & both == both
    }
}

impl Rights {
    pub const NONE: Self = Self {
        users: [0; 3],
        groups: [0; 3],
        others: [0; MOST_GROUPS],
        other_count: 0,
        capabilities: Capabilities([[0; 3]; 2]),
    };

    /// Fills in the rights of the calling thread. Async-signal-safe.
    pub fn read(&mut self) {
        let [user, as_user, saved_user] = &mut self.users;
        let [group, as_group, saved_group] = &mut self.groups;
        // SAFETY: room for each answer. Where there are more groups than that, none is written.
        unsafe {
            libc::syscall(libc::SYS_getresuid, user, as_user, saved_user);
            libc::syscall(libc::SYS_getresgid, group, as_group, saved_group);
            let (most, room) = (MOST_GROUPS, self.others.as_mut_ptr());
            let count = libc::syscall(libc::SYS_getgroups, most, room);
            self.other_count = usize::try_from(count).unwrap_or(0);
        }
        self.capabilities = Capabilities::get();
    }

    /// Returns whether these rights allow nothing that the others do not.
    pub fn is_within(&self, other: &Self) -> bool {
        let is_same = || {
            self.users == other.users
                && self.groups == other.groups
                && self.others[..self.other_count] == other.others[..other.other_count]
        };
        self.capabilities.is_within(&other.capabilities)
            && (other.capabilities.allows_any_user() || is_same())
    }

    /// Gives the calling thread these rights, as far as it may take them.
    pub fn take(&self) {
        let mut own = Capabilities::get();
        for half in &mut own.0 {
            half[Capabilities::EFFECTIVE] = half[Capabilities::PERMITTED];
        }
        let mut wanted = self.capabilities;
        for (half, own) in wanted.0.iter_mut().zip(own.0) {
            let [effective, permitted, inheritable] = half;
            *permitted &= own[Capabilities::PERMITTED];
            *effective &= *permitted;
            *inheritable &= *permitted | own[2];
        }
        // A change of users makes the memory of the whole process private (prctl(2), PR_SET_DUMPABLE). The
        // host may have said since its own change that it is not.
        // SAFETY: system calls about the calling thread, and two about what they undo.
        unsafe {
            let dumpable = libc::prctl(libc::PR_GET_DUMPABLE);
            own.set();
            libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0);
            libc::syscall(libc::SYS_setgroups, self.other_count, self.others.as_ptr());
            let [real, effective, saved] = self.groups;
            libc::syscall(libc::SYS_setresgid, real, effective, saved);
            let [real, effective, saved] = self.users;
            libc::syscall(libc::SYS_setresuid, real, effective, saved);
            wanted.set();
            libc::prctl(libc::PR_SET_KEEPCAPS, 0, 0, 0, 0);
            if dumpable == 1 && libc::prctl(libc::PR_GET_DUMPABLE) != 1 {
                libc::prctl(libc::PR_SET_DUMPABLE, 1);
            }
        }
    }
}

/// Returns whether the calling thread is root, or can become it by its real or saved user.
pub fn may_be_root() -> bool {
    let [mut real, mut effective, mut saved] = [0_u32; 3];
    // SAFETY: room for the answers.
    unsafe {
        libc::syscall(
            libc::SYS_getresuid,
            &raw mut real,
            &raw mut effective,
            &raw mut saved,
        );
    }
    [real, effective, saved].contains(&0)
}
