//! Rights that the host gives up while it owns the file. The file is removed all the same; where that is refused it is
//! emptied, so that it misleads nobody. A deletion still ends the host, and no loss of a right is taken for one.

use crate::common::{
    Ended, HostCommand, Mode, NOTHING, Process, Stopped, TestDir, exited, is_watching, keeper_of,
    killed_by, library, tasks_of, wait_until_idle,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

const NOBODY: u32 = 65534;

/// What the end leaves in the directory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    Nothing,
    AnEmptyFile,
}
use Left::{AnEmptyFile, Nothing};

/// Somebody else's directory, which root's user alone, without capabilities, could not change.
fn dir_of(owner: u32) -> TestDir {
    let dir = TestDir::new();
    chown(dir.path("run"), Some(owner), Some(owner)).unwrap();
    dir
}

fn host<'dir>(dir: &'dir TestDir, mode: Mode, loses: &[&str]) -> HostCommand<'dir> {
    let loses = loses.iter().map(|what| match what.split_once('=') {
        Some((what, directory)) if what != "user" && what != "group" => {
            format!("{what}={}", dir.path(directory).display())
        }
        _ => (*what).to_owned(),
    });
    // In a mount namespace that the host may change.
    match mode {
        Mode::Active => dir.host_after("", "loses_rights").args(loses),
        _ => dir
            .program("unshare")
            .plain()
            .arg("--mount")
            .arg(dir.host_path("loses_rights"))
            .args(loses),
    }
}

/// Nothing of ours leads out of a chroot.
fn keeps_no_directory(host: &Process) {
    for task in tasks_of(host.pid()) {
        let fds = fs::read_dir(format!("/proc/{}/task/{task}/fd", host.pid())).unwrap();
        for fd in fds.map(|fd| fd.unwrap().path()) {
            let is_directory = fs::metadata(&fd).is_ok_and(|what| what.is_dir());
            assert!(!is_directory, "{:?}", fs::read_link(&fd));
        }
    }
}

/// When the host loses its rights.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// As soon as it is in its main function: the watch begins a moment after that.
    AtOnce,
    Watched,
}
use When::{AtOnce, Watched};

fn start(dir: &TestDir, mode: Mode, when: When, loses: &[&str]) -> Process {
    let mut host = host(dir, mode, &[&["told"], loses].concat()).spawn();
    if when == Watched && mode == Mode::Active {
        host.wait_until(|host| is_watching(host.pid()), "watching");
    }
    host.write_stdin(b"!");
    host.wait_until_ready();
    host
}

/// Sees to it that the library looks at its file once more.
fn looks_after_its_file(dir: &TestDir, host: &Process, loses: &[&str]) {
    wait_until_idle(host);
    for mode in [0o600, 0o644] {
        fs::set_permissions(dir.pidfile(), fs::Permissions::from_mode(mode)).unwrap();
    }
    wait_until_idle(host);
    assert!(host.is_running(), "{loses:?}: {}", host.stderr());
    assert_eq!(host.stderr(), "", "{loses:?}");
    assert_eq!(dir.content(), host.pid_line(), "{loses:?}");
    keeps_no_directory(host);
}

fn ends_by_itself(mut host: Process) -> Ended {
    host.close_stdin();
    host.wait()
}

fn is_ended(host: Process) -> Ended {
    host.signal(libc::SIGTERM);
    host.wait()
}

#[track_caller]
fn is_kept(owner: u32, when: When, loses: &[&str], left: Left) {
    for end in [ends_by_itself, is_ended] {
        let dir = dir_of(owner);
        let plain = end(start(&dir, Mode::Plain, when, loses));
        let active = end(start(&dir, Mode::Active, when, loses));
        assert_eq!(active, plain, "{loses:?}");
        assert_eq!(dir.content(), "", "{loses:?}");
        let expected: &[&str] = if left == Nothing { &[] } else { &["a.pid"] };
        assert_eq!(dir.leftovers(), expected, "{loses:?}: {active:?}");
        assert!(left == Nothing || dir.an_outsider_can_lock());
    }
    let dir = dir_of(owner);
    let host = start(&dir, Mode::Active, when, loses);
    looks_after_its_file(&dir, &host, loses);
    dir.remove_pidfile();
    let ended = host.wait();
    assert_eq!(
        ended.status,
        killed_by(libc::SIGTERM),
        "{loses:?}: {ended:?}"
    );
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
#[ignore = "needs root"]
fn lost_user_and_group_leaves_no_content() {
    is_kept(0, Watched, &["group=65534"], Nothing);
    is_kept(0, Watched, &["user=65534"], AnEmptyFile);
    is_kept(0, AtOnce, &["user=65534"], AnEmptyFile);
    is_kept(0, Watched, &["group=65534", "user=65534"], AnEmptyFile);
    is_kept(NOBODY, Watched, &["group=65534", "user=65534"], Nothing);
}

#[test]
#[ignore = "needs root"]
fn lost_capabilities_leave_no_content() {
    is_kept(0, Watched, &["capabilities"], Nothing);
    is_kept(NOBODY, Watched, &["capabilities"], Nothing);
    is_kept(
        0,
        Watched,
        &["group=65534", "user=65534", "capabilities"],
        AnEmptyFile,
    );
}

#[test]
#[ignore = "needs root"]
fn changed_root_empties_file() {
    is_kept(0, Watched, &["chroot=data"], AnEmptyFile);
    is_kept(
        0,
        Watched,
        &["chroot=data", "group=65534", "user=65534"],
        AnEmptyFile,
    );
    is_kept(0, Watched, &["pivot=data"], AnEmptyFile);
    is_kept(0, Watched, &["pivot=data", "capabilities"], AnEmptyFile);
    is_kept(0, AtOnce, &["chroot=data"], AnEmptyFile);
    is_kept(0, AtOnce, &["pivot=data", "user=65534"], AnEmptyFile);
}

/// The path leads elsewhere then, and what is there is none of ours.
#[test]
#[ignore = "needs root"]
fn changed_root_keeps_file_of_same_name() {
    for loses in ["chroot=data", "pivot=data"] {
        for end in [ends_by_itself, is_ended] {
            let dir = TestDir::new();
            let jail = dir.path("data");
            let inside = jail.join(dir.pidfile().strip_prefix("/").unwrap());
            fs::create_dir_all(inside.parent().unwrap()).unwrap();
            fs::write(&inside, "1\n").unwrap();
            end(start(&dir, Mode::Active, Watched, &[loses]));
            assert_eq!(dir.content(), "", "{loses}");
            assert_eq!(fs::read_to_string(&inside).unwrap(), "1\n", "{loses}");
        }
    }
}

/// The library's threads see the mounts that there were at the start.
#[test]
#[ignore = "needs root"]
fn changed_mounts_file_is_removed() {
    is_kept(0, Watched, &["mounts=run"], Nothing);
}

#[test]
#[ignore = "needs root"]
fn forbidden_removal_calls_leave_no_content() {
    is_kept(0, Watched, &["no-removal"], Nothing);
    is_kept(0, Watched, &["no-removal-by-all"], AnEmptyFile);
}

#[test]
#[ignore = "needs root"]
fn landlock_leaves_no_content() {
    is_kept(0, Watched, &["landlock"], Nothing);
    is_kept(0, Watched, &["landlock-removal"], Nothing);
    is_kept(
        0,
        Watched,
        &["landlock", "group=65534", "user=65534"],
        AnEmptyFile,
    );
}

/// Runs a host below a launcher that has lost these rights before.
fn below(dir: &TestDir, loses: &str) -> Ended {
    let host = dir
        .host("loses_rights")
        .plain()
        .args([loses, "--", "/usr/bin/env"]);
    host.arg(format!("LD_PRELOAD={}", library().display()))
        .arg(format!("PIDFILE={}", dir.pidfile().display()))
        .arg(dir.host_path("exits_with_status"))
        .arg("3")
        .run()
}

fn has_landlock() -> bool {
    const VERSION: libc::c_uint = 1;
    let nothing = std::ptr::null::<u8>();
    // SAFETY: asked for its version, the kernel reads nothing.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) > 0 }
}

#[test]
fn landlock_before_start_is_reported() {
    let dir = TestDir::new();
    let ended = below(&dir, "landlock");
    assert_eq!(
        (ended.status, &*ended.stdout),
        (exited(3), "leaving\natexit\n")
    );
    assert_eq!(dir.leftovers(), NOTHING);
    let said = ended
        .stderr
        .lines()
        .filter(|line| line.contains("Permission denied"));
    assert_eq!(
        said.count(),
        usize::from(has_landlock()),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.lines().count() <= 1, "{}", ended.stderr);

    let ended = below(&dir, "landlock-removal");
    assert_eq!((ended.status, &*ended.stderr), (exited(3), ""));
    assert_eq!(dir.content(), "");
}

/// On a busy machine the keeper, which alone has the file open for writing, gets a processor later than the thread that ends.
#[test]
#[ignore = "needs root"]
fn late_keeper_empties_file_that_the_ending_thread_cannot() {
    for by_signal in [true, false] {
        let dir = dir_of(0);
        let loses = ["group=65534", "user=65534"];
        let mut host = start(&dir, Mode::Active, Watched, &loses);
        wait_until_idle(&host);
        let [main, keeper] = [host.pid(), keeper_of(host.pid())].map(Stopped::stop);
        let status = if by_signal {
            host.signal(libc::SIGTERM);
            killed_by(libc::SIGTERM)
        } else {
            host.close_stdin();
            exited(0)
        };
        main.go_to_call(|call| {
            let writes = call.arguments[2] & libc::O_RDWR as u64 != 0;
            call.number == libc::SYS_openat && writes
        });
        main.let_go();
        keeper.let_go();
        assert_eq!(host.wait().status, status);
        assert_eq!(dir.content(), "", "{by_signal}");
        assert!(dir.an_outsider_can_lock(), "{by_signal}");
    }
}
