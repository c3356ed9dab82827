//! Whether the machine is quiet enough to judge by: Documentation/accounting/psi.rst.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Per cent of the last ten seconds in which some process waited for a processor. The measurements themselves, which are
/// one process at a time, make less.
const QUIET: f64 = 20.0;
/// How long to wait for a quiet machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the pressure now, or 0 where the kernel does not tell.
fn now() -> f64 {
    let text = fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    text.split_ascii_whitespace()
        .find_map(|word| word.strip_prefix("avg10="))
        .and_then(|number| number.parse().ok())
        .unwrap_or(0.0)
}

/// Waits until the machine is quiet; says so on stderr, and returns whether it is.
pub fn wait_until_quiet() -> bool {
    let start = Instant::now();
    while now() > QUIET {
        if start.elapsed() > PATIENCE {
            eprintln!(
                "this machine is busy (/proc/pressure/cpu: {} %): nothing is judged",
                now()
            );
            return false;
        }
        sleep(Duration::from_secs(2));
    }
    true
}

/// Returns whether the machine has stayed quiet during a measurement that puts no load on it itself.
pub fn has_stayed_quiet() -> bool {
    let pressure = now();
    if pressure > QUIET {
        eprintln!("the machine was busy meanwhile (/proc/pressure/cpu: {pressure} %)");
    }
    pressure <= QUIET
}
