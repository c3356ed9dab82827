use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far above what anything here needs on a busy machine; only a failure waits this long.
pub const BOUND: Duration = Duration::from_secs(30);

/// Waits until `happened`, and panics with `what` was waited for if that takes too long.
#[track_caller]
pub fn wait_for(mut happened: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !happened() {
        assert!(
            start.elapsed() < BOUND,
            "waited {BOUND:?} in vain for this: {what}"
        );
        sleep(Duration::from_millis(1));
    }
}
