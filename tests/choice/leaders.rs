//! An owner that leads a session itself, and ends when it has forked one child: that one takes its place if it was forked
//! for that, and is a worker if it was not.

use crate::life::Step::{self, *};
use crate::scenario::{Scenario, service};

/// It serves.
pub const LIVE: Step = Spend {
    asleep: 20,
    waiting: 0,
    running: 0,
};
const REST: Step = Spend {
    asleep: 5,
    waiting: 0,
    running: 0,
};
const WORK: Step = Spend {
    asleep: 0,
    waiting: 5,
    running: 2,
};
/// The machine gives it no processor.
const STARVE: Step = Spend {
    asleep: 0,
    waiting: 5,
    running: 0,
};

pub const LEADERS: &[Scenario] = &[
    service(
        "the first worker of a session leader that has lived since",
        &[Setsid, Fork("worker", &[Ready]), AwaitReady, LIVE, Exit],
        None,
    ),
    service(
        "the first worker of a session leader that has lived for 5 seconds",
        &[Setsid, Fork("worker", &[Ready]), AwaitReady, REST, Exit],
        None,
    ),
    service(
        "the first worker of a session leader that was at work for 5 seconds, on a busy machine",
        &[Setsid, Fork("worker", &[Ready]), AwaitReady, WORK, Exit],
        None,
    ),
    service(
        "setsid, fork; the launcher gets no processor for 5 seconds",
        &[Setsid, Fork("daemon", &[Ready]), AwaitReady, STARVE, Exit],
        Some("daemon"),
    ),
    service(
        "the same; it waits for its daemon, which gets none",
        &[Setsid, Fork("daemon", &[STARVE, Ready]), AwaitReady, Exit],
        Some("daemon"),
    ),
];
