//! What ends a running program, and what does not.

use crate::common::{
    NOTHING, Process, TestDir, context_switches, exited, extra_tasks_of, is_watching, killed_by,
    tasks_of, wait_until_idle,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process;
use std::time::{Duration, SystemTime};

type Deletion = (&'static str, fn(&TestDir));

/// The ways in which an operator may delete the file.
const DELETIONS: [Deletion; 4] = [
    ("unlink", |dir| dir.remove_pidfile()),
    ("rename away", |dir| {
        fs::rename(dir.pidfile(), dir.path("data/a.pid")).unwrap();
    }),
    ("rename in the directory", |dir| {
        fs::rename(dir.pidfile(), dir.path("run/old.pid")).unwrap();
    }),
    ("removal of the directory", |dir| {
        fs::remove_dir_all(dir.path("run")).unwrap();
    }),
];

fn wait_until_watching(host: &Process) {
    host.wait_until(|host| is_watching(host.pid()), "watching");
}

#[test]
fn deletion_ends_program_by_sigterm() {
    for (what, delete) in DELETIONS {
        let dir = TestDir::new();
        let host = dir.host("waits_for_signal").spawn_ready();
        wait_until_watching(&host);
        delete(&dir);
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{what}");
    }
}

/// The watch may begin a moment after main: a deletion before that counts all the same.
#[test]
fn deletion_right_after_creation_ends_program() {
    for round in 0..25 {
        for (what, delete) in DELETIONS {
            let dir = TestDir::new();
            let host = dir.host("waits_for_signal").spawn();
            host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
            delete(&dir);
            assert_eq!(
                host.wait().status,
                killed_by(libc::SIGTERM),
                "{what}, round {round}"
            );
        }
    }
}

/// Renaming the directory moves the file away like everything else in it, but nothing happens to the file itself.
#[test]
fn deletion_in_renamed_directory_ends_program() {
    let dir = TestDir::new();
    let host = dir.host("waits_for_signal").spawn_ready();
    wait_until_watching(&host);
    fs::rename(dir.path("run"), dir.path("moved")).unwrap();
    fs::remove_file(dir.path("moved/a.pid")).unwrap();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

#[test]
fn deletion_ends_busy_program() {
    let dir = TestDir::new();
    let host = dir.host("spins").spawn_ready();
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn reading_or_chmod_of_file_ends_nothing() {
    let dir = TestDir::new();
    let mut host = dir.host("waits_for_eof").spawn_ready();
    wait_until_watching(&host);
    for round in 0..200_u32 {
        assert_eq!(dir.content(), host.pid_line());
        let file = fs::File::open(dir.pidfile()).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
        let mode = fs::Permissions::from_mode(if round % 2 == 0 { 0o600 } else { 0o644 });
        fs::set_permissions(dir.pidfile(), mode).unwrap();
        fs::write(dir.path("run/other"), "a neighbour").unwrap();
        fs::remove_file(dir.path("run/other")).unwrap();
        assert!(host.is_running(), "{}", host.stderr());
    }
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(ended.status, exited(0));
    assert_eq!(ended.stderr, "");
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn second_link_to_file_ends_nothing() {
    let dir = TestDir::new();
    let mut host = dir.host("waits_for_eof").spawn_ready();
    wait_until_watching(&host);
    for _ in 0..200 {
        fs::hard_link(dir.pidfile(), dir.path("run/second")).unwrap();
        fs::remove_file(dir.path("run/second")).unwrap();
        assert!(host.is_running(), "{}", host.stderr());
    }
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// Puts a file with this content in the place of the PID file, as one step.
fn replace_by(dir: &TestDir, content: &str) {
    fs::write(dir.path("data/new.pid"), content).unwrap();
    fs::rename(dir.path("data/new.pid"), dir.pidfile()).unwrap();
}

/// Does something to the file of which the library hears, and waits until it has done what it does about that.
fn and_it_looks(host: &Process, what_happens: impl FnOnce()) {
    wait_until_watching(host);
    wait_until_idle(host);
    let switches = || context_switches(&extra_tasks_of(host.pid()));
    let before = switches();
    what_happens();
    host.wait_until(|_| switches() > before, "looking");
    wait_until_idle(host);
}

#[test]
fn replaced_by_foreign_pid_keeps_host_and_file() {
    let dir = TestDir::new();
    let mut host = dir.host("waits_for_eof").spawn_ready();
    wait_until_watching(&host);
    let another = format!("{}\n", process::id());
    and_it_looks(&host, || replace_by(&dir, &another));
    assert!(host.is_running(), "{}", host.stderr());
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.content(), another);
}

#[test]
fn file_replaced_by_host_stays_its_file() {
    let dir = TestDir::new();
    let mut host = dir.host("waits_for_eof").spawn_ready();
    and_it_looks(&host, || replace_by(&dir, &host.pid_line()));
    assert!(host.is_running(), "{}", host.stderr());
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);

    let host = dir.host("waits_for_signal").spawn_ready();
    and_it_looks(&host, || replace_by(&dir, &host.pid_line()));
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// It must not take an event for the library to know its own PID.
#[test]
fn file_replaced_by_host_at_its_end_is_removed() {
    for round in 0..50 {
        let dir = TestDir::new();
        let mut host = dir.host("waits_for_eof").spawn_ready();
        wait_until_watching(&host);
        replace_by(&dir, &host.pid_line());
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "round {round}");
        assert_eq!(dir.leftovers(), NOTHING, "round {round}");
    }
}

#[test]
fn own_exit_is_never_taken_for_a_deletion() {
    let dir = TestDir::new();
    for round in 0..200 {
        let mut host = dir.host("waits_for_eof").spawn_ready();
        wait_until_watching(&host);
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0), "round {round}");
        assert_eq!(ended.stderr, "", "round {round}");
        assert_eq!(dir.leftovers(), NOTHING, "round {round}");
    }
}

#[test]
fn busy_directory_wakes_no_thread() {
    let dir = TestDir::new();
    let host = dir.host("waits_for_signal").spawn_ready();
    wait_until_watching(&host);
    wait_until_idle(&host);
    let tasks = tasks_of(host.pid());
    let before = context_switches(&tasks);
    for _ in 0..1000 {
        fs::write(dir.path("run/other"), "a neighbour").unwrap();
        fs::remove_file(dir.path("run/other")).unwrap();
    }
    assert_eq!(context_switches(&tasks), before);
}

/// Starts another owner at the path, right after the file of the first one was deleted.
#[test]
fn new_instance_right_after_deletion_ends_old_one() {
    for watch in ["inotify", "poll:1"] {
        let dir = TestDir::new();
        let start = || {
            let host = dir.host("waits_for_signal").env("PIDFILE_WATCH", watch);
            host.spawn_owner()
        };
        let old = start();
        dir.remove_pidfile();
        let new = start();
        assert_eq!(old.wait().status, killed_by(libc::SIGTERM), "{watch}");
        assert!(new.is_running(), "{watch}: {}", new.stderr());
        assert_eq!(dir.content(), new.pid_line(), "{watch}");
    }
}

/// A file that was made after the deletion is no answer to who deleted, whoever it names.
#[test]
fn foreign_file_made_after_deletion_ends_host() {
    let dir = TestDir::new();
    let host = dir.host("waits_for_signal").env("PIDFILE_WATCH", "poll:1");
    let host = host.spawn_owner();
    let ours = fs::File::open(dir.pidfile()).unwrap();
    dir.remove_pidfile();
    let deleted = ours.metadata().unwrap();
    let deleted = Duration::new(deleted.ctime() as u64, deleted.ctime_nsec() as u32);
    let deleted = SystemTime::UNIX_EPOCH + deleted;
    // Until the clock of the file system has gone on.
    let path = dir.path("run/new");
    while fs::File::create_new(&path)
        .unwrap()
        .metadata()
        .unwrap()
        .created()
        .unwrap()
        <= deleted
    {
        fs::remove_file(&path).unwrap();
    }
    fs::write(&path, format!("{}\n", process::id())).unwrap();
    fs::rename(&path, dir.pidfile()).unwrap();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.content(), format!("{}\n", process::id()));
}

/// Any user may read the file, as often as he likes.
#[test]
fn reader_of_file_wakes_no_thread() {
    let dir = TestDir::new();
    let mut host = dir.host("waits_for_eof").spawn_ready();
    wait_until_watching(&host);
    wait_until_idle(&host);
    let switches = || context_switches(&extra_tasks_of(host.pid()));
    let before = switches();
    for _ in 0..200 {
        assert_eq!(dir.content(), host.pid_line());
    }
    // All that was to be heard of is heard of before this.
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(dir.pidfile(), mode).unwrap();
    host.wait_until(|_| switches() > before, "looking");
    wait_until_idle(&host);
    assert!(switches() - before < 20, "{} switches", switches() - before);
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
}
