//! Many starts: in a row, and all at once.

mod common;

use common::{NOTHING, Process, Reader, Scene, exited, library};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsRawFd;

#[test]
fn five_hundred_starts_and_ends_in_a_row() {
    let scene = Scene::new();
    let reader = Reader::of(scene.pidfile());
    let mut pids = BTreeSet::new();
    for round in 0..500 {
        let status = round % 256;
        let host = scene.host("returns_status").arg(status.to_string()).spawn();
        pids.insert(host.pid());
        let ended = host.wait();
        assert_eq!(ended.status, exited(status), "round {round}");
        assert_eq!(ended.stderr, "", "round {round}");
        assert_eq!(scene.leftovers(), NOTHING, "round {round}");
        assert!(scene.directory_has_changed(), "no file in round {round}");
    }
    let seen = reader.finish();
    assert!(seen.is_subset(&pids), "{seen:?}");
}

#[test]
fn two_hundred_starts_race_for_one_file() {
    two_hundred_starts_race(&Scene::new(), None);
}

#[test]
fn two_hundred_starts_race_for_one_stale_file() {
    let scene = Scene::new();
    let victim = scene.host("waits_for_signal").spawn();
    victim.wait_until_ready();
    victim.signal(libc::SIGKILL);
    let pid = victim.pid();
    victim.wait();
    assert_eq!(scene.leftovers(), ["a.pid"]);
    two_hundred_starts_race(&scene, Some(pid));
}

fn two_hundred_starts_race(scene: &Scene, stale: Option<i32>) {
    let log = scene.path("out/log");
    File::create(&log).unwrap();
    let gate = Gate::shut(scene);
    let racers: Vec<Process> = (0..200)
        .map(|number| {
            gate.program_behind_it(scene)
                .arg(scene.host_path("owns_for_a_while"))
                .args([&scene.pidfile(), &log])
                .arg((number % 90).to_string())
                .spawn()
        })
        .collect();
    let pids: BTreeSet<i32> = racers.iter().map(Process::pid).collect();
    let reader = Reader::of(scene.pidfile());
    gate.open();

    let mut losers = 0;
    for (number, racer) in (0..).zip(racers) {
        let pid = racer.pid();
        let ended = racer.wait();
        assert_eq!(ended.status, exited(number % 90), "{}", ended.stderr);
        let said = format!("libpidfile: {}: ", scene.pidfile().display());
        match ended.stderr.lines().count() {
            0 => (),
            1 if ended.stderr.starts_with(&said) => losers += 1,
            _ => panic!("racer {pid} says: {}", ended.stderr),
        }
    }
    let mut seen = reader.finish();
    seen.retain(|pid| Some(*pid) != stale);
    assert!(seen.is_subset(&pids), "{seen:?}");
    assert_eq!(scene.leftovers(), NOTHING);

    let log = fs::read_to_string(log).unwrap();
    let owners = reigns_in(&log);
    println!("owners, one after the other: {owners:?}");
    assert!(!owners.is_empty());
    assert_eq!(
        owners.len() + losers,
        pids.len(),
        "each owned the file or said why not; owners: {owners:?}"
    );
}

/// The owners in their order. One begins only when the one before has ended.
fn reigns_in(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    let reigns = lines.chunks(2).map(|lines| {
        let owner = lines[0].strip_prefix("begin ");
        let left = lines.get(1).and_then(|line| line.strip_prefix("end "));
        assert!(owner.is_some() && owner == left, "two owners:\n{log}");
        owner.unwrap_or_default()
    });
    reigns.collect()
}

/// Holds programs back, so that they start in one moment.
struct Gate {
    file: File,
    path: std::path::PathBuf,
}

impl Gate {
    fn shut(scene: &Scene) -> Gate {
        let path = scene.path("out/gate");
        let file = File::create(&path).unwrap();
        // SAFETY: plain call on a descriptor that `file` keeps open.
        let locked = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) };
        assert_eq!(locked, 0);
        Gate { file, path }
    }

    /// A program that waits until the gate opens, and only then loads the library, in the same process.
    fn program_behind_it<'scene>(&self, scene: &'scene Scene) -> common::Host<'scene> {
        scene
            .program("flock")
            .plain()
            .args(["--shared", "--no-fork"])
            .arg(&self.path)
            .arg("env")
            .arg(format!("LD_PRELOAD={}", library().display()))
            .arg(format!("PIDFILE={}", scene.pidfile().display()))
    }

    fn open(self) {
        // SAFETY: as above.
        let unlocked = unsafe { libc::flock(self.file.as_raw_fd(), libc::LOCK_UN) };
        assert_eq!(unlocked, 0);
    }
}
