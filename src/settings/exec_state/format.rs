//! Defines the value of the variable: what it says, and how that is written.

use std::io::Write;

use super::super::boot::Boot;
use crate::pidfile::location::Location;
use crate::sys::fs::FileId;
use crate::sys::{self, procfs};

/// What a process was to the file when its variable was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The PID in the file is this process's.
    Owner,
    /// The process stands by for the file of another process.
    Standby,
    /// Neither. In the process that the variable names: it has found a live owner and said so, and need not say it again.
    Inert,
}

impl Role {
    /// Returns the word for it in the variable.
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Standby => "standby",
            Self::Inert => "inert",
        }
    }
}

/// The value of the variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecState<'a> {
    pub role: Role,
    /// The process that had the role.
    pub pid: libc::pid_t,
    /// Where the file was put.
    pub location: Location,
    /// When the role was taken on, in clock ticks since boot.
    pub since: u64,
    /// When the value was written.
    pub boot: Boot,
    /// The absolute path of the file.
    pub path: &'a [u8],
}

impl<'a> ExecState<'a> {
    /// Reads the value of the variable. Returns `None` for anything that this library would not have written.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut fields = value.splitn(10, |&byte| byte == b':');
        let role = fields.next()?;
        let role = [Role::Owner, Role::Standby, Role::Inert]
            .into_iter()
            .find(|known| known.word().as_bytes() == role)?;
        let pid = std::str::from_utf8(fields.next()?)
            .ok()?
            .parse()
            .ok()
            .filter(|pid| *pid > 0)?;
        let mut hexadecimal =
            || u64::from_str_radix(std::str::from_utf8(fields.next()?).ok()?, 16).ok();
        let directory = FileId(hexadecimal()?, hexadecimal()?);
        let root = FileId(hexadecimal()?, hexadecimal()?);
        let location = Location { directory, root };
        let since = hexadecimal()?;
        let (second, id) = (hexadecimal()?, hexadecimal()?);
        let boot = Boot { second, id };
        let path = fields.next().filter(|path| path.starts_with(b"/"))?;
        Some(Self {
            role,
            pid,
            location,
            since,
            boot,
            path,
        })
    }

    /// Returns whether this very process wrote it, before it called exec(2). The PID alone does not tell:
    /// it may be in use again, and then this process started later.
    pub fn is_of_this_process(&self) -> bool {
        let pid = sys::getpid();
        self.pid == pid && procfs::started(pid).is_none_or(|start| start <= self.since)
    }

    /// Returns whether it was written since the machine started.
    pub fn is_of_this_boot(&self) -> bool {
        self.boot.is_current()
    }

    /// Returns whether it is about the file that a setting names. A relative setting was resolved by
    /// whoever wrote the variable; the current directory may be another by now.
    pub fn concerns(&self, setting: &[u8]) -> bool {
        if setting.starts_with(b"/") {
            self.path == setting
        } else {
            self.path
                .strip_suffix(setting)
                .is_some_and(|rest| rest.ends_with(b"/"))
        }
    }

    /// Writes the value.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let (role, pid, since) = (self.role.word(), self.pid, self.since);
        let Location { directory, root } = self.location;
        let (FileId(device, inode), FileId(root_device, root_inode)) = (directory, root);
        let Boot { second, id } = self.boot;
        write!(
            to,
            "{role}:{pid}:{device:x}:{inode:x}:{root_device:x}:{root_inode:x}:{since:x}:{second:x}:{id:x}:"
        )?;
        to.write_all(self.path)
    }
}
