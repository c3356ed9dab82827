//! A child writes random words all over the memory that it shares with its owner, during all of the owner's life. Nothing
//! comes of it but that nobody inherits, and that an end takes longer, with a bound.
//!
//! The child has fewer rights than the owner, or as many. It knows of other services that run with the library, whose daemons
//! stand by: processes that would take a file, if their own owner sent one.

use crate::common::{
    Descendant, Descendants, NOTHING, Probe, Process, TestDir, exited, extra_tasks_of, is_alive,
    killed_by, output_pids, wait_for,
};
use crate::rounds::{rounds, times};
use fastrand::Rng;
use std::fs;

/// What the owner does, and whether the file is deleted in the end.
const LIVES: [(&str, bool); 8] = [
    ("stay", false),
    ("stay", true),
    ("fork", false),
    ("fork", true),
    ("exec", false),
    ("exec", true),
    ("daemon", false),
    ("daemon exec", false),
];

/// Other services, each with a launcher that waits and a daemon that stands by.
struct Strangers {
    dirs: Vec<(TestDir, Process, Descendants)>,
    daemons: Vec<i32>,
}

impl Strangers {
    fn start() -> Self {
        let mut strangers = Strangers {
            dirs: Vec::new(),
            daemons: Vec::new(),
        };
        for more in [&[][..], &["exec itself"]] {
            let dir = TestDir::new();
            let orphans = Descendants::of(&dir);
            let steps = [&["wait for", "pipe", "fork", "setsid"], more, &["be told"]].concat();
            let launcher = dir.host("daemonizes").args(&steps).spawn();
            let stands_by = || {
                let daemon = output_pids(&dir, "process");
                daemon
                    .first()
                    .is_some_and(|pid| !extra_tasks_of(*pid).is_empty())
            };
            launcher.wait_until(|_| stands_by(), "the launcher of a daemon that stands by");
            strangers.daemons.push(output_pids(&dir, "process")[0]);
            strangers.dirs.push((dir, launcher, orphans));
        }
        strangers
    }

    /// They get their own files, as if nothing had happened.
    fn finish(self) {
        for ((dir, mut launcher, _orphans), daemon) in self.dirs.into_iter().zip(self.daemons) {
            let daemon = Descendant::new(daemon);
            assert_eq!(dir.content(), launcher.pid_line());
            launcher.close_stdin();
            assert_eq!(launcher.wait().status, exited(0));
            assert_eq!(dir.content(), daemon.pid_line());
            daemon.signal(libc::SIGTERM);
            assert_eq!(daemon.wait(), killed_by(libc::SIGTERM));
            assert_eq!(dir.leftovers(), NOTHING);
        }
    }
}

fn live(random: &mut Rng, rights: &str, (life, deleted): (&str, bool), strangers: &[i32]) {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let seed = random.u32(..).to_string();
    let mut host = dir.host("has_a_fuzzer").args([&seed, rights, life]);
    for stranger in strangers {
        host = host.arg(stranger.to_string());
    }
    let mut host = host.spawn();
    host.wait_until(|_| !dir.content().is_empty(), "an owner");
    let probe = Probe::of(dir.pidfile());
    host.wait_until_ready();
    let owner = host.pid();
    assert_eq!(dir.content(), host.pid_line(), "{life}: {}", host.stderr());
    let daemon = output_pids(&dir, "daemon").first().copied();
    let ended = if deleted {
        dir.remove_pidfile();
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{life}: {ended:?}");
        ended
    } else {
        host.close_stdin();
        let ended = host.wait();
        assert_eq!((ended.status, &*ended.stderr), (exited(0), ""), "{life}");
        ended
    };
    if let Some(daemon) = daemon {
        // One that stands by may take the file in a moment, or never.
        let is_its = || dir.content() == format!("{daemon}\n");
        assert!(is_its() || dir.leftovers() == NOTHING, "{life}: {ended:?}");
        let daemon = Descendant::new(daemon);
        if is_its() && random.bool() && fs::remove_file(dir.pidfile()).is_ok() {
            assert_eq!(daemon.wait(), killed_by(libc::SIGTERM), "{life}");
        } else {
            daemon.signal(libc::SIGTERM);
            assert_eq!(daemon.wait(), killed_by(libc::SIGTERM), "{life}");
        }
    }
    wait_for(|| dir.leftovers() == NOTHING, "no file is left");
    let seen = probe.finish();
    let own = |named: &i32| *named == owner || Some(*named) == daemon;
    assert!(
        seen.iter().all(own),
        "{life}, seed {seed}: {seen:?}, of {owner}, {daemon:?}"
    );
    assert!(
        strangers.iter().all(|pid| is_alive(*pid)),
        "{life}, seed {seed}"
    );
}

fn nothing_comes_of_it(rights: &str, count: u64) {
    let strangers = Strangers::start();
    rounds(&format!("a fuzzer of {rights} rights"), count, |random| {
        let life = *random.choice(&LIVES).unwrap();
        live(random, rights, life, &strangers.daemons);
    });
    strangers.finish();
}

/// Not by chance: the child writes what would be right of a daemon, but with the PID and the address of another service's.
#[test]
#[ignore = "needs root"]
fn worker_pointing_at_stranger_names_nobody() {
    let strangers = Strangers::start();
    for _ in 0..times(3, 50) {
        for stranger in &strangers.daemons {
            live(&mut Rng::new(), "fewer", ("point", false), &[*stranger]);
        }
    }
    strangers.finish();
}

#[test]
#[ignore = "needs root"]
fn fuzzer_without_root_affects_nobody() {
    nothing_comes_of_it("fewer", times(6, 1000));
}

#[test]
fn fuzzer_of_equal_rights_affects_nobody() {
    nothing_comes_of_it("equal", times(4, 1000));
}
