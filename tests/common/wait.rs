use std::os::fd::{AsRawFd, OwnedFd};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far above what anything here needs on a busy machine; only a failure waits this long. `TEST_BOUND` has the seconds for one
/// that is slower than that: an emulated one.
pub fn bound() -> Duration {
    let seconds = std::env::var("TEST_BOUND").ok();
    Duration::from_secs(
        seconds
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(120),
    )
}

/// How often to try what goes wrong now and then. `TEST_ROUNDS` has the most, for a machine on which all of them would take hours.
pub fn rounds(usual: usize) -> usize {
    let most = std::env::var("TEST_ROUNDS").ok();
    let most = most.and_then(|most| most.parse().ok());
    usual.min(most.unwrap_or(usual))
}

/// Waits until `happened`, and panics with `what` was waited for if that takes too long. Asks every millisecond at first, and
/// more rarely when it takes longer: on a busy machine those that ask keep others from going on.
#[track_caller]
pub fn wait_for(happened: impl FnMut() -> bool, what: &str) {
    wait_asking_every(Duration::from_millis(20), happened, what);
}

/// Waits as [`wait_for`] does, and never asks more rarely than this.
#[track_caller]
pub(super) fn wait_asking_every(rarest: Duration, mut happened: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    while !happened() {
        let waited = start.elapsed();
        assert!(
            waited < bound(),
            "waited {waited:?} in vain for this: {what}"
        );
        sleep(pause);
        pause = (waited / 16).clamp(Duration::from_millis(1), rarest);
    }
}

/// Whether a process has ended by then; a zombie has.
pub fn has_ended_within(pidfd: &OwnedFd, milliseconds: i32) -> bool {
    let mut poll = libc::pollfd {
        fd: pidfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid entry.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) == 1 }
}
