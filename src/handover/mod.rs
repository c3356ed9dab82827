//! Who inherits the file: fork, setsid, daemon.
//!
//! A program that daemonizes leaves its work to a child and ends. The file must follow, but only to
//! that child: workers, helpers and terminal sessions must never get it. How real daemons do it:
//! the child of the launcher begins a session (setsid(2)); often it forks once more and leaves at
//! once, and the grandchild is the daemon. So there are two kinds of candidates:
//!
//! - a *leader*: a forked child of the owner that has called setsid;
//! - a *second*: the first child that a leader forks, if that is the first thing it does.
//!
//! A candidate has a standby keeper from the moment it becomes one, while it may still open the
//! file: it blocks in flock(2). The lock is the baton. It costs one sleeping thread, works across
//! exec (the mark tells the new image to stand by again), and cannot be lost: the kernel wakes the
//! standby when the owner ends in whatever way. It then looks whose PID is in the file.
//!
//! The owner stays the owner for as long as it lives. When it ends of its own accord and there is
//! exactly one candidate, it writes the heir's PID into the file, lets go of the lock, and ends when
//! the heir has it. Where there are several the case is not clear, and the file is removed.
//!
//! What the processes have to tell each other lies in a [`crate::ownership::shared::Page`] that they share since the claim.

pub mod choose;
pub mod give;
pub mod lineage;
pub mod receive;
