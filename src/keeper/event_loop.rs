//! What the keeper does while it owns the file: waits, looks, and does what follows.
//!
//! The thread that `notify` starts looks too, and sends the signal of a plain deletion itself: from the
//! event to the signal are no further context switches. All else it leaves to the keeper.

use std::time::Duration;

use super::credentials;
use super::threads::wait_for_stack;
use super::watcher::Watcher;
use crate::endings::signals::{self, dispatch};
use crate::endings::{last_thread, main_thread};
use crate::handover::choose::Ending;
use crate::ownership::host_file;
use crate::ownership::owned_file::OWNED_FILE;
use crate::ownership::state::{self, Phase, Requests};
use crate::ownership::terminate::{
    kill_host, terminate_at_once, was_deleted_before_it_was_replaced,
};
use crate::ownership::unattended;
use crate::pidfile::PidFile;
use crate::pidfile::status::FileStatus;
use crate::settings::config::Config;
use crate::settings::{POLL, Watch, exec_state};
use crate::sys::{self, clock, procfs};
use crate::{guard, handover, report};

/// The watch is armed so long after the start: a process that lives for milliseconds never pays
/// for it (closing an inotify instance takes the kernel up to 20 ms). A look after arming finds a
/// deletion that came before.
const ARMING: Duration = Duration::from_millis(10);
/// How long a file that has replaced ours may take to name a process: the host may be writing it.
const SETTLING: Duration = Duration::from_secs(2);
/// How long a child that has removed the file, as it says, may take to put its own there. After that it is a deletion.
const SAID_BY_CHILD: Duration = Duration::from_millis(500);
const SETTLING_LOOKS: Duration = Duration::from_millis(10);
/// How often an event is looked at again at once while unlink(2) has still to take the path away: some
/// 50 µs. After that the keeper looks, at intervals.
const LOOKS_AT_UNLINKING: u32 = 50;

/// What the keeper has to think of while it owns the file.
pub struct EventLoop {
    config: &'static Config,
    armed: bool,
    watcher: Option<Watcher>,
    /// Between two looks, where events cannot be relied on.
    interval: Option<Duration>,
    /// Until when something unfinished at the path is given time.
    settling: Option<Duration>,
    /// Until the next look at a file that is about to go: longer and longer, as there are file
    /// systems that count no links.
    going: Option<Duration>,
    /// Until the next attempt at a lock that somebody else has.
    locking: Option<Duration>,
    /// When SIGKILL is due.
    kill: Option<Duration>,
    /// Whether the main thread has left.
    counting: bool,
    /// Whether it has ended without a word. The others may go on for long.
    leaderless: bool,
}

impl EventLoop {
    pub fn new(config: &'static Config) -> Self {
        Self {
            config,
            armed: false,
            watcher: None,
            interval: None,
            settling: None,
            going: None,
            locking: None,
            kill: None,
            counting: false,
            leaderless: false,
        }
    }

    pub fn run(mut self) {
        loop {
            let requests = match self.bound() {
                Some(bound) => state::take_requests(bound),
                None => state::await_requests(main_thread::wait_beside),
            };
            if requests.any(Requests::FATAL_SIGNAL | Requests::EXIT) {
                self.release(!requests.any(Requests::FATAL_SIGNAL));
            }
            if let Some(signal) = dispatch::signal() {
                self.release(false);
                dispatch::end_by(signal);
            }
            if requests.any(Requests::STOP_THREADS) {
                return self.stop_threads();
            }
            if requests.any(Requests::CREDENTIALS) {
                credentials::answer(|| self.watcher.as_mut().is_some_and(Watcher::wake));
            }
            self.counting |= requests.any(Requests::MAIN_LEFT);
            self.leaderless |= requests.any(Requests::MAIN_ENDED);
            if self.leaderless && self.only_we_are_left() {
                self.release(false);
                main_thread::end_likewise();
                return self.stop_threads();
            }
            if self.counting && last_thread::check(self.threads()).is_err() {
                return self.stop_threads();
            }
            if requests.any(Requests::DELETED) {
                self.kill = self.config.kill_after.map(|after| clock::now() + after);
            }
            if !self.armed {
                self.armed = true;
                self.arm();
            }
            self.check();
            if self.kill.is_some_and(|when| clock::now() >= when) {
                self.kill = None;
                report::killed(self.config);
                kill_host(libc::SIGKILL);
            }
        }
    }

    /// How long to sleep at most: for ever, while nothing is expected.
    fn bound(&self) -> Option<Duration> {
        let arming = (!self.armed).then_some(ARMING);
        let settling = self.settling.map(|_| SETTLING_LOOKS);
        let kill = self.kill.map(|when| when.saturating_sub(clock::now()));
        let counting = (self.counting || self.leaderless).then_some(last_thread::COUNTING);
        let dispatched = dispatch::is_on().then_some(dispatch::INTERVAL);
        let Self {
            interval,
            going,
            locking,
            ..
        } = *self;
        let bounds = [
            arming, interval, settling, going, locking, kill, counting, dispatched,
        ];
        bounds.into_iter().flatten().min()
    }

    /// The process ends; of its own accord, if `orderly`: then the file may pass to an heir.
    ///
    /// Does nothing if the ending thread does it already, or if it was done.
    fn release(&mut self, orderly: bool) {
        if !state::leave_for(Phase::Kept, Phase::Releasing) {
            return;
        }
        credentials::catch_up();
        if let Some(file) = OWNED_FILE.lock().take() {
            if orderly && let Some(heir) = handover::give::pass_on(&file, Self::ending()) {
                report::detail(self.config, &format!("handed over to PID {heir}"));
                return state::enter(Phase::Released);
            }
            report::detail(self.config, file.remove().in_words());
        }
        guard::stop();
        state::enter(Phase::Released);
    }

    /// Returns what kind of process ends. A service has handlers for the signals by which it is ended, or waits for
    /// them; a launcher does not.
    fn ending() -> Ending {
        let takes = |signal| signals::is_caught(signal) || procfs::blocks(sys::getpid(), signal);
        if takes(libc::SIGTERM) {
            Ending::OfService
        } else if takes(libc::SIGINT) || takes(libc::SIGQUIT) {
            Ending::OfInteractive
        } else {
            Ending::Plain
        }
    }

    /// The keeper, the stand-in, and the thread of `notify`.
    fn threads(&self) -> usize {
        2 + usize::from(self.watcher.is_some())
    }

    /// Whether the host has but its main thread.
    fn host_is_alone(&self) -> bool {
        wait_for_stack();
        let ours = 1 + usize::from(self.watcher.is_some());
        procfs::thread_count().is_ok_and(|all| all == 1 + ours)
    }

    /// Whether all that is left of the host is its main thread, which has ended.
    fn only_we_are_left(&self) -> bool {
        !self.counting && self.host_is_alone()
    }

    /// Ends our threads, so that the host's last one is the last. The file is then removed by
    /// whoever ends the process; its lock goes, and nothing watches it.
    fn stop_threads(self) {
        match OWNED_FILE.lock().take() {
            Some(file) => unattended::set(self.config, file.unattended()),
            None => state::enter(Phase::Released),
        }
        credentials::set_unwatched();
        if let Some(watcher) = self.watcher {
            watcher.stop();
        }
    }

    fn arm(&mut self) {
        let file = OWNED_FILE.lock();
        let Some((path, remote)) = file
            .as_ref()
            .map(|file| (file.path().to_owned(), file.is_remote()))
        else {
            return;
        };
        drop(file);
        let config = self.config;
        if let Watch::Poll(interval) = config.watch {
            self.interval = Some(interval);
            return;
        }
        if !credentials::begin_arming() {
            // The next time round.
            self.armed = false;
            return;
        }
        // Its stack is what the thread of `notify` is to have: see `spawn`.
        wait_for_stack();
        let armed = Watcher::arm(&mut self.watcher, &path, move || on_event(config));
        credentials::end_arming(self.watcher.is_some());
        match armed {
            // Changes made elsewhere send no events here.
            Ok(()) if remote => {
                self.interval = Some(POLL);
                let why = "is polled too: the file system may be changed from elsewhere";
                report::detail(config, why);
            }
            Ok(()) => self.interval = None,
            // It has gone before it could be watched: the look that follows says so.
            Err(_) if !self.is_present() => self.interval = Some(POLL),
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

    fn is_present(&self) -> bool {
        let place = OWNED_FILE.lock();
        place
            .as_ref()
            .is_some_and(|file| file.look() == FileStatus::Present)
    }

    /// Looks at the file, and does what follows.
    fn check(&mut self) {
        let mut place = OWNED_FILE.lock();
        let Some(file) = place.as_mut() else {
            // Nothing is ours any more, so nothing is to be looked for.
            self.interval = None;
            self.settling = None;
            self.going = None;
            self.locking = None;
            return;
        };
        self.locking = file.relock().then_some(POLL);
        let mut sight = file.look();
        if sight != FileStatus::Present {
            credentials::catch_up();
            sight = file.look();
        }
        if state::phase() != Phase::Kept {
            // The ending thread removes it.
            return;
        }
        self.going = (sight == FileStatus::Unlinking).then(|| match self.going {
            Some(pause) => POLL.min(2 * pause),
            None => SETTLING_LOOKS,
        });
        match sight {
            FileStatus::Present | FileStatus::Unlinking => self.settling = None,
            FileStatus::Deleted if !host_file::has_removed() => {
                terminate_at_once(self.config, &mut place);
            }
            FileStatus::Deleted | FileStatus::Replaced => match file.adopt() {
                Ok(()) => {
                    host_file::note(file);
                    self.settling = None;
                    drop(place);
                    self.arm();
                    // It may have gone again before the watch was on it.
                    state::post(Requests::CHECK);
                }
                Err(_) if !host_file::has_removed() && was_deleted_before_it_was_replaced(file) => {
                    terminate_at_once(self.config, &mut place);
                }
                Err(pid) => {
                    let settling = if sight == FileStatus::Deleted && host_file::is_said_by_child()
                    {
                        SAID_BY_CHILD
                    } else {
                        SETTLING
                    };
                    let until = *self.settling.get_or_insert(clock::now() + settling);
                    let other = pid.filter(|pid| procfs::is_alive(*pid));
                    let is_over = other.is_some() || clock::now() >= until;
                    if is_over && sight == FileStatus::Deleted && host_file::is_said_by_child() {
                        // Nothing has come in its place: the word of a child alone is none.
                        terminate_at_once(self.config, &mut place);
                    } else if is_over {
                        *place = None;
                        self.on_lost(other);
                    }
                }
            },
        }
    }

    /// Somebody else's file is there now, or the host has removed its own for good.
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

/// What happens on an event, in the thread of `notify`: from there to the signal are no further
/// context switches. All but a plain deletion is left to the keeper.
fn on_event(config: &Config) {
    let mut place = OWNED_FILE.lock();
    let mut sight = place.as_ref().map(PidFile::look);
    for _ in 0..LOOKS_AT_UNLINKING {
        if sight != Some(FileStatus::Unlinking) {
            break;
        }
        sight = place.as_ref().map(PidFile::look);
    }
    match sight {
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
