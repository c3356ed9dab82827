//! Where events are lost, come early or find the host stopped, a deletion ends the host all the same.

use crate::common::{
    NOTHING, Process, TestDir, exited, is_watching, killed_by, status_line, tasks_of,
    wait_until_idle,
};
use crate::inotify_fallbacks::limit;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

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
