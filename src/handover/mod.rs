//! Decides which process gets the file when the owner exits, and hands it over.
//!
//! A program that daemonizes leaves its work to a child and ends. The file must follow, but only to
//! that child: workers, helpers and terminal sessions must never get it.
//!
//! | who may inherit | until when | known by |
//! | --- | --- | --- |
//! | a child of the owner that has called setsid (*leader*) | the owner exits | its session is its own PID; its keeper answers |
//! | the first child of a child of the owner, if it has called setsid and the process between is gone (tmux, `qemu-nbd --fork`) | the same | its session, and its parent |
//! | the first child that a leader forks within 10 s of setsid (double fork) | the leader is the owner: 1 s in which both sleep or work, 10 s at most, or 10 s if it has no handler for SIGTERM, SIGINT, SIGQUIT; else as above | the fork handlers; what both have waited for a processor (/proc/PID/schedstat); its keeper answers |
//! | with `PIDFILE_FOLLOW=fork`, any child, and its first child if the process between is gone; the youngest | the same | the fork handlers; its keeper answers |
//! | the one child that had not decided, if it calls setsid when the owner is gone (ZNC) | 10 s after the owner's exit, which came within 10 s of the fork | the owner has left the path to it; once |
//!
//! | who may not | known by |
//! | --- | --- |
//! | anybody, if a signal ends the owner | the way in which it ends |
//! | one of several leaders, or of a leader and the child of one that is gone | more than one that lives; but of a launcher's two, the one that has not called exec |
//! | the child of a leader that forks another one while the owner lives | the fork handlers |
//! | a leader that runs another program, unless the owner is a launcher: it leaves within 10 s, and has no handler for SIGTERM | its executable |
//! | a grandchild whose parent stays (sshd, su) | the parent lives, and does not run |
//! | anybody, as long as another child is stopped, waits for a disk or is being forked: it may be the one that is meant | its state in /proc, after 20 to 60 looks |
//! | a child at rest or at work | 20 looks find it not running, or running with 50 ms of CPU time |
//! | one that is not the owner's user, and was not root when it became a candidate; but a launcher's own child, the same program still, of an owner of less than 10 s without a handler for SIGTERM gets the file (haproxy), and a daemon that has the file open itself gets its name in it | SO_PEERCRED; parent, flags and descriptors in /proc |
//! | one without a keeper: static, without the library, environment cleared | nobody answers |
//!
//! A candidate has a standby keeper from the moment it becomes one. That waits for the owner's end (pidfd_open(2)) and for
//! its message. The owner stays the owner for as long as it lives. It hands over when it exits by itself, no child is
//! undecided, and there is exactly one candidate. It writes the candidate's PID into the file and sends it the
//! descriptor that holds the lock ([`crate::pidfile::fd_passing`]). It ends when the successor has answered.
//!
//! `tests/choice` tries these rules on a simulated kernel, and `tests/torture/protocol` is a model of the hand-over itself.
//!
//! What processes tell each other lies in a [`crate::ownership::shared::SharedState`], and is a hint: descendants of fewer
//! rights can write there too.

pub mod choose;
pub mod give;
pub mod lineage;
mod looks;
pub mod receive;
pub mod relation;
mod standing;
