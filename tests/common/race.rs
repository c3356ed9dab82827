//! Many starts in one moment.

use super::host::HostCommand;
use super::process::{Process, exited};
use super::reader::Reader;
use super::test_dir::{NOTHING, TestDir, library};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// Starts so many programs at once for one file, which may hold the PID of a dead one. Each becomes the owner, one after
/// the other, or says in one line why not. Returns how many were owners.
#[track_caller]
pub fn race(dir: &TestDir, starts: usize, stale: Option<i32>) -> usize {
    let log = dir.path("out/log");
    File::create(&log).unwrap();
    let gate = Gate::shut(dir);
    let racers: Vec<Process> = (0..starts)
        .map(|number| {
            gate.program_behind_it(dir)
                .arg(dir.host_path("owns_for_a_while"))
                .args([&dir.pidfile(), &log])
                .arg((number % 90).to_string())
                .spawn()
        })
        .collect();
    let pids: BTreeSet<i32> = racers.iter().map(Process::pid).collect();
    let reader = Reader::of(dir.pidfile());
    gate.open();

    let mut losers = BTreeMap::new();
    for (number, racer) in (0..).zip(racers) {
        let pid = racer.pid();
        let ended = racer.wait();
        assert_eq!(ended.status, exited(number % 90), "{}", ended.stderr);
        let said = format!("libpidfile: {}: ", dir.pidfile().display());
        match ended.stderr.lines().count() {
            0 => (),
            1 if ended.stderr.starts_with(&said) => _ = losers.insert(pid, ended.stderr),
            _ => panic!("racer {pid} says: {}", ended.stderr),
        }
    }
    let mut seen = reader.finish();
    seen.retain(|pid| Some(*pid) != stale);
    assert!(seen.is_subset(&pids), "{seen:?}");
    assert_eq!(dir.leftovers(), NOTHING);

    let log = fs::read_to_string(log).unwrap();
    let owners = owners_in_log(&log);
    println!("owners, one after the other: {owners:?}");
    assert!(!owners.is_empty());
    for owner in &owners {
        let said = losers.get(&owner.parse().unwrap());
        assert_eq!(said, None, "{owner} owned the file");
    }
    assert_eq!(
        owners.len() + losers.len(),
        pids.len(),
        "each owned the file or said why not; owners: {owners:?}"
    );
    owners.len()
}

/// The owners in their order. One begins only when the one before has ended.
#[track_caller]
pub fn owners_in_log(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    let reigns = lines.chunks(2).map(|lines| {
        let owner = lines[0].strip_prefix("begin ");
        let left = lines.get(1).and_then(|line| line.strip_prefix("end "));
        assert!(owner.is_some() && owner == left, "two owners:\n{log}");
        owner.unwrap_or_default()
    });
    reigns.collect()
}

/// What a program that was killed while it owned the file leaves behind. Returns whose it was.
#[track_caller]
pub fn leave_stale(dir: &TestDir) -> i32 {
    let victim = dir.host("waits_for_signal").spawn_ready();
    victim.signal(libc::SIGKILL);
    let pid = victim.pid();
    victim.wait();
    assert_eq!(dir.leftovers(), ["a.pid"]);
    pid
}

/// Holds programs back, so that they start in one moment.
struct Gate {
    file: File,
    path: PathBuf,
}

impl Gate {
    fn shut(dir: &TestDir) -> Gate {
        let path = dir.path("out/gate");
        let file = File::create(&path).unwrap();
        // SAFETY: plain call on a descriptor that `file` keeps open.
        let locked = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) };
        assert_eq!(locked, 0);
        Gate { file, path }
    }

    /// A program that waits until the gate opens, and only then loads the library, in the same process.
    fn program_behind_it<'dir>(&self, dir: &'dir TestDir) -> HostCommand<'dir> {
        dir.program("flock")
            .plain()
            .args(["--shared", "--no-fork"])
            .arg(&self.path)
            .arg("env")
            .arg(format!("LD_PRELOAD={}", library().display()))
            .arg(format!("PIDFILE={}", dir.pidfile().display()))
    }

    fn open(self) {
        // SAFETY: as above.
        let unlocked = unsafe { libc::flock(self.file.as_raw_fd(), libc::LOCK_UN) };
        assert_eq!(unlocked, 0);
    }
}
