//! A live owner's file is untouchable: whoever comes second runs without a file.

use crate::common::{
    Ended, NOTHING, Process, SHELLS, TestDir, exited, killed_by, locked_by, tasks_of, wait_for,
};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

pub fn owner(dir: &TestDir) -> Process {
    dir.host("waits_for_eof").spawn_owner()
}

/// That a program said one line in all: whose file it is.
pub fn names_the_owner(ended: &Ended, dir: &TestDir, owner: i32) {
    let said = &ended.stderr;
    let start = format!("libpidfile: {}: ", dir.pidfile().display());
    assert!(said.starts_with(&start), "{said:?}");
    let words = said.split(|c: char| !c.is_ascii_alphanumeric());
    assert!(
        words.into_iter().any(|word| word == owner.to_string()),
        "{said:?}"
    );
    assert!(
        said.ends_with('\n') && said.matches('\n').count() == 1,
        "{said:?}"
    );
}

#[test]
fn second_instance_runs_and_names_the_owner() {
    let dir = TestDir::new();
    let mut first = owner(&dir);
    let before = dir.identity();
    for status in [0, 3] {
        let second = dir.host("exits_with_status").arg(status.to_string()).run();
        assert_eq!(second.status, exited(status));
        assert_eq!(second.stdout, "leaving\natexit\n");
        names_the_owner(&second, &dir, first.pid());
        assert_eq!(dir.identity(), before);
        assert_eq!(dir.leftovers(), ["a.pid"]);
    }
    first.close_stdin();
    assert_eq!(first.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn start_beside_a_killed_owner_still_ending_is_silent() {
    let dir = TestDir::new();
    let first = dir.host("has_much_memory").spawn_owner();
    first.signal(libc::SIGKILL);
    // The keeper lets go of the lock long before the kernel has freed the memory of the others.
    wait_for(|| locked_by(&dir.pidfile()).is_none(), "the lock is free");
    let mut second = owner(&dir);
    second.close_stdin();
    let ended = second.wait();
    assert_eq!((ended.status, &*ended.stderr), (exited(0), ""));
    assert_eq!(first.wait().status, killed_by(libc::SIGKILL));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn second_instance_reports_once_with_children() {
    for shell in SHELLS {
        let dir = TestDir::new();
        let first = owner(&dir);
        let before = dir.identity();
        let script = "/bin/true; /bin/ls / | /bin/cat >/dev/null; x=$(/bin/echo 1); exec /bin/true";
        let second = dir.shell(shell).args(["-c", script]).run();
        assert_eq!(second.status, exited(0));
        names_the_owner(&second, &dir, first.pid());
        assert_eq!(dir.identity(), before);
    }
}

#[test]
fn second_instance_has_no_thread_of_ours() {
    let dir = TestDir::new();
    let _first = owner(&dir);
    let second = dir.host("waits_for_eof").spawn_ready();
    second.wait_until(|second| tasks_of(second.pid()) == [second.pid()], "alone");
}

#[test]
fn owners_child_commands_report_nothing() {
    for shell in SHELLS {
        for strict in ["0", "1"] {
            let dir = TestDir::new();
            let script = "/bin/true; (/bin/true); /bin/ls / | /bin/cat >/dev/null; x=$(/bin/echo 1); \
                          /bin/true & wait; \"$1\" 7; echo \"status $?\"; exit 4";
            let ended = dir
                .shell(shell)
                .args(["-c", script, "sh"])
                .arg(dir.host_path("returns_status"))
                .env("PIDFILE_STRICT", strict)
                .run();
            assert_eq!(ended.status, exited(4), "{shell:?}");
            assert_eq!(ended.stdout, "status 7\n", "{shell:?}");
            assert_eq!(ended.stderr, "", "{shell:?}");
            assert_eq!(dir.leftovers(), NOTHING, "{shell:?}");
        }
    }
}

#[test]
fn second_instance_never_becomes_owner_later() {
    let dir = TestDir::new();
    let mut first = owner(&dir);
    let mut second = dir.host("waits_for_eof").spawn_ready();
    first.close_stdin();
    assert_eq!(first.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);

    let mut third = owner(&dir);
    let before = dir.identity();
    second.close_stdin();
    assert_eq!(second.wait().status, exited(0));
    assert_eq!(dir.identity(), before);
    third.close_stdin();
    assert_eq!(third.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn second_instance_ignores_deletion() {
    let dir = TestDir::new();
    let first = owner(&dir);
    let mut second = dir.host("waits_for_eof").spawn_ready();
    dir.remove_pidfile();
    first.wait();
    assert!(second.is_running());
    second.close_stdin();
    assert_eq!(second.wait().status, exited(0));
}

/// Where the setting comes from is no matter of who is second: the file is.
#[test]
fn second_instance_with_other_file_owns_it() {
    let dir = TestDir::new();
    let _first = owner(&dir);
    let other: &Path = &dir.path("run/other.pid");
    let mut second = dir
        .host("waits_for_eof")
        .env("PIDFILE", other)
        .spawn_ready();
    assert_eq!(fs::read_to_string(other).unwrap(), second.pid_line());
    second.close_stdin();
    let ended = second.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.leftovers(), ["a.pid"]);
}

/// It has no lock that would tell. But its own settings do, and that it runs since before the file was written.
#[test]
fn owner_without_lock_is_left_alone() {
    let dir = TestDir::new();
    let first = dir.host("waits_for_eof").env("PIDFILE_WATCH", "off");
    let mut first = first.spawn_ready();
    let before = dir.identity();
    for watch in ["auto", "poll", "off"] {
        let second = dir.host("exits_with_status").env("PIDFILE_WATCH", watch);
        let second = second.arg("3").run();
        assert_eq!(second.status, exited(3), "{watch}");
        names_the_owner(&second, &dir, first.pid());
        assert_eq!(dir.identity(), before, "{watch}");
    }
    first.close_stdin();
    assert_eq!(first.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// Whether a second program leaves the file to the process that it names, or takes it for a stale one.
#[track_caller]
fn second_leaves_it_to(owner: Option<&Process>, dir: &TestDir, what: &str) {
    let second = dir.host("prints_pidfile_then_exits");
    let second = second.arg(dir.pidfile()).spawn();
    let pid_line = owner.unwrap_or(&second).pid_line();
    let ended = second.wait();
    assert_eq!(ended.stdout, pid_line, "{what}: {ended:?}");
}

/// PIDs are used again, also by somebody with the same settings: but he has started later.
#[test]
fn process_started_after_file_is_no_owner() {
    for (written, is_owner) in [(Duration::from_secs(3600), false), (Duration::ZERO, true)] {
        let dir = TestDir::new();
        let other = dir.host("waits_for_signal").inert();
        let other = other.env("PIDFILE_WATCH", "off").spawn_ready();
        fs::write(dir.pidfile(), other.pid_line()).unwrap();
        let file = fs::File::options().append(true).open(dir.pidfile());
        let when = SystemTime::now() - written;
        file.unwrap().set_modified(when).unwrap();
        second_leaves_it_to(is_owner.then_some(&other), &dir, &format!("{written:?}"));
    }
}

/// A million bytes are more than the library has room for.
#[test]
fn owner_with_large_environment_is_left_alone() {
    for is_owner in [false, true] {
        let dir = TestDir::new();
        let mut other = dir.host("waits_for_signal").inert();
        for number in 0..10 {
            other = other.env(&format!("LARGE_{number}"), "x".repeat(100_000));
        }
        if is_owner {
            other = other.env("PIDFILE_WATCH", "off");
        }
        let other = other.spawn_ready();
        fs::write(dir.pidfile(), other.pid_line()).unwrap();
        second_leaves_it_to(is_owner.then_some(&other), &dir, &format!("{is_owner}"));
    }
}

/// The keeper holds the lock (a lock that the host asks for too is answered), or nobody does (the host gets it). In
/// both cases the host's own pidfile_open(3bsd) keeps a second instance out.
#[test]
fn host_locking_its_file_excludes_second_instance() {
    for watch in ["auto", "off"] {
        let dir = TestDir::new();
        let start = || {
            let host = dir.host("writes_pidfile_by_libbsd");
            host.env("PIDFILE_WATCH", watch).arg(dir.pidfile())
        };
        let mut first = start().spawn_ready();
        assert_eq!(start().run().status, exited(2), "{watch}");
        first.close_stdin();
        assert_eq!(first.wait().status, exited(0), "{watch}");
        assert_eq!(dir.leftovers(), NOTHING, "{watch}");
    }
}
