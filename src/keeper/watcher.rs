//! Learns from `notify` that something has happened to the file, which only means "look again".
//!
//! The file itself is watched, not its directory: notify 8 wakes for every open and close of
//! whatever is in a watched directory, and /run is busy. While we hold the file open, its unlink
//! shows as a change of attributes (the link count, inotify(7) IN_ATTRIB), a rename as a move.

use std::ffi::{CStr, OsStr};
use std::fmt;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::credentials::following;
use crate::isolation::{notify as notify_calls, stacks};
use crate::sys::entry::guarded;

/// Never dropped: notify's destructor panics when its thread is gone, and closing is the kernel's
/// business when the process ends.
pub struct Watcher(ManuallyDrop<RecommendedWatcher>);

/// Why the file is not watched.
pub enum Unwatched {
    /// `notify` has no thread.
    NoThread,
    Because(String),
}

impl fmt::Display for Unwatched {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoThread => to.write_str("notify has no thread"),
            Self::Because(why) => to.write_str(why),
        }
    }
}

impl Watcher {
    /// Has `on_event` called, in notify's thread, for each event on what is at `path` now. A
    /// watcher that is there already is used again.
    ///
    /// # Errors
    ///
    /// Why inotify cannot serve. notify panics where it could not start its thread: that is caught
    /// here.
    pub fn arm(
        watcher: &mut Option<Self>,
        path: &CStr,
        on_event: impl Fn() + Send + 'static,
    ) -> Result<(), Unwatched> {
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        let armed = catch_unwind(AssertUnwindSafe(|| {
            if let Some(Self(watcher)) = watcher {
                // What was there before may still be open somewhere. When it ends for good, notify
                // drops the watch of the path that it knows it by, and that would be the new one.
                let _ = watcher.unwatch(path);
                return watcher.watch(path, RecursiveMode::NonRecursive);
            }
            let on_event = move |_| guarded((), &on_event);
            notify_calls::call_before_each_wait(following::follow_in_watcher);
            stacks::expect_watcher(true);
            let new = notify::recommended_watcher(on_event);
            stacks::expect_watcher(false);
            watcher
                .insert(Self(ManuallyDrop::new(new?)))
                .0
                .watch(path, RecursiveMode::NonRecursive)
        }));
        if armed.is_err()
            && let Some(without_thread) = watcher.take()
        {
            without_thread.stop();
        }
        armed
            .map_err(|_| Unwatched::NoThread)?
            .map_err(|error| Unwatched::Because(error.to_string()))
    }

    /// Has notify's thread go round its loop, and so call what it calls before it waits; returns whether it lives.
    pub fn wake(&mut self) -> bool {
        // A message that changes nothing: there is no such watch. Where there is no thread it panics.
        let woken = catch_unwind(AssertUnwindSafe(|| self.0.unwatch(Path::new("/"))));
        woken.is_ok()
    }

    /// Ends notify's thread.
    pub fn stop(self) {
        let watcher = ManuallyDrop::into_inner(self.0);
        // Its destructor panics where the thread is gone already.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(watcher)));
    }
}
