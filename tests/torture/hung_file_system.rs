//! A file system that answers so many requests, and no more: with each number the host ends all the same, by a signal, by
//! itself or by SIGKILL, and goes on when it changes its user.

use crate::common::{TestDir, exited, killed_by};
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

/// In a sample one number of so many is tried.
const SAMPLE: usize = if cfg!(feature = "torture") { 1 } else { 12 };
/// Where a host waits for the first request without an answer, it is tried up to here: by then it looks every second.
const MOST: usize = 60;

/// How a host ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// By SIGTERM, as soon as it is ready or its file system hangs.
    Signal,
    /// Of its own accord then.
    Exit,
    /// By a signal once the file system hangs.
    SignalLater(i32),
    /// Of its own accord, after it has changed its user when the file system hangs.
    ChangeOfUser,
}

const WAYS: [Way; 5] = [
    Way::Signal,
    Way::Exit,
    Way::SignalLater(libc::SIGTERM),
    Way::SignalLater(libc::SIGKILL),
    Way::ChangeOfUser,
];

/// Has a host end on a file system that answers `number` requests. Returns whether there were more.
fn end(way: Way, number: usize) -> bool {
    let dir = TestDir::new();
    let control = dir.fifo("control");
    // Who serves the files ends when this is closed.
    let control = File::options().read(true).write(true).open(control);
    let _control = control.unwrap();
    let script = format!(
        "'{}' '{}' {number} <'{}' >'{}'",
        dir.host_path("serves_files").display(),
        dir.path("run").display(),
        dir.path("control").display(),
        dir.path("out/served").display()
    );
    let mut host = match way {
        Way::ChangeOfUser => {
            let host = dir.host_after(&script, "loses_rights");
            host.args(["told", "group=65534", "user=65534"])
        }
        _ => dir.host_after(&script, "waits_for_eof"),
    }
    .spawn();
    let served = dir.path("out/served");
    let hangs = || fs::read_to_string(&served).is_ok_and(|served| served.contains("asked"));
    let waits_for_that = !matches!(way, Way::Signal | Way::Exit);
    host.wait_until(
        |host| hangs() || !waits_for_that && host.stdout().contains("ready"),
        "ready, or its file system hangs",
    );
    let status = match way {
        Way::Signal | Way::SignalLater(_) => {
            let signal = match way {
                Way::SignalLater(signal) => signal,
                _ => libc::SIGTERM,
            };
            host.signal(signal);
            killed_by(signal)
        }
        Way::Exit => exited(0),
        Way::ChangeOfUser => {
            host.write_stdin(b"\n");
            host.wait_until_ready();
            exited(0)
        }
    };
    if status == exited(0) {
        host.close_stdin();
    }
    let ended = host.wait();
    assert_eq!(ended.status, status, "{way:?} {number}: {ended:?}");
    hangs()
}

#[test]
#[ignore = "needs root"]
fn file_system_that_hangs_holds_up_no_end() {
    let device = Path::new("/dev/fuse");
    assert!(device.exists(), "there is no /dev/fuse: modprobe fuse");
    let cases = WAYS
        .iter()
        .flat_map(|way| (1..MOST).step_by(SAMPLE).map(move |number| (*way, number)));
    let cases = Mutex::new(cases);
    let (enough, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let case = cases.lock().unwrap().next();
            let Some((way, number)) = case else { return };
            if enough.lock().unwrap().contains(&way) {
                continue;
            }
            match catch_unwind(AssertUnwindSafe(|| end(way, number))) {
                Ok(true) => {}
                Ok(false) => {
                    println!("{way:?}: {number} requests in all");
                    enough.lock().unwrap().push(way);
                }
                Err(_) => failed.lock().unwrap().push((way, number)),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:?}");
}
