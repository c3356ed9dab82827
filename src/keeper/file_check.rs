//! Looks at the file, and does what follows: adopts what the host has put there, or ends the host.

use std::time::Duration;

use super::credentials::following;
use crate::ownership::host_file;
use crate::ownership::owned_file::OWNED_FILE;
use crate::ownership::state::{self, Phase};
use crate::ownership::terminate::{terminate_at_once, was_deleted_before_it_was_replaced};
use crate::pidfile::status::FileStatus;
use crate::report;
use crate::settings::config::Config;
use crate::settings::{POLL, exec_state};
use crate::sys::{clock, procfs};

/// How long a file that has replaced ours may take to name a process: the host may be writing it.
const SETTLING: Duration = Duration::from_secs(2);
/// How long a child that has removed the file, as it says, may take to put its own there. After that it is a deletion.
const SAID_BY_CHILD: Duration = Duration::from_millis(500);
const SETTLING_LOOKS: Duration = Duration::from_millis(10);

/// What a look has found, as far as it matters for the next one.
#[must_use]
pub enum Outcome {
    /// There is no file of ours any more.
    NoFile,
    /// Another file is ours now, which nothing watches yet.
    Adopted,
    /// The file is as before, or what it is now has been dealt with.
    Checked,
}

/// What is unfinished at the path, from one look to the next.
pub struct FileCheck {
    config: &'static Config,
    /// The time until when another file may come to name a process.
    settling: Option<Duration>,
    /// Pause until the next look at a file that is about to go: longer and longer, as some file systems count no links.
    unlinking: Option<Duration>,
    /// Pause until the next attempt at a lock that somebody else has.
    locking: Option<Duration>,
}

impl FileCheck {
    /// Begins with nothing unfinished.
    pub fn new(config: &'static Config) -> Self {
        Self {
            config,
            settling: None,
            unlinking: None,
            locking: None,
        }
    }

    /// Returns the time until the next look; `None` if nothing is unfinished.
    pub fn bound(&self) -> Option<Duration> {
        let settling = self.settling.map(|_| SETTLING_LOOKS);
        let bounds = [settling, self.unlinking, self.locking];
        bounds.into_iter().flatten().min()
    }

    /// Looks at the file, and does what follows.
    pub fn run(&mut self) -> Outcome {
        let mut place = OWNED_FILE.lock();
        let Some(file) = place.as_mut() else {
            // Nothing is ours any more, so nothing is to be looked for.
            *self = Self::new(self.config);
            return Outcome::NoFile;
        };
        self.locking = file.relock().then_some(POLL);
        let mut status = file.look();
        if status != FileStatus::Present {
            following::catch_up();
            status = file.look();
        }
        if state::phase() != Phase::Kept {
            // The ending thread removes it.
            return Outcome::Checked;
        }
        self.unlinking = (status == FileStatus::Unlinking).then(|| match self.unlinking {
            Some(pause) => POLL.min(2 * pause),
            None => SETTLING_LOOKS,
        });
        match status {
            FileStatus::Present | FileStatus::Unlinking => self.settling = None,
            FileStatus::Deleted if !host_file::has_removed() => {
                terminate_at_once(self.config, &mut place);
            }
            FileStatus::Deleted | FileStatus::Replaced => match file.adopt() {
                Ok(()) => {
                    host_file::set_file(file);
                    self.settling = None;
                    return Outcome::Adopted;
                }
                Err(_) if !host_file::has_removed() && was_deleted_before_it_was_replaced(file) => {
                    terminate_at_once(self.config, &mut place);
                }
                Err(pid) => {
                    let settling = if status == FileStatus::Deleted && host_file::is_said_by_child()
                    {
                        SAID_BY_CHILD
                    } else {
                        SETTLING
                    };
                    let until = *self.settling.get_or_insert(clock::now() + settling);
                    let other = pid.filter(|pid| procfs::is_alive(*pid));
                    let is_over = other.is_some() || clock::now() >= until;
                    if is_over && status == FileStatus::Deleted && host_file::is_said_by_child() {
                        // Nothing has come in its place: the word of a child alone is none.
                        terminate_at_once(self.config, &mut place);
                    } else if is_over {
                        *place = None;
                        self.on_lost(other);
                    }
                }
            },
        }
        Outcome::Checked
    }

    /// Reports that the file is not ours any more: another process's is there, or the host has removed its own for good.
    fn on_lost(&self, other: Option<libc::pid_t>) {
        if host_file::has_removed() {
            exec_state::forget();
            report::detail(self.config, "was removed by the program itself");
            return;
        }
        exec_state::lose();
        if let Some(pid) = other {
            report::problem(
                self.config,
                &format!("names PID {pid} now; it is left alone"),
            );
        } else {
            report::problem(
                self.config,
                "was replaced by another file; it is left alone",
            );
        }
    }
}
