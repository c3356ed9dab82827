//! Where inotify has no room left, or is told nothing, or hears too much: a deletion ends the host all the same.

use crate::common::{
    Ended, HostCommand, NOTHING, Process, TestDir, exited, extra_tasks_of, is_watching, killed_by,
    library, status_line, tasks_of, trace, wait_until_idle,
};
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process;

/// How many owners one user has at once: more than he may have inotify instances.
const OWNERS: usize = if cfg!(feature = "torture") { 1000 } else { 150 };

/// A host whose user may have no more of these, in a user namespace of its own.
fn without<'dir>(dir: &'dir TestDir, what: &str) -> HostCommand<'dir> {
    let script = format!("echo 0 >/proc/sys/user/{what}; exec env \"$@\"");
    dir.program("unshare")
        .plain()
        .args(["--user", "--map-root-user", "sh", "-e", "-c", &script, "sh"])
        .arg(format!("LD_PRELOAD={}", library().display()))
        .arg(format!("PIDFILE={}", dir.pidfile().display()))
        .arg(dir.host_path("waits_for_eof"))
}

fn is_deleted(dir: &TestDir, host: Process) -> Ended {
    host.wait_until_ready();
    assert_eq!(dir.content(), host.pid_line());
    wait_until_idle(&host);
    assert!(!is_watching(host.pid()), "{}", host.stderr());
    dir.remove_pidfile();
    let ended = host.wait();
    assert_eq!(ended.status, killed_by(libc::SIGTERM), "{ended:?}");
    assert_eq!(dir.leftovers(), NOTHING);
    ended
}

const LIMITS: [&str; 2] = ["max_inotify_instances", "max_inotify_watches"];

/// Nobody has to know, but who has asked.
#[test]
fn no_inotify_watch_left_polls() {
    for limit in LIMITS {
        for setting in ["auto", "stderr"] {
            let dir = TestDir::new();
            let host = without(&dir, limit).env("PIDFILE_LOG", setting);
            let ended = is_deleted(&dir, host.spawn());
            let said = ended.stderr.matches("is watched by polling: ").count();
            assert_eq!(said, usize::from(setting == "stderr"), "{ended:?}");
            let lines = ended.stderr.lines().count();
            assert_eq!(lines, if setting == "auto" { 1 } else { 3 }, "{ended:?}");
        }
    }
}

/// Who wants inotify or nothing is told that it is nothing.
#[test]
fn no_inotify_watch_and_no_polling_is_reported() {
    for limit in LIMITS {
        let dir = TestDir::new();
        let mut host = without(&dir, limit).env("PIDFILE_WATCH", "inotify").spawn();
        host.wait_until(|host| host.stderr().contains("is not watched: "), "told");
        dir.remove_pidfile();
        wait_until_idle(&host);
        assert!(host.is_running());
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// Each has a file, each sees its deletion, whether there was an instance for it or not.
#[test]
#[ignore = "needs root"]
fn more_owners_than_inotify_instances_all_end() {
    allow_many_descriptors();
    // Nobody else's.
    let user = 1_000_000_000 + process::id();
    let programs = TestDir::new();
    let host = programs.copy(&programs.host_path("waits_for_eof"), "755");
    let library = programs.copy(&library(), "755");
    let dirs: Vec<TestDir> = (0..OWNERS).map(|_| TestDir::new()).collect();
    let start = |dir: &TestDir| {
        chown(dir.path("run"), Some(user), Some(user)).unwrap();
        let host = dir.program(&host).env("LD_PRELOAD", &library);
        host.run_by(user).spawn()
    };
    let owners: Vec<Process> = dirs.iter().map(start).collect();
    for (dir, owner) in dirs.iter().zip(&owners) {
        owner.wait_until_ready();
        assert_eq!(dir.content(), owner.pid_line());
    }
    wait_until_idle(owners.last().unwrap());
    let watching = owners.iter().filter(|owner| is_watching(owner.pid()));
    let (watching, most) = (watching.count(), limit("max_user_instances"));
    println!("{OWNERS} owners, {watching} with inotify, of which there may be {most}");
    assert!((1..=most).contains(&watching));
    // All at once: the kernel takes its time for the end of each instance.
    let mut ending = Vec::new();
    for (number, (dir, mut owner)) in dirs.iter().zip(owners).enumerate() {
        assert_eq!(owner.stderr(), "", "owner {number}");
        let expected = if number % 2 == 0 {
            dir.remove_pidfile();
            killed_by(libc::SIGTERM)
        } else {
            owner.close_stdin();
            exited(0)
        };
        ending.push((dir, owner, expected));
    }
    for (dir, owner, expected) in ending {
        assert_eq!(owner.wait().status, expected);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// The test has some for each owner.
fn allow_many_descriptors() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` lives through both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

fn limit(name: &str) -> usize {
    let limit = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).unwrap();
    limit.trim().parse().unwrap()
}

/// On a file system that tells inotify nothing. strace makes it look like FUSE, and the watch a watch on nothing.
#[test]
fn silent_inotify_deletion_still_ends() {
    let faults = [
        "--inject=fstatfs:poke_exit=@arg2=4655736500000000",
        "--inject=inotify_add_watch:retval=1",
    ];
    for (setting, lines) in [("auto", 1), ("stderr", 3)] {
        let dir = TestDir::new();
        let host = dir
            .host("stops_before_constructors")
            .env("PIDFILE_LOG", setting);
        let (ended, _) = trace(&dir, host, &faults, |host| {
            host.wait_until(|host| !host.stdout().is_empty(), "in its main function");
            host.wait_until(|host| extra_tasks_of(host.pid()).len() == 2, "armed");
            wait_until_idle(host);
            assert!(!is_watching(host.pid()));
            dir.remove_pidfile();
        });
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), lines, "{ended:?}");
        let said = ended.stderr.matches("is polled too: ").count();
        assert_eq!(said, usize::from(setting == "stderr"), "{ended:?}");
    }
}

/// Looks on as the library does, and never reads what it is told.
struct Rival(OwnedFd);

impl Rival {
    fn of(dir: &TestDir) -> Rival {
        let path = CString::new(dir.pidfile().as_os_str().as_bytes()).unwrap();
        // SAFETY: the descriptor is new, and the path lives through the call.
        unsafe {
            let fd = libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC);
            assert!(fd >= 0, "{}", io::Error::last_os_error());
            let rival = Rival(OwnedFd::from_raw_fd(fd));
            let events = libc::IN_ATTRIB | libc::IN_OPEN;
            assert!(libc::inotify_add_watch(fd, path.as_ptr(), events) > 0);
            rival
        }
    }

    /// Whether there were more events than anybody's queue holds.
    fn has_lost_some(&self) -> bool {
        let mut bytes = [0_u8; 4096];
        loop {
            // SAFETY: room for as much as is asked for.
            let size =
                unsafe { libc::read(self.0.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
            let Ok(size) = usize::try_from(size) else {
                return false;
            };
            // Events without a name: each is of 16 bytes, the second half of the first one its mask.
            for event in bytes[..size].chunks(16) {
                let mask = u32::from_ne_bytes([event[4], event[5], event[6], event[7]]);
                if mask & libc::IN_Q_OVERFLOW != 0 {
                    return true;
                }
            }
        }
    }
}

fn is_stopped(host: &Process) -> bool {
    let is_stopped = |task: &i32| status_line(*task, "State").starts_with('T');
    tasks_of(host.pid()).iter().all(is_stopped)
}

/// A host that was stopped for a while finds a full queue, in which the last events, the deletion's, are missing.
#[test]
fn inotify_queue_overflow_deletion_still_ends() {
    for is_deleted in [false, true] {
        let dir = TestDir::new();
        let mut host = dir.host("waits_for_eof").spawn_ready();
        host.wait_until(|host| is_watching(host.pid()), "watching");
        let rival = Rival::of(&dir);
        host.signal(libc::SIGSTOP);
        host.wait_until(is_stopped, "stopped");
        // Of two equal events in a row the kernel keeps one.
        for _ in 0..limit("max_queued_events") {
            let file = File::open(dir.pidfile()).unwrap();
            file.set_permissions(fs::Permissions::from_mode(0o644))
                .unwrap();
        }
        if is_deleted {
            dir.remove_pidfile();
        }
        assert!(rival.has_lost_some());
        host.signal(libc::SIGCONT);
        let expected = if is_deleted {
            killed_by(libc::SIGTERM)
        } else {
            wait_until_idle(&host);
            host.close_stdin();
            exited(0)
        };
        let ended = host.wait();
        assert_eq!(ended.status, expected, "{ended:?}");
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// The old file ends for good when the last one closes it, and `notify` then drops what it watches at that path.
#[test]
fn replaced_file_closed_late_stays_watched() {
    let dir = TestDir::new();
    // After exec it has opened the file by its name, as the reader has.
    let host = dir.program("env").arg(dir.host_path("waits_for_signal"));
    let host = host.spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    let reader = File::open(dir.pidfile()).unwrap();
    // It finds the old file gone and the new one there.
    host.signal(libc::SIGSTOP);
    host.wait_until(is_stopped, "stopped");
    dir.remove_pidfile();
    fs::write(dir.pidfile(), host.pid_line()).unwrap();
    host.signal(libc::SIGCONT);
    wait_until_idle(&host);
    drop(reader);
    wait_until_idle(&host);
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// unlink(2) sends the event and only then takes the path away: who is quick still finds the file there. Here that lasts.
#[test]
#[ignore = "needs root"]
fn unlink_event_before_path_vanishes_still_ends() {
    let dir = TestDir::new();
    let file = dir.path("data/a.pid");
    let script = format!(
        "touch \"$pidfile\" '{0}'; mount --bind '{0}' \"$pidfile\"",
        file.display()
    );
    let host = dir.host_after(&script, "waits_for_signal").spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    assert_eq!(fs::read_to_string(&file).unwrap(), host.pid_line());
    fs::remove_file(&file).unwrap();
    wait_until_idle(&host);
    assert!(host.is_running(), "{}", host.stderr());
    // The kernel takes away what is mounted on it.
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

#[test]
fn host_stopped_meanwhile_notices_deletion() {
    for watch in ["auto", "poll:0.01"] {
        let dir = TestDir::new();
        let mut host = dir
            .host("waits_for_eof")
            .env("PIDFILE_WATCH", watch)
            .spawn_ready();
        for _ in 0..20 {
            host.signal(libc::SIGSTOP);
            host.wait_until(is_stopped, "stopped");
            assert_eq!(dir.content(), host.pid_line());
            assert!(!dir.an_outsider_can_lock());
            host.signal(libc::SIGCONT);
            host.wait_until(|host| !is_stopped(host), "running");
        }
        host.signal(libc::SIGSTOP);
        host.wait_until(is_stopped, "stopped");
        host.close_stdin();
        host.signal(libc::SIGCONT);
        let ended = host.wait();
        assert_eq!((ended.status, &*ended.stderr), (exited(0), ""), "{watch}");
        assert_eq!(dir.leftovers(), NOTHING);

        let host = dir
            .host("waits_for_eof")
            .env("PIDFILE_WATCH", watch)
            .spawn_ready();
        host.signal(libc::SIGSTOP);
        host.wait_until(is_stopped, "stopped");
        dir.remove_pidfile();
        assert!(host.is_running());
        host.signal(libc::SIGCONT);
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{watch}");
    }
}

/// Every value that there is, and values that there are not, which count as the default.
#[test]
fn every_watch_value_sees_the_deletion() {
    let values = [
        "",
        "auto",
        "inotify",
        "poll",
        "poll:2",
        "poll:0.5",
        "poll:0.001",
    ];
    let wrong = [
        "inotify ", "POLL", "poll:", "poll:0", "poll:-1", "poll:1s", "poll:1e9", "on",
    ];
    for (value, is_wrong) in values
        .map(|it| (it, 0))
        .into_iter()
        .chain(wrong.map(|it| (it, 1)))
    {
        let dir = TestDir::new();
        let host = dir
            .host("waits_for_eof")
            .env("PIDFILE_WATCH", value)
            .spawn_ready();
        let polls = value.starts_with("poll") && is_wrong == 0;
        if !polls {
            host.wait_until(|host| is_watching(host.pid()), "watching");
        }
        assert!(!dir.an_outsider_can_lock(), "{value:?}");
        dir.remove_pidfile();
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{value:?}");
        let about_it = ended.stderr.matches("PIDFILE_WATCH").count();
        assert_eq!(
            (about_it, ended.stderr.lines().count()),
            (is_wrong, 1 + is_wrong),
            "{ended:?}"
        );
    }
}
