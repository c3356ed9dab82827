//! Every system call that the library makes fails in turn, in every way that it may, and at every one the host is killed in
//! turn. The host comes to the end that it would have come to, the file is right, absent or known to be stale, and the next
//! start works.
//!
//! `make test` takes a sample of this, `make torture` all of it.

use crate::common::{NOTHING, TestDir, calls_in, exited, killed_by, trace, wait_for};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

mod calls;
mod lives;

use calls::{CALLS, NEVER_FAIL};
use lives::{End, LIVES, Life};

/// How many there are in a sample.
const SAMPLE: usize = 100;

fn stale() -> String {
    format!("{}\n", i32::MAX)
}

/// What is left of such a life.
struct Remains {
    status: ExitStatus,
    should_be: ExitStatus,
    stdout: String,
    stderr: String,
    log: String,
}

fn live(dir: &TestDir, life: &Life, fault: Option<&str>) -> Remains {
    if life.finds_a_stale_file {
        fs::write(dir.pidfile(), stale()).unwrap();
    }
    let mut host = dir.host("stops_before_constructors");
    for (name, value) in life.settings {
        host = host.env(name, value);
    }
    let mut options = vec!["--trace=!rt_sigaction"];
    for fault in life.always.iter().copied().chain(fault) {
        options.extend(["--inject", fault]);
    }
    let mut should_be = exited(7);
    let (ended, log) = trace(dir, host, &options, |host| {
        wait_for(
            || !host.stdout().is_empty() || !host.is_running(),
            "the host is in its main function",
        );
        match (life.plot)(dir, host) {
            End::EndOfInput => host.close_stdin(),
            End::Signal(signal) => should_be = killed_by(signal),
        }
    });
    Remains {
        status: ended.status,
        should_be,
        stdout: ended.stdout,
        stderr: ended.stderr,
        log,
    }
}

/// How often each system call is made by the thread that makes it most often: strace counts per thread.
fn calls_of(life: &Life) -> BTreeMap<String, usize> {
    let dir = TestDir::new();
    let log = live(&dir, life, None).log;
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for call in calls_in(&log) {
        *counts.entry(call).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((_, name), count) in counts {
        let entry = most.entry(name.to_owned()).or_default();
        *entry = count.max(*entry);
    }
    most
}

fn errors_in(counts: &BTreeMap<String, usize>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, errors) in CALLS {
        let count = counts.get(*name).copied().unwrap_or(0);
        for error in *errors {
            faults.extend((1..=count).map(|number| format!("{name}:error={error}:when={number}")));
            // Nothing is interrupted, or only looks taken, for ever.
            if count > 1 && !["EINTR", "EAGAIN", "EEXIST"].contains(error) {
                faults.push(format!("{name}:error={error}:when=1+"));
            }
        }
    }
    faults
}

fn kills_in(counts: &BTreeMap<String, usize>) -> Vec<String> {
    let kill = |(name, count): (&String, &usize)| {
        let kill = |number| format!("{name}:signal=KILL:when={number}");
        (1..=*count).map(kill).collect::<Vec<_>>()
    };
    // Not traced, so that libc's many do not slow all down.
    let traced = counts.iter().filter(|(name, _)| *name != "rt_sigaction");
    traced.flat_map(kill).collect()
}

/// The harm that a fault has done, if it did any. From run to run a thread may make more or fewer calls; without harm the
/// result says whether the one that was to fail was made.
fn harm_by(fault: &str, life: &Life) -> Result<bool, String> {
    let dir = TestDir::new();
    let run = catch_unwind(AssertUnwindSafe(|| live(&dir, life, Some(fault))));
    let Ok(remains) = run else {
        let log = fs::read_to_string(dir.path("out/strace")).unwrap_or_default();
        return Err(format!("see the panic above\n{log}"));
    };
    let was_killed = fault.contains("KILL") && remains.status == killed_by(libc::SIGKILL);
    let harm = if was_killed {
        harm_of_a_kill(&dir, life)
    } else {
        harm_of_an_error(&dir, life, fault, &remains)
    };
    match harm.or_else(|| harm_to_the_next(&dir)) {
        Some(harm) => Err(format!(
            "{harm}\n{} instead of {}: {}{}",
            remains.status, remains.should_be, remains.stderr, remains.log
        )),
        None => Ok(was_killed || remains.log.contains("(INJECTED)")),
    }
}

fn harm_of_an_error(
    dir: &TestDir,
    life: &Life,
    fault: &str,
    remains: &Remains,
) -> Option<&'static str> {
    let said = format!("libpidfile: {}: ", dir.pidfile().display());
    let lines = remains.stderr.lines().count();
    // A deletion is worth a line of its own.
    let lines_allowed = 1 + usize::from(remains.should_be == killed_by(libc::SIGTERM));
    let other_files = dir.leftovers().iter().any(|name| name != "a.pid");
    // What cannot be read is not known to be ours, and what was not ours is not touched.
    let is_unknown = match life.settings {
        // It has nothing open.
        [("PIDFILE_WATCH", "off")] => ["openat:", "pread64:"].as_slice(),
        _ => &["pread64:"],
    };
    let may_stay = dir.content() == stale() || is_unknown.iter().any(|it| fault.starts_with(it));

    if remains.status != remains.should_be || remains.stdout != "hello\n" {
        Some("the host came to another end")
    } else if !remains.stderr.lines().all(|line| line.starts_with(&said)) || lines > lines_allowed {
        Some("there is more to read than one line of ours")
    } else if other_files {
        Some("a temporary file stayed behind")
    } else if !dir.content().is_empty() && !may_stay {
        // Where the file cannot be removed it can be emptied.
        Some("the PID of a dead process stayed behind")
    } else {
        None
    }
}

fn harm_of_a_kill(dir: &TestDir, life: &Life) -> Option<&'static str> {
    let (drafts, others): (Vec<String>, Vec<String>) = dir
        .leftovers()
        .into_iter()
        .filter(|name| name != "a.pid")
        .partition(|name| name.starts_with(".pidfile-"));
    let makes_drafts = life.always.is_some_and(|fault| fault.starts_with("linkat"));
    if !others.is_empty() || drafts.len() > usize::from(makes_drafts) {
        return Some("a temporary file stayed behind");
    }
    for draft in drafts {
        fs::remove_file(dir.path("run").join(draft)).unwrap();
    }
    let file = File::open(dir.pidfile()).ok()?;
    // SAFETY: the descriptor is open; the lock goes with it.
    let is_free = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0;
    (!is_free).then_some("the file that stayed behind is locked")
}

fn harm_to_the_next(dir: &TestDir) -> Option<&'static str> {
    let mut next = dir.host("waits_for_eof").spawn_ready();
    let is_owner = dir.content() == next.pid_line();
    next.close_stdin();
    let ended = next.wait();
    if !is_owner || ended.status != exited(0) || !ended.stderr.is_empty() {
        Some("the next start was harmed")
    } else if dir.leftovers() != NOTHING {
        Some("the next start left something behind")
    } else {
        None
    }
}

/// All of them, or a sample.
fn some_of<T>(all: Vec<T>) -> Vec<T> {
    let step = if cfg!(feature = "torture") {
        1
    } else {
        all.len().div_ceil(SAMPLE)
    };
    all.into_iter().step_by(step).collect()
}

#[track_caller]
fn nothing_harms(what: &str, faults: fn(&BTreeMap<String, usize>) -> Vec<String>) {
    let mut all = Vec::new();
    for life in LIVES {
        let counts = calls_of(life);
        let mut unknown: Vec<&String> = counts.keys().collect();
        unknown.retain(|name| {
            CALLS.iter().all(|(call, _)| call != name) && !NEVER_FAIL.contains(&name.as_str())
        });
        assert!(
            unknown.is_empty(),
            "a host that {}: what if one of these fails? {unknown:?}",
            life.name
        );
        all.extend(faults(&counts).into_iter().map(|fault| (life, fault)));
    }
    let possible = all.len();
    let all = some_of(all);
    let (next, injected, harms) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
    );
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some((life, fault)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match harm_by(fault, life) {
                        Ok(done) => _ = injected.fetch_add(usize::from(done), Ordering::Relaxed),
                        Err(harm) => {
                            let harm = format!("a host that {}, {fault}: {harm}", life.name);
                            harms.lock().unwrap().push(harm);
                        }
                    }
                }
            });
        }
    });
    let (injected, harms) = (injected.into_inner(), harms.into_inner().unwrap());
    println!(
        "{what}: {} of {possible} tried, {} injections, {} harmed",
        all.len(),
        injected + harms.len(),
        harms.len()
    );
    assert!(harms.is_empty(), "{}", harms.join("\n"));
    assert!(
        injected > all.len() / 2,
        "only {injected} calls were made: is this an owner?"
    );
}

#[test]
fn any_failing_system_call_harms_nothing() {
    nothing_harms("system calls that fail", errors_in);
}

#[test]
fn kill_at_any_system_call_leaves_known_state() {
    nothing_harms("SIGKILL at system calls", kills_in);
}
