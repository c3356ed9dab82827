//! The ways to become a daemon, and what is like them and is none.

use crate::leaders::LIVE;
use crate::life::Step::{self, *};
use crate::scenario::{Scenario, following_forks, launcher, service};

const DAEMON: Option<&str> = Some("daemon");
/// Another program, with the library or without it.
const PROGRAM: Step = Exec { with_library: true };
const STATIC_PROGRAM: Step = Exec {
    with_library: false,
};

/// Whatever signals the launcher handles. A Python program handles SIGINT.
pub const DAEMONS: &[Scenario] = &[
    launcher("fork, setsid", &[Fork("daemon", &[Setsid]), Exit], DAEMON),
    launcher(
        "fork, setsid; the launcher waits until it is ready",
        &[Fork("daemon", &[Setsid, Ready]), AwaitReady, Exit],
        DAEMON,
    ),
    launcher(
        "fork, setsid, fork",
        &[Fork("middle", &[Setsid, Fork("daemon", &[]), Exit]), Exit],
        DAEMON,
    ),
    launcher(
        "fork, setsid, fork; the launcher waits until it is ready",
        &[
            Fork("middle", &[Setsid, Fork("daemon", &[Ready]), Exit]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "fork, setsid, fork; the launcher waits for the one between",
        &[
            Fork("middle", &[Setsid, Fork("daemon", &[]), Exit]),
            AwaitChild("middle"),
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "the session begins in a grandchild (tmux)",
        &[Fork("middle", &[Fork("daemon", &[Setsid]), Exit]), Exit],
        DAEMON,
    ),
    launcher(
        "the same; the launcher waits for the one between",
        &[
            Fork("middle", &[Fork("daemon", &[Setsid]), Exit]),
            AwaitChild("middle"),
            Exit,
        ],
        DAEMON,
    ),
];

pub const SCENARIOS: &[Scenario] = &[
    launcher(
        "a worker stays, with a session below it (sshd, su)",
        &[
            Fork("worker", &[Fork("session", &[Setsid, Ready])]),
            AwaitReady,
            Exit,
        ],
        None,
    ),
    launcher(
        "the session begins when the launcher is gone (ZNC)",
        &[Fork("daemon", &[AwaitOrphaned, Setsid]), Exit],
        DAEMON,
    ),
    launcher(
        "another program begins its session when the launcher is gone",
        &[Fork("helper", &[AwaitOrphaned, PROGRAM, Setsid]), Exit],
        None,
    ),
    launcher(
        "a session by a call that no hook sees, then fork (PHP)",
        &[
            Fork("middle", &[SetsidUnseen, Fork("daemon", &[Ready]), Exit]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "a helper with a session of its own, then the daemon (munin)",
        &[
            Fork("helper", &[Setsid, PROGRAM]),
            Fork("daemon", &[Setsid, Ready]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "the same; the helper is a static program",
        &[
            Fork("helper", &[Setsid, STATIC_PROGRAM]),
            Fork("daemon", &[Setsid, Ready]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "two sessions alike",
        &[Fork("one", &[Setsid]), Fork("other", &[Setsid]), Exit],
        None,
    ),
    launcher(
        "three sessions alike",
        &[
            Fork("one", &[Setsid]),
            Fork("other", &[Setsid]),
            Fork("third", &[Setsid, Ready]),
            AwaitReady,
            Exit,
        ],
        None,
    ),
    launcher(
        "of two sessions the first has ended",
        &[
            Fork("first", &[Setsid, Exit]),
            AwaitChild("first"),
            Fork("daemon", &[Setsid]),
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "of two sessions the first was killed",
        &[
            Fork("first", &[Setsid, Killed]),
            AwaitChild("first"),
            Fork("daemon", &[Setsid]),
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "a worker without a session",
        &[Fork("worker", &[]), Exit],
        None,
    ),
    launcher(
        "a worker that is at work",
        &[Fork("worker", &[Work(200)]), Exit],
        None,
    ),
    launcher(
        "a helper that calls exec",
        &[Fork("helper", &[PROGRAM]), Exit],
        None,
    ),
    launcher(
        "a daemon that gives up root when it has begun its session",
        &[Fork("daemon", &[Setsid, DropRoot]), Exit],
        DAEMON,
    ),
    launcher(
        "a daemon that gives up root before it begins its session (haproxy)",
        &[Fork("daemon", &[DropRoot, Setsid, Ready]), AwaitReady, Exit],
        DAEMON,
    ),
    launcher(
        "a daemon that is another program",
        &[Fork("daemon", &[Setsid, PROGRAM]), Exit],
        DAEMON,
    ),
    launcher(
        "a daemon that is a program without the library",
        &[
            Fork("daemon", &[Setsid, STATIC_PROGRAM, Ready]),
            AwaitReady,
            Exit,
        ],
        None,
    ),
    service(
        "a plugin with a session of its own outlives its server (munin-node)",
        &[Fork("plugin", &[Setsid, PROGRAM, Ready]), AwaitReady, Exit],
        None,
    ),
    service(
        "a worker that has given up root, with a session of its own",
        &[Fork("worker", &[DropRoot, Setsid, Ready]), AwaitReady, Exit],
        None,
    ),
    service(
        "a daemon that is started anew by its predecessor",
        &[Fork("daemon", &[Setsid, Ready]), AwaitReady, Exit],
        DAEMON,
    ),
    service(
        "the session of a service's worker",
        &[
            Fork("worker", &[Fork("session", &[Setsid, PROGRAM, Ready])]),
            AwaitReady,
            Exit,
        ],
        None,
    ),
    service(
        "a daemon that has the file open, and gives up root before its session",
        &[
            Fork("daemon", &[OpenFile, DropRoot, Setsid, Ready]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    launcher(
        "a worker that says that it leads a session",
        &[Fork("worker", &[Lie, Ready]), AwaitReady, Exit],
        None,
    ),
    launcher(
        "a server without handlers ends long after a plugin has begun its session",
        &[
            Fork("plugin", &[Setsid, PROGRAM, Ready]),
            AwaitReady,
            LIVE,
            Exit,
        ],
        None,
    ),
    following_forks(
        "a child without a session",
        &[Fork("daemon", &[]), Exit],
        DAEMON,
    ),
    following_forks(
        "the youngest of two children",
        &[
            Fork("helper", &[]),
            Fork("daemon", &[Ready]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    following_forks(
        "a worker of the daemon (nginx)",
        &[
            Fork("daemon", &[Setsid, Fork("worker", &[Ready])]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
    following_forks(
        "the first child of a child that has ended",
        &[
            Fork("middle", &[Setsid, Fork("daemon", &[Ready]), Exit]),
            AwaitReady,
            Exit,
        ],
        DAEMON,
    ),
];
