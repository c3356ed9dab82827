//! Has the keeper, or the thread of `notify`, look at the file when it may have changed: by events, by polling, or both.

use std::time::Duration;

use super::credentials::following;
use super::threads::wait_for_stack;
use super::watcher::{Unwatched, Watcher};
use crate::ownership::host_file;
use crate::ownership::owned_file::OWNED_FILE;
use crate::ownership::state::{self, Phase, Requests};
use crate::ownership::terminate::terminate_at_once;
use crate::pidfile::PidFile;
use crate::pidfile::status::FileStatus;
use crate::report;
use crate::settings::config::Config;
use crate::settings::{POLL, Watch};

/// How often an event is looked at again at once while unlink(2) has still to take the path away: some 50 µs. After that
/// the keeper looks, at intervals.
const LOOKS_AT_UNLINKING: u32 = 50;

/// How often the thread of `notify` is asked for. As long as another thread is in execve(2), which may fail, the kernel starts
/// none (kernel/fork.c, copy_fs).
const ATTEMPTS: u32 = 50;

/// The watch on the file.
pub struct FileWatch {
    config: &'static Config,
    armed: bool,
    attempts: u32,
    watcher: Option<Watcher>,
    /// Pause between two looks, where events cannot be relied on.
    interval: Option<Duration>,
}

impl FileWatch {
    /// Makes a watch that is not armed yet.
    pub fn new(config: &'static Config) -> Self {
        Self {
            config,
            armed: false,
            attempts: 0,
            watcher: None,
            interval: None,
        }
    }

    /// Returns whether the file is watched, or was found to be past watching.
    pub fn is_armed(&self) -> bool {
        self.armed
    }

    /// Returns the time between two looks, where events cannot be relied on.
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Ends the polling: there is no file of ours any more.
    pub fn end_polling(&mut self) {
        self.interval = None;
    }

    /// Returns whether `notify` has a thread.
    pub fn has_thread(&self) -> bool {
        self.watcher.is_some()
    }

    /// Has the thread of `notify` go round its loop once; returns whether there is such a thread.
    pub fn wake(&mut self) -> bool {
        self.watcher.as_mut().is_some_and(Watcher::wake)
    }

    /// Ends the thread of `notify`.
    pub fn stop(self) {
        if let Some(watcher) = self.watcher {
            watcher.stop();
        }
    }

    /// Watches what is at the path now.
    pub fn arm(&mut self) {
        self.armed = true;
        let config = self.config;
        if let Watch::Poll(interval) = config.watch {
            self.interval = Some(interval);
            return;
        }
        let mut place = OWNED_FILE.lock();
        let Some(file) = place.as_mut() else {
            return;
        };
        file.hold_name();
        let (path, remote) = (file.path().to_owned(), file.is_remote());
        drop(place);
        if !following::begin_arming() {
            // The next time round.
            self.armed = false;
            return;
        }
        // Its stack is what the thread of `notify` is to have: see [`spawn`](super::threads::spawn).
        wait_for_stack();
        let armed = Watcher::arm(&mut self.watcher, &path, move || on_event(config));
        following::end_arming(self.watcher.is_some());
        match armed {
            // Changes made elsewhere send no events here.
            Ok(()) if remote => {
                self.interval = Some(POLL);
                let why = "is polled too: the file system may be changed from elsewhere";
                report::detail(config, why);
            }
            Ok(()) => self.interval = None,
            // It has gone before it could be watched: the look that follows says so.
            Err(_) if !is_present() => self.interval = Some(POLL),
            Err(Unwatched::NoThread) if self.attempts < ATTEMPTS => {
                // Soon again.
                self.attempts += 1;
                self.armed = false;
            }
            Err(why) if config.watch == Watch::Inotify => {
                self.interval = None;
                report::problem(config, &format!("is not watched: {why}"));
            }
            Err(why) => {
                self.interval = Some(POLL);
                report::detail(config, &format!("is watched by polling: {why}"));
            }
        }
    }
}

/// Returns whether the file is at its path.
fn is_present() -> bool {
    let place = OWNED_FILE.lock();
    place
        .as_ref()
        .is_some_and(|file| file.look() == FileStatus::Present)
}

/// Looks at the file, and sends the signal if it was plainly deleted. Leaves all else to the keeper.
///
/// Context: the thread of `notify`. From the event to the signal are no further context switches.
fn on_event(config: &Config) {
    if state::phase() != Phase::Kept {
        // It is being removed or handed over. To wait for the mutex would wake this thread twice.
        return;
    }
    let mut place = OWNED_FILE.lock();
    let mut status = place.as_ref().map(PidFile::look);
    for _ in 0..LOOKS_AT_UNLINKING {
        if status != Some(FileStatus::Unlinking) {
            break;
        }
        status = place.as_ref().map(PidFile::look);
    }
    match status {
        None | Some(FileStatus::Present) => {}
        // The ending thread removes it.
        Some(_) if state::phase() != Phase::Kept => {}
        Some(FileStatus::Deleted) if !host_file::has_removed() => {
            terminate_at_once(config, &mut place);
        }
        Some(FileStatus::Unlinking | FileStatus::Deleted | FileStatus::Replaced) => {
            state::post(Requests::CHECK)
        }
    }
}
