//! A launcher that starts a helper in a session of its own, beside a daemon that forks twice.

use crate::life::Step::{self, *};
use crate::scenario::{Scenario, launcher, service};

const DAEMON: Option<&str> = Some("daemon");
const HELPER: Step = Fork("helper", &[Setsid, Exec { with_library: true }]);
const STATIC_HELPER: Step = Fork(
    "helper",
    &[
        Setsid,
        Exec {
            with_library: false,
        },
    ],
);
/// Its session is like the daemon's.
const BACKEND: Step = Fork("backend", &[Setsid]);
const TWICE: Step = Fork("middle", &[Setsid, Fork("daemon", &[Ready]), Exit]);

pub const HELPERS: &[Scenario] = &[
    launcher(
        "a helper with a session of its own, then the daemon by a double fork",
        &[HELPER, TWICE, AwaitReady, Exit],
        DAEMON,
    ),
    launcher(
        "the same; the launcher waits for the one between",
        &[HELPER, TWICE, AwaitChild("middle"), Exit],
        DAEMON,
    ),
    launcher(
        "the same; the launcher leaves at once",
        &[HELPER, TWICE, Exit],
        DAEMON,
    ),
    launcher(
        "the same; the helper is a static program",
        &[STATIC_HELPER, TWICE, AwaitReady, Exit],
        DAEMON,
    ),
    launcher(
        "the same; the launcher leads the session",
        &[HELPER, Setsid, Fork("daemon", &[Ready]), AwaitReady, Exit],
        DAEMON,
    ),
    launcher(
        "a daemon that is another program, whose first child is none",
        &[
            Fork(
                "daemon",
                &[
                    Setsid,
                    Fork("worker", &[]),
                    Exec { with_library: true },
                    Ready,
                ],
            ),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "a helper of the process between, with a session of its own",
        &[
            Fork("middle", &[Setsid, HELPER, Fork("daemon", &[Ready]), Exit]),
            AwaitReady,
            Exit,
        ],
        None,
    ),
    launcher(
        "the same; the launcher waits for the one between",
        &[
            Fork("middle", &[Setsid, HELPER, Fork("daemon", &[]), Exit]),
            AwaitChild("middle"),
            Exit,
        ],
        None,
    ),
    launcher(
        "two sessions alike, of which one has forked twice",
        &[BACKEND, TWICE, AwaitReady, Exit],
        None,
    ),
    launcher(
        "two sessions alike, of which one is the launcher's",
        &[BACKEND, Setsid, Fork("daemon", &[Ready]), AwaitReady, Exit],
        None,
    ),
    service(
        "a service with a plugin in a session of its own, and a double fork",
        &[
            Fork("plugin", &[Setsid, Exec { with_library: true }, Ready]),
            Fork("middle", &[Setsid, Fork("daemon", &[]), Exit]),
            AwaitReady,
            Exit,
        ],
        None,
    ),
];
