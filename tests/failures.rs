//! Whatever goes wrong for us goes wrong for us alone: the host runs as it would have, and one line says why there is no
//! PID file.

mod common;

use common::{Ended, NOTHING, Process, Scene, calls_in, exited, killed_by, trace, wait_until_idle};
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitStatus;

/// Runs a host that owns no file. It ends as usual, and says why in one line with these words.
fn runs_without(scene: &Scene, pidfile: &Path, why: &str) {
    let ended = scene
        .host("exits_with_status")
        .env("PIDFILE", pidfile)
        .arg("3")
        .run();
    ends_as_usual(&ended, pidfile, why);
}

fn ends_as_usual(ended: &Ended, pidfile: &Path, why: &str) {
    assert_eq!(ended.status, exited(3), "{why}");
    assert_eq!(ended.stdout, "leaving\natexit\n", "{why}");
    let line = format!("libpidfile: {}: ", pidfile.display());
    assert!(ended.stderr.starts_with(&line), "{why}: {:?}", ended.stderr);
    assert!(
        ended.stderr[line.len()..].to_lowercase().contains(why),
        "{why}: {:?}",
        ended.stderr
    );
    assert_eq!(
        ended.stderr.matches('\n').count(),
        1,
        "{why}: {:?}",
        ended.stderr
    );
    assert!(ended.stderr.ends_with('\n'), "{why}: {:?}", ended.stderr);
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

#[test]
fn the_directory_is_missing() {
    let scene = Scene::new();
    runs_without(
        &scene,
        &scene.path("run/missing/a.pid"),
        "no such file or directory",
    );
    assert_eq!(scene.leftovers(), NOTHING);
}

#[test]
fn the_directory_is_a_file() {
    let scene = Scene::new();
    fs::write(scene.path("run/file"), "").unwrap();
    runs_without(&scene, &scene.path("run/file/a.pid"), "not a directory");
    assert_eq!(scene.leftovers(), ["file"]);
}

#[test]
fn the_path_is_a_directory() {
    let scene = Scene::new();
    fs::create_dir(scene.pidfile()).unwrap();
    runs_without(&scene, &scene.pidfile(), "directory");
    runs_without(&scene, &scene.path("run/"), "directory");
    assert_eq!(scene.leftovers(), ["a.pid"]);
    assert!(scene.pidfile().is_dir());
}

#[test]
fn the_path_is_a_symlink() {
    let scene = Scene::new();
    let target = scene.path("data/precious");
    fs::write(&target, "precious").unwrap();
    for leads_to in [&target, &scene.path("data/missing")] {
        symlink(leads_to, scene.pidfile()).unwrap();
        runs_without(&scene, &scene.pidfile(), "symbolic link");
        assert_eq!(fs::read_link(scene.pidfile()).unwrap(), *leads_to);
        fs::remove_file(scene.pidfile()).unwrap();
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    assert!(!scene.path("data/missing").exists());
    assert_eq!(scene.leftovers(), NOTHING);
}

/// Opening a FIFO waits for the other side: this must not.
#[test]
fn the_path_is_a_fifo() {
    let scene = Scene::new();
    // SAFETY: the path lives through the call.
    let made = unsafe { libc::mkfifo(c_path(&scene.pidfile()).as_ptr(), 0o644) };
    assert_eq!(made, 0);
    runs_without(&scene, &scene.pidfile(), "fifo");
    let kind = fs::symlink_metadata(scene.pidfile()).unwrap().file_type();
    assert!(kind.is_fifo());
    assert_eq!(scene.leftovers(), ["a.pid"]);
}

#[test]
fn the_path_is_a_device() {
    let scene = Scene::new();
    let null = libc::makedev(1, 3);
    // SAFETY: the path lives through the call.
    let made = unsafe {
        libc::mknod(
            c_path(&scene.pidfile()).as_ptr(),
            libc::S_IFCHR | 0o666,
            null,
        )
    };
    assert_eq!(made, 0, "making a device needs root");
    runs_without(&scene, &scene.pidfile(), "device");
    let kind = fs::symlink_metadata(scene.pidfile()).unwrap().file_type();
    assert!(kind.is_char_device());
    assert_eq!(scene.leftovers(), ["a.pid"]);
}

#[test]
fn the_file_has_a_second_name() {
    let scene = Scene::new();
    let precious = scene.path("data/precious");
    fs::write(&precious, "precious").unwrap();
    fs::hard_link(&precious, scene.pidfile()).unwrap();
    runs_without(&scene, &scene.pidfile(), "link");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert_eq!(scene.content(), "precious");
    assert_eq!(scene.leftovers(), ["a.pid"]);
}

#[test]
fn the_path_is_too_long() {
    let scene = Scene::new();
    let long_name = "x".repeat(256);
    let deep = "./".repeat(3000) + "a.pid";
    for path in [long_name, deep] {
        let host = scene.host("exits_with_status").arg("3");
        let ended = host.env("PIDFILE", scene.path("run").join(path)).run();
        assert_eq!(ended.status, exited(3));
        assert_eq!(ended.stdout, "leaving\natexit\n");
        // It need not name all of such a path.
        let line = format!("libpidfile: {}/", scene.path("run").display());
        assert!(ended.stderr.starts_with(&line), "{:?}", ended.stderr);
        assert!(ended.stderr.contains("too long"), "{:?}", ended.stderr);
        assert_eq!(ended.stderr.matches('\n').count(), 1, "{:?}", ended.stderr);
    }
    assert_eq!(scene.leftovers(), NOTHING);
}

#[test]
fn the_user_may_not_write_there() {
    let scene = Scene::new();
    let ended = scene.host_as_nobody("exits_with_status").arg("3").run();
    ends_as_usual(&ended, &scene.pidfile(), "permission denied");
    assert_eq!(scene.leftovers(), NOTHING);
}

#[test]
fn a_message_is_one_line_whatever_the_path() {
    let scene = Scene::new();
    for name in [&b"two\nlines"[..], b"\x1b[2J", b"\xff\xfe"] {
        let path = scene.path("run/missing").join(OsStr::from_bytes(name));
        let ended = scene.host("returns_status").env("PIDFILE", path).run();
        assert_eq!(ended.status, exited(0));
        assert_eq!(ended.stderr.matches('\n').count(), 1, "{:?}", ended.stderr);
        assert!(!ended.stderr.contains('\x1b'), "{:?}", ended.stderr);
    }
}

/// The system calls that fail in real life, and how: for want of memory, of descriptors, of threads, of space, of
/// privileges, in a sandbox, on an old kernel, in a strange file system.
const CALLS: [(&str, &[&str]); 43] = [
    ("openat", &["EMFILE", "EACCES", "EINTR"]),
    ("openat2", &["ENOSYS"]),
    ("linkat", &["EPERM", "ENOSPC"]),
    ("link", &["EPERM"]),
    ("renameat2", &["EINVAL", "EACCES"]),
    ("renameat", &["EACCES"]),
    ("rename", &["EACCES"]),
    ("unlinkat", &["EACCES"]),
    ("unlink", &["EACCES"]),
    ("flock", &["ENOLCK", "EINTR"]),
    ("read", &["EIO", "EINTR"]),
    ("pread64", &["EIO"]),
    ("write", &["ENOSPC", "EINTR"]),
    ("pwrite64", &["ENOSPC"]),
    ("ftruncate", &["EIO"]),
    ("fchmod", &["EPERM"]),
    ("stat", &["EIO"]),
    ("lstat", &["EIO"]),
    ("fstat", &["EIO"]),
    ("newfstatat", &["EIO"]),
    ("statx", &["EIO"]),
    ("fstatfs", &["EIO"]),
    ("close_range", &["ENOSYS", "EPERM"]),
    ("unshare", &["EPERM"]),
    ("clone", &["EAGAIN"]),
    ("clone3", &["ENOSYS", "EAGAIN"]),
    ("inotify_init1", &["EMFILE", "ENOSYS"]),
    ("inotify_add_watch", &["ENOSPC"]),
    ("inotify_rm_watch", &["EINVAL"]),
    ("epoll_create1", &["EMFILE"]),
    ("epoll_ctl", &["ENOMEM"]),
    ("epoll_wait", &["EINTR"]),
    ("eventfd2", &["EMFILE"]),
    ("fcntl", &["EMFILE"]),
    ("mmap", &["ENOMEM"]),
    ("mprotect", &["ENOMEM"]),
    ("pidfd_open", &["EMFILE", "EPERM"]),
    ("pidfd_getfd", &["EPERM"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("prctl", &["EPERM"]),
    ("rt_tgsigqueueinfo", &["EAGAIN", "EPERM"]),
    ("tgkill", &["EAGAIN", "EPERM"]),
    ("getrandom", &["ENOSYS"]),
];

/// The others: they cannot fail the way that we make them, or libc makes them and trusts in them, or they are the host's.
const NEVER_FAIL: [&str; 19] = [
    "brk",
    "close",
    "exit",
    "exit_group",
    "futex",
    "getpid",
    "gettid",
    "kill",
    "madvise",
    "munmap",
    "readv",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "set_robust_list",
    "writev",
];

/// What happens to a host in which a call fails: makes it come to an end, and tells to which.
type Plot = fn(&Scene, &mut Process) -> ExitStatus;

const ENDS_AT_ONCE: Plot = |_, host| {
    host.close_stdin();
    exited(7)
};

const ENDS_WHEN_ALL_IS_CALM: Plot = |_, host| {
    wait_until_idle(host);
    host.close_stdin();
    exited(7)
};

const IS_DELETED: Plot = |scene, host| {
    wait_until_idle(host);
    if has_been_told(scene, host) {
        host.close_stdin();
        exited(7)
    } else {
        scene.remove_pidfile();
        killed_by(libc::SIGTERM)
    }
};

/// Whether somebody can know that there is no PID file, or none that is watched. As strace lets a call fail in each thread,
/// it may be that stderr cannot be used either; the system's log is the next place.
fn has_been_told(scene: &Scene, host: &Process) -> bool {
    let calls = fs::read_to_string(scene.path("out/strace")).unwrap_or_default();
    !host.stderr().is_empty() || calls.contains("/dev/log")
}

fn wait_until_in_main(host: &Process) {
    host.wait_until(|host| !host.stdout().is_empty(), "in its main function");
}

/// A host that ends before the file is watched makes fewer calls, and other ones.
#[test]
fn every_system_call_of_a_short_life_may_fail() {
    nothing_harms(ENDS_AT_ONCE);
}

#[test]
fn every_system_call_of_a_longer_life_may_fail() {
    nothing_harms(ENDS_WHEN_ALL_IS_CALM);
}

/// Either a deletion ends the program, or it was said at the start that it would not.
#[test]
fn every_system_call_may_fail_and_a_deletion_is_not_missed_silently() {
    nothing_harms(IS_DELETED);
}

#[track_caller]
fn nothing_harms(plot: Plot) {
    let counts = calls_of_an_owner(plot);
    let mut unknown: Vec<&String> = counts.keys().collect();
    unknown.retain(|name| {
        CALLS.iter().all(|(call, _)| call != name) && !NEVER_FAIL.contains(&name.as_str())
    });
    assert!(
        unknown.is_empty(),
        "what if one of these fails? {unknown:?}"
    );
    let mut faults = Vec::new();
    for (name, errors) in CALLS {
        let count = counts.get(name).copied().unwrap_or(0);
        for error in errors {
            faults.extend((1..=count).map(|number| format!("{name}:error={error}:when={number}")));
            // Nothing is interrupted for ever.
            if count > 1 && *error != "EINTR" {
                faults.push(format!("{name}:error={error}:when=1+"));
            }
        }
    }
    let (mut failed, mut harms) = (0, Vec::new());
    for fault in faults {
        match harm_by(&fault, plot) {
            Ok(injected) => failed += u32::from(injected),
            Err(harm) => harms.push(harm),
        }
    }
    assert!(harms.is_empty(), "{}", harms.join("\n"));
    assert!(failed > 20, "only {failed} calls failed: is this an owner?");
}

/// How often each system call is made by the thread that makes it most often: strace counts per thread.
fn calls_of_an_owner(plot: Plot) -> BTreeMap<String, usize> {
    let scene = Scene::new();
    let host = scene.host("stops_before_constructors");
    let (_, log) = trace(&scene, host, &[], |host| {
        wait_until_in_main(host);
        plot(&scene, host);
    });
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

/// Lets one call fail. An error tells what the host, or who looks for its file, noticed of that. From run to run a thread may
/// make more or fewer calls; the result says whether the one that was to fail was made.
fn harm_by(fault: &str, plot: Plot) -> Result<bool, String> {
    let scene = Scene::new();
    let host = scene.host("stops_before_constructors");
    let options = ["--trace=!rt_sigaction", "--inject", fault];
    let mut usual_end = exited(0);
    let run = catch_unwind(AssertUnwindSafe(|| {
        trace(&scene, host, &options, |host| {
            wait_until_in_main(host);
            usual_end = plot(&scene, host);
        })
    }));
    let Ok((ended, log)) = run else {
        let log = fs::read_to_string(scene.path("out/strace")).unwrap_or_default();
        return Err(format!("{fault}: see the panic above\n{log}"));
    };
    let said = format!("libpidfile: {}: ", scene.pidfile().display());
    let lines_of_ours = ended.stderr.lines().all(|line| line.starts_with(&said));
    let lines = ended.stderr.lines().count();
    // A deletion is worth a line of its own.
    let lines_allowed = if usual_end.code().is_some() { 1 } else { 2 };
    let other_files = scene.leftovers().iter().any(|name| name != "a.pid");
    // What cannot be read is not known to be ours, and stays.
    let may_stay = fault.starts_with("pread64:");

    let harm = if ended.status != usual_end || ended.stdout != "hello\n" {
        "the host came to another end"
    } else if !lines_of_ours || lines > lines_allowed {
        "there is more to read than one line of ours"
    } else if other_files {
        "a temporary file stayed behind"
    } else if !scene.content().is_empty() && !may_stay {
        // Where the file cannot be removed it can be emptied.
        "the PID of a dead process stayed behind"
    } else {
        return Ok(log.contains("(INJECTED)"));
    };
    let (status, stderr) = (ended.status, ended.stderr);
    Err(format!("{fault}: {harm}\n{status}: {stderr}{log}"))
}
