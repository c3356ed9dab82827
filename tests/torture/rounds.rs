//! Thousands of times two things at once, with a random delay before each: starts, ends and deletions. Somebody who only
//! looks watches the file meanwhile, and at the end of each round it has to be clear who owns it, or that nobody does.
//!
//! With the feature `torture`, many more rounds. `TORTURE_SEED=N` in the environment repeats the delays of an earlier run.

use crate::common::{
    Ended, NOTHING, Probe, Process, TestDir, exited, killed_by, leave_stale, locked_by,
    owners_in_log, race, wait_for,
};
use fastrand::Rng;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many of something, of which `make test` does fewer.
pub const fn times(sample: u64, all: u64) -> u64 {
    if cfg!(feature = "torture") {
        all
    } else {
        sample
    }
}

fn seed() -> u64 {
    match std::env::var("TORTURE_SEED") {
        Ok(seed) => seed.parse().expect("TORTURE_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_micros() as u64
        }
    }
}

/// Each round has delays of its own. Two at a time, so that they disturb each other.
pub fn rounds(what: &str, count: u64, round: impl Fn(&mut Rng) + Sync) {
    let seed = seed();
    let next = AtomicU64::new(0);
    let violations = Mutex::new(Vec::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let mut random = Rng::with_seed(seed.wrapping_add(number));
            if catch_unwind(AssertUnwindSafe(|| round(&mut random))).is_err() {
                violations.lock().unwrap().push(number);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let violations = violations.into_inner().unwrap();
    println!("{count} rounds of {what}, {} violations", violations.len());
    assert!(
        violations.is_empty(),
        "{what}: rounds {violations:?} of {count}, with TORTURE_SEED={seed}"
    );
}

/// What happens at some moment of the next milliseconds.
pub struct Soon(pub Duration);

impl Soon {
    pub fn within(random: &mut Rng, milliseconds: u64) -> Soon {
        // As often in the first tenth as in all the others.
        let most = 1000 * milliseconds / if random.bool() { 1 } else { 10 };
        Soon(Duration::from_micros(random.u64(0..=most)))
    }

    pub fn comes(self) {
        thread::sleep(self.0);
    }
}

/// How a program is made to end, and how it ends then.
fn end(mut host: Process, how: u32) -> Ended {
    match how {
        0 => host.close_stdin(),
        1 => host.signal(libc::SIGTERM),
        _ => host.signal(libc::SIGKILL),
    }
    host.wait()
}

fn its_end(how: u32) -> ExitStatus {
    match how {
        0 => exited(0),
        1 => killed_by(libc::SIGTERM),
        _ => killed_by(libc::SIGKILL),
    }
}

#[track_caller]
fn is_owner(dir: &TestDir, host: &Process) {
    assert_eq!(dir.content(), host.pid_line(), "{}", host.stderr());
    // The kernel's list is read in parts, and one lock may slip through while others come and go.
    wait_for(
        || locked_by(&dir.pidfile()) == Some(host.pid()),
        &format!("{} has the lock", host.pid()),
    );
}

#[test]
fn thousand_starts_race_one_owner_at_a_time() {
    let starts = times(200, 1000) as usize;
    for stale in [false, true] {
        let dir = TestDir::new();
        let stale = stale.then(|| leave_stale(&dir));
        let owners = race(&dir, starts, stale);
        println!("{starts} starts racing, {owners} owners, 0 violations");
    }
}

#[test]
fn starts_race_one_owner_at_a_time() {
    rounds("starts racing", times(60, 2000), |random| {
        let dir = TestDir::new();
        let stale = random.bool().then(|| leave_stale(&dir));
        let log = dir.path("out/log");
        File::create(&log).unwrap();
        let probe = Probe::of(dir.pidfile());
        let mut racers = Vec::new();
        for _ in 0..random.u32(2..6) {
            Soon::within(random, 3).comes();
            let racer = dir.host("owns_for_a_while");
            racers.push(racer.args([&dir.pidfile(), &log]).arg("3").spawn());
        }
        let mut pids: Vec<i32> = racers.iter().map(Process::pid).collect();
        let ended = racers.into_iter().map(Process::wait);
        let mut beside = 0;
        for Ended { status, stderr, .. } in ended {
            assert_eq!(status, exited(3), "{stderr}");
            match stderr.lines().count() {
                0 => (),
                1 if stderr.contains("is held by a live owner") => beside += 1,
                _ => panic!("{stderr}"),
            }
        }
        pids.extend(stale);
        let seen = probe.finish();
        assert!(seen.iter().all(|pid| pids.contains(pid)), "{seen:?}");
        assert_eq!(dir.leftovers(), NOTHING);
        let log = fs::read_to_string(log).unwrap();
        let owners = owners_in_log(&log).len() + beside + usize::from(stale.is_some());
        assert_eq!(owners, pids.len(), "each is an owner or says why not");
    });
}

#[test]
fn start_racing_end_has_clear_owner() {
    rounds("start against end", times(120, 3000), |random| {
        let dir = TestDir::new();
        let first = dir.host("waits_for_eof").spawn_owner();
        let (pid, how) = (first.pid(), random.u32(0..3));
        let (to_start, to_end) = (Soon::within(random, 3), Soon::within(random, 8));
        let probe = Probe::of(dir.pidfile());
        let (second, ended) = thread::scope(|scope| {
            let ended = scope.spawn(|| {
                to_end.comes();
                end(first, how)
            });
            to_start.comes();
            let second = dir.host("waits_for_eof").spawn_ready();
            (second, ended.join().unwrap())
        });
        assert_eq!((ended.status, &*ended.stderr), (its_end(how), ""));
        let is_second = second.stderr().is_empty();
        if is_second {
            is_owner(&dir, &second);
        } else {
            let held = format!("is held by a live owner, PID {pid};");
            assert!(second.stderr().contains(&held), "{}", second.stderr());
        }
        let order = [pid, second.pid()];
        let seen = probe.finish();
        assert!(order.starts_with(&seen) || seen == order[1..], "{seen:?}");
        let again = end(second, 0);
        assert_eq!(again.status, exited(0));
        assert_eq!(again.stderr.lines().count(), usize::from(!is_second));
        if is_second || how < 2 {
            assert_eq!(dir.leftovers(), NOTHING);
        } else {
            assert_eq!(dir.content(), format!("{pid}\n"));
            assert_eq!(locked_by(&dir.pidfile()), None);
        }
    });
}

#[test]
fn end_racing_deletion_leaves_no_file() {
    rounds("end against deletion", times(120, 3000), |random| {
        let dir = TestDir::new();
        let host = dir.host("waits_for_eof").spawn_owner();
        let (pid, how) = (host.pid(), random.u32(0..3));
        // Sometimes the watch is not there yet.
        Soon::within(random, 30).comes();
        let (to_delete, to_end) = (Soon::within(random, 3), Soon::within(random, 3));
        let probe = Probe::of(dir.pidfile());
        let (ended, deleted) = thread::scope(|scope| {
            let ended = scope.spawn(|| {
                to_end.comes();
                end(host, how)
            });
            to_delete.comes();
            let deleted = fs::remove_file(dir.pidfile());
            (ended.join().unwrap(), deleted.is_ok())
        });
        // It may be at its end already when it is told.
        let told = ended.stderr.contains("was deleted");
        assert_eq!(ended.stderr.lines().count(), usize::from(told));
        assert!(deleted || !told, "{ended:?}");
        let by_deletion = told && ended.status == killed_by(libc::SIGTERM);
        assert!(ended.status == its_end(how) || by_deletion, "{ended:?}");
        let left = how == 2 && !deleted;
        assert_eq!(dir.pidfile().exists(), left, "{ended:?}");
        assert_eq!(dir.leftovers().len(), usize::from(left));
        let seen = probe.finish();
        assert!(seen.iter().all(|named| *named == pid), "{seen:?}");
    });
}
