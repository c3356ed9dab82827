//! Every system call that the library makes fails in turn, in every way that it may, and at every one the host is killed in
//! turn. The host comes to the end that it would have come to, the file is right, absent or known to be stale, and the next
//! start works.
//!
//! `make test` takes a sample of this, `make torture` all of it.

use crate::common::{
    NOTHING, Process, TestDir, calls_in, exited, killed_by, trace, wait_for, wait_until_idle,
};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many there are in a sample.
const SAMPLE: usize = 100;

/// The system calls that fail in real life, and how: for want of memory, of descriptors, of threads, of space, of
/// privileges, in a sandbox, on an old kernel, in a strange file system.
const CALLS: &[(&str, &[&str])] = &[
    (
        "openat",
        &[
            "EMFILE",
            "ENFILE",
            "ENOMEM",
            "EACCES",
            "EPERM",
            "EINTR",
            "EIO",
            "ENOENT",
            "ELOOP",
            "ENOSPC",
            "EDQUOT",
            "EROFS",
            "ESTALE",
            "EOPNOTSUPP",
        ],
    ),
    (
        "linkat",
        &[
            "EPERM", "EACCES", "ENOSPC", "EDQUOT", "EXDEV", "ENOENT", "EEXIST", "EIO", "EROFS",
            "ESTALE",
        ],
    ),
    ("link", &["EPERM", "EMLINK", "EEXIST"]),
    (
        "renameat2",
        &[
            "EINVAL", "ENOSYS", "EACCES", "EPERM", "EEXIST", "ENOSPC", "EIO", "ESTALE",
        ],
    ),
    (
        "unlink",
        &[
            "EACCES", "EPERM", "EROFS", "EBUSY", "ENOENT", "EIO", "ESTALE",
        ],
    ),
    (
        "flock",
        &["ENOLCK", "EINTR", "EAGAIN", "EOPNOTSUPP", "ENOMEM"],
    ),
    ("read", &["EIO", "EINTR", "ENOMEM"]),
    ("pread64", &["EIO", "ESTALE"]),
    ("write", &["ENOSPC", "EINTR", "EPIPE", "EAGAIN", "EIO"]),
    ("pwrite64", &["ENOSPC", "EDQUOT", "EFBIG", "EIO", "ESTALE"]),
    ("ftruncate", &["EIO", "EPERM", "EROFS"]),
    ("truncate", &["EIO", "EACCES", "EROFS"]),
    ("fchmod", &["EPERM", "EROFS", "EIO"]),
    ("fstat", &["EIO", "ESTALE"]),
    ("stat", &["EIO", "EACCES", "ESTALE", "ENOMEM"]),
    ("lstat", &["EIO", "EACCES", "ESTALE", "ENOMEM"]),
    ("newfstatat", &["EIO", "EACCES", "ESTALE", "ENOMEM"]),
    ("statx", &["EIO", "EACCES", "ENOSYS"]),
    ("fstatfs", &["EIO", "ENOSYS"]),
    ("statfs", &["EIO", "ENOSYS", "EACCES"]),
    ("readlink", &["EACCES", "ENOENT"]),
    ("getdents64", &["EIO", "EACCES"]),
    ("close", &["EIO", "EINTR"]),
    ("close_range", &["ENOSYS", "EPERM", "EMFILE", "ENOMEM"]),
    ("unshare", &["EPERM", "ENOMEM", "ENOSYS"]),
    ("clone", &["EAGAIN", "ENOMEM"]),
    ("clone3", &["ENOSYS", "EAGAIN", "ENOMEM", "EPERM"]),
    ("inotify_init1", &["EMFILE", "ENFILE", "ENOMEM", "ENOSYS"]),
    (
        "inotify_add_watch",
        &["ENOSPC", "ENOMEM", "EACCES", "ENOENT", "ESTALE"],
    ),
    ("inotify_rm_watch", &["EINVAL"]),
    ("epoll_create1", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    ("epoll_wait", &["EINTR"]),
    ("epoll_pwait", &["EINTR"]),
    (
        "unlinkat",
        &[
            "EACCES", "EPERM", "EROFS", "EBUSY", "ENOENT", "EIO", "ESTALE",
        ],
    ),
    ("readlinkat", &["EACCES", "ENOENT"]),
    ("accept4", &["EMFILE", "ENFILE", "EINTR"]),
    ("recvmsg", &["EINTR"]),
    ("recvfrom", &["EINTR"]),
    ("bind", &["EADDRINUSE", "EPERM"]),
    ("listen", &["EADDRINUSE"]),
    ("connect", &["ECONNREFUSED", "EPERM"]),
    ("ppoll", &["EINTR", "ENOMEM"]),
    ("getpgid", &["EPERM", "ESRCH"]),
    ("getsid", &["EPERM", "ESRCH"]),
    ("eventfd2", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("fcntl", &["EMFILE", "EINVAL"]),
    ("mmap", &["ENOMEM", "EAGAIN", "EPERM"]),
    ("mprotect", &["ENOMEM", "EACCES"]),
    ("madvise", &["EINVAL", "ENOMEM"]),
    ("socket", &["EMFILE", "EAFNOSUPPORT", "EPERM"]),
    ("sendmsg", &["EAGAIN", "ECONNREFUSED", "EPERM"]),
    ("pidfd_open", &["EMFILE", "ENOMEM", "EPERM", "ENOSYS"]),
    ("pidfd_getfd", &["EPERM", "EMFILE", "ENOSYS"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("prctl", &["EPERM", "EINVAL"]),
    ("futex_waitv", &["ENOSYS", "EPERM", "EINTR", "ENOMEM"]),
    ("rt_tgsigqueueinfo", &["EAGAIN", "EPERM", "ENOSYS"]),
    ("tgkill", &["EAGAIN", "EPERM"]),
    ("getrandom", &["ENOSYS", "EINTR"]),
];

/// The others: they cannot fail the way that we make them, or libc makes them and trusts in them, or they are the host's.
const NEVER_FAIL: &[&str] = &[
    "brk",
    "exit",
    "exit_group",
    "futex",
    "geteuid",
    "getpid",
    "getppid",
    "gettid",
    "kill",
    "munmap",
    "readv",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "set_robust_list",
    "writev",
];

/// How an owner lives, and makes such calls.
struct Life {
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    /// What is wrong all the time.
    always: Option<&'static str>,
    finds_a_stale_file: bool,
    plot: Plot,
}

/// Makes the host come to an end, and tells to which.
type Plot = fn(&TestDir, &Process) -> Fate;

enum Fate {
    EndOfInput,
    Signal(i32),
}

const PLAIN: Life = Life {
    name: "ends at once",
    settings: &[],
    always: None,
    finds_a_stale_file: false,
    plot: |_, _| Fate::EndOfInput,
};

const LIVES: &[Life] = &[
    PLAIN,
    // One that ends before the file is watched makes fewer calls, and other ones.
    Life {
        name: "ends when all is calm",
        plot: |_, host| {
            wait_until_idle(host);
            Fate::EndOfInput
        },
        ..PLAIN
    },
    Life {
        name: "is deleted",
        plot: is_deleted,
        ..PLAIN
    },
    Life {
        name: "is ended by a signal",
        plot: |_, host| {
            wait_until_idle(host);
            if host.is_running() {
                host.signal(libc::SIGTERM);
            }
            Fate::Signal(libc::SIGTERM)
        },
        ..PLAIN
    },
    Life {
        name: "finds a stale file",
        finds_a_stale_file: true,
        settings: &[("PIDFILE_EXE", "stops_before_constructors")],
        ..PLAIN
    },
    Life {
        name: "has no thread",
        settings: &[("PIDFILE_WATCH", "off")],
        finds_a_stale_file: true,
        ..PLAIN
    },
    Life {
        name: "polls, and is deleted",
        settings: &[("PIDFILE_WATCH", "poll")],
        plot: is_deleted,
        ..PLAIN
    },
    Life {
        name: "cannot make a file without a name, and tells the system's log all that happens",
        always: Some("linkat:error=EXDEV"),
        settings: &[("PIDFILE_LOG", "syslog")],
        ..PLAIN
    },
    Life {
        name: "is on an old kernel, and is deleted",
        always: Some("close_range:error=ENOSYS"),
        plot: is_deleted,
        ..PLAIN
    },
];

/// Either a deletion ends the program, or it was said at the start that it would not.
fn is_deleted(scene: &TestDir, host: &Process) -> Fate {
    wait_until_idle(host);
    if has_been_told(scene, host) {
        return Fate::EndOfInput;
    }
    match fs::remove_file(scene.pidfile()) {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{error}"),
        _ => Fate::Signal(libc::SIGTERM),
    }
}

/// Whether somebody can know that there is no PID file, or none that is watched. As strace lets a call fail in each thread,
/// it may be that stderr cannot be used either; the system's log is the next place.
fn has_been_told(scene: &TestDir, host: &Process) -> bool {
    let calls = fs::read_to_string(scene.path("out/strace")).unwrap_or_default();
    !host.stderr().is_empty() || calls.contains("/dev/log")
}

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

fn live(scene: &TestDir, life: &Life, fault: Option<&str>) -> Remains {
    if life.finds_a_stale_file {
        fs::write(scene.pidfile(), stale()).unwrap();
    }
    let mut host = scene.host("stops_before_constructors");
    for (name, value) in life.settings {
        host = host.env(name, value);
    }
    let mut options = vec!["--trace=!rt_sigaction"];
    for fault in life.always.iter().copied().chain(fault) {
        options.extend(["--inject", fault]);
    }
    let mut should_be = exited(7);
    let (ended, log) = trace(scene, host, &options, |host| {
        wait_for(
            || !host.stdout().is_empty() || !host.is_running(),
            "the host is in its main function",
        );
        match (life.plot)(scene, host) {
            Fate::EndOfInput => host.close_stdin(),
            Fate::Signal(signal) => should_be = killed_by(signal),
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
    let scene = TestDir::new();
    let log = live(&scene, life, None).log;
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
    let scene = TestDir::new();
    let run = catch_unwind(AssertUnwindSafe(|| live(&scene, life, Some(fault))));
    let Ok(remains) = run else {
        let log = fs::read_to_string(scene.path("out/strace")).unwrap_or_default();
        return Err(format!("see the panic above\n{log}"));
    };
    let was_killed = fault.contains("KILL") && remains.status == killed_by(libc::SIGKILL);
    let harm = if was_killed {
        harm_of_a_kill(&scene, life)
    } else {
        harm_of_an_error(&scene, life, fault, &remains)
    };
    match harm.or_else(|| harm_to_the_next(&scene)) {
        Some(harm) => Err(format!(
            "{harm}\n{} instead of {}: {}{}",
            remains.status, remains.should_be, remains.stderr, remains.log
        )),
        None => Ok(was_killed || remains.log.contains("(INJECTED)")),
    }
}

fn harm_of_an_error(
    scene: &TestDir,
    life: &Life,
    fault: &str,
    remains: &Remains,
) -> Option<&'static str> {
    let said = format!("libpidfile: {}: ", scene.pidfile().display());
    let lines = remains.stderr.lines().count();
    // A deletion is worth a line of its own.
    let lines_allowed = 1 + usize::from(remains.should_be == killed_by(libc::SIGTERM));
    let other_files = scene.leftovers().iter().any(|name| name != "a.pid");
    // What cannot be read is not known to be ours, and what was not ours is not touched.
    let is_unknown = match life.settings {
        // It has nothing open.
        [("PIDFILE_WATCH", "off")] => ["openat:", "pread64:"].as_slice(),
        _ => &["pread64:"],
    };
    let may_stay = scene.content() == stale() || is_unknown.iter().any(|it| fault.starts_with(it));

    if remains.status != remains.should_be || remains.stdout != "hello\n" {
        Some("the host came to another end")
    } else if !remains.stderr.lines().all(|line| line.starts_with(&said)) || lines > lines_allowed {
        Some("there is more to read than one line of ours")
    } else if other_files {
        Some("a temporary file stayed behind")
    } else if !scene.content().is_empty() && !may_stay {
        // Where the file cannot be removed it can be emptied.
        Some("the PID of a dead process stayed behind")
    } else {
        None
    }
}

fn harm_of_a_kill(scene: &TestDir, life: &Life) -> Option<&'static str> {
    let (drafts, others): (Vec<String>, Vec<String>) = scene
        .leftovers()
        .into_iter()
        .filter(|name| name != "a.pid")
        .partition(|name| name.starts_with(".pidfile-"));
    let makes_drafts = life.always.is_some_and(|fault| fault.starts_with("linkat"));
    if !others.is_empty() || drafts.len() > usize::from(makes_drafts) {
        return Some("a temporary file stayed behind");
    }
    for draft in drafts {
        fs::remove_file(scene.path("run").join(draft)).unwrap();
    }
    let file = File::open(scene.pidfile()).ok()?;
    // SAFETY: the descriptor is open; the lock goes with it.
    let is_free = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0;
    (!is_free).then_some("the file that stayed behind is locked")
}

fn harm_to_the_next(scene: &TestDir) -> Option<&'static str> {
    let mut next = scene.host("waits_for_eof").spawn_ready();
    let is_owner = scene.content() == next.pid_line();
    next.close_stdin();
    let ended = next.wait();
    if !is_owner || ended.status != exited(0) || !ended.stderr.is_empty() {
        Some("the next start was harmed")
    } else if scene.leftovers() != NOTHING {
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
