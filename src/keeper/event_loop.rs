//! Runs the keeper while it owns the file: waits, answers requests, and looks at the file.

use std::time::Duration;

use super::credentials::following;
use super::file_check::{FileCheck, Outcome};
use super::file_watch::FileWatch;
use super::threads::wait_for_stack;
use crate::endings::signals::{self, dispatch};
use crate::endings::{last_thread, main_thread};
use crate::handover::relation::Ending;
use crate::ownership::owned_file::OWNED_FILE;
use crate::ownership::state::{self, Phase, Requests};
use crate::ownership::terminate::kill_host;
use crate::ownership::unmonitored;
use crate::settings::config::Config;
use crate::sys::{self, clock, procfs, sigset};
use crate::{guard, handover, report};

/// How long after the start the watch is armed. A process that lives for milliseconds never pays for it: closing an
/// inotify instance takes the kernel up to 20 ms. A look after arming finds a deletion that came before.
const ARMING: Duration = Duration::from_millis(10);

/// The state of the keeper while it owns the file.
pub struct EventLoop {
    config: &'static Config,
    watch: FileWatch,
    check: FileCheck,
    /// When SIGKILL is due.
    kill: Option<Duration>,
    /// Whether the main thread has left by pthread_exit(3).
    counting: bool,
    /// Whether the main thread has ended, and libc does not know. The others may go on for long.
    leaderless: bool,
}

impl EventLoop {
    /// Makes the state of a keeper that has just got the file.
    pub fn new(config: &'static Config) -> Self {
        Self {
            config,
            watch: FileWatch::new(config),
            check: FileCheck::new(config),
            kill: None,
            counting: false,
            leaderless: false,
        }
    }

    /// Runs until the process ends, or until the keeper has to.
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
                following::answer(|| self.watch.wake());
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
            if !self.watch.is_armed() {
                self.watch.arm();
            }
            match self.check.run() {
                Outcome::NoFile => self.watch.end_polling(),
                Outcome::Adopted => {
                    self.watch.arm();
                    // It may have gone again before the watch was on it.
                    state::post(Requests::CHECK);
                }
                Outcome::Checked => {}
            }
            if self.kill.is_some_and(|when| clock::now() >= when) {
                self.kill = None;
                report::killed(self.config);
                kill_host(libc::SIGKILL);
            }
        }
    }

    /// Returns how long to sleep at most; `None` while nothing is expected.
    fn bound(&self) -> Option<Duration> {
        let arming = (!self.watch.is_armed()).then_some(ARMING);
        let kill = self.kill.map(|when| when.saturating_sub(clock::now()));
        let counting = (self.counting || self.leaderless).then_some(last_thread::COUNTING);
        let dispatched = dispatch::is_on().then_some(dispatch::INTERVAL);
        let (interval, check) = (self.watch.interval(), self.check.bound());
        let bounds = [arming, interval, check, kill, counting, dispatched];
        bounds.into_iter().flatten().min()
    }

    /// Gives up the file, because the process ends. The file may pass to a successor if it ends of its own accord, `orderly`.
    ///
    /// Does nothing if the ending thread does it already, or if it was done.
    fn release(&mut self, orderly: bool) {
        if !state::leave_for(Phase::Kept, Phase::Releasing) {
            return;
        }
        following::catch_up();
        if let Some(mut file) = OWNED_FILE.lock().take() {
            file.release_name();
            if orderly && let Some(successor) = handover::give::hand_over(&file, Self::ending()) {
                report::detail(self.config, &format!("handed over to PID {successor}"));
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
        let blocked = procfs::blocked(sys::getpid()).unwrap_or(0);
        let takes = |signal| signals::is_caught(signal) || blocked & sigset::bit(signal) != 0;
        if takes(libc::SIGTERM) {
            Ending::OfService
        } else if takes(libc::SIGINT) || takes(libc::SIGQUIT) {
            Ending::OfInteractive
        } else {
            Ending::Plain
        }
    }

    /// Returns how many threads are not the host's: the keeper, the exit thread, and the thread of `notify`.
    fn threads(&self) -> usize {
        2 + usize::from(self.watch.has_thread())
    }

    /// Returns whether the host has but its main thread.
    fn host_is_alone(&self) -> bool {
        wait_for_stack();
        let ours = 1 + usize::from(self.watch.has_thread());
        procfs::thread_count().is_ok_and(|all| all == 1 + ours)
    }

    /// Returns whether all that is left of the host is its main thread, which has ended.
    fn only_we_are_left(&self) -> bool {
        !self.counting && self.host_is_alone()
    }

    /// Ends our threads, so that the host's last one is the last. The file is then removed by
    /// whoever ends the process; its lock goes, and nothing watches it.
    fn stop_threads(self) {
        match OWNED_FILE.lock().take() {
            Some(file) => unmonitored::set(self.config, file.unmonitored()),
            None => state::enter(Phase::Released),
        }
        following::set_unwatched();
        self.watch.stop();
    }
}
