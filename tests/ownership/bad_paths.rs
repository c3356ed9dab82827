//! Where the path is none for a file, the host runs as it would have, one line says why, and nothing there is touched.

use crate::common::{Ended, HostCommand, NOTHING, TestDir, exited, tree};
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Runs a host that owns no file. It ends as usual, and says why in one line with these words.
#[track_caller]
fn runs_without(dir: &TestDir, pidfile: impl AsRef<Path>, why: &str) {
    for host in [TestDir::host, TestDir::host_as_nobody] {
        runs_so_without(dir, host, pidfile.as_ref(), why);
    }
}

#[track_caller]
pub fn runs_so_without(
    dir: &TestDir,
    host: for<'dir> fn(&'dir TestDir, &str) -> HostCommand<'dir>,
    pidfile: &Path,
    why: &str,
) {
    for watch in ["auto", "off"] {
        let before = [tree(&dir.path("run")), tree(&dir.path("data"))];
        let ended = host(dir, "exits_with_status")
            .env("PIDFILE", pidfile)
            .env("PIDFILE_WATCH", watch)
            .arg("3")
            .run();
        ends_as_usual(&ended, pidfile, why);
        let after = [tree(&dir.path("run")), tree(&dir.path("data"))];
        assert_eq!(after, before, "{why}");
    }
}

#[track_caller]
pub fn ends_as_usual(ended: &Ended, pidfile: &Path, why: &str) {
    assert_eq!(ended.status, exited(3), "{why}: {ended:?}");
    assert_eq!(ended.stdout, "leaving\natexit\n", "{why}");
    says(&ended.stderr, pidfile, why);
}

/// One line with the path and the cause.
#[track_caller]
pub fn says(stderr: &str, pidfile: &Path, why: &str) {
    let line = format!("libpidfile: {}: ", pidfile.display());
    let what = stderr.strip_prefix(&line).unwrap_or_default();
    assert!(what.to_lowercase().contains(why), "{why}: {stderr:?}");
    assert!(what.ends_with('\n'), "{why}: {stderr:?}");
    assert_eq!(what.matches('\n').count(), 1, "{why}: {stderr:?}");
}

fn make_node(path: &Path, kind: libc::mode_t, device: libc::dev_t) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path lives through the call.
    let made = unsafe { libc::mknod(path.as_ptr(), kind | 0o666, device) };
    assert_eq!(made, 0, "making a device needs root");
}

/// What a dead program has left.
pub fn leave_a_stale_file(dir: &TestDir, user: u32, mode: u32) {
    let path = dir.pidfile();
    fs::write(&path, format!("{}\n", i32::MAX)).unwrap();
    chown(&path, Some(user), Some(user)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn set_mode(dir: &TestDir, mode: u32) {
    fs::set_permissions(dir.path("run"), fs::Permissions::from_mode(mode)).unwrap();
}

/// By whoever it is run.
fn everybody_may_write_there(dir: &TestDir) {
    set_mode(dir, 0o777);
}

#[test]
#[ignore = "needs root"]
fn missing_directory_is_reported_and_host_runs() {
    let dir = TestDir::new();
    everybody_may_write_there(&dir);
    let missing = dir.path("run/missing");
    let why = format!(
        "cannot create it: the directory {} does not exist",
        missing.display()
    );
    runs_without(&dir, missing.join("a.pid"), &why.to_lowercase());
    runs_without(&dir, missing.join(""), &why.to_lowercase());
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
#[ignore = "needs root"]
fn directory_that_is_a_file_is_reported() {
    let dir = TestDir::new();
    everybody_may_write_there(&dir);
    let file = dir.path("run/file");
    fs::write(&file, "").unwrap();
    runs_without(&dir, file.join("a.pid"), "not a directory");
    runs_without(&dir, file.join(""), "not a directory");
    assert_eq!(dir.leftovers(), ["file"]);
}

#[test]
#[ignore = "needs root"]
fn path_to_directory_is_refused() {
    let dir = TestDir::new();
    everybody_may_write_there(&dir);
    fs::create_dir(dir.pidfile()).unwrap();
    for path in ["run/a.pid", "run/a.pid/", "run/", "run/.", "run/.."] {
        runs_without(&dir, dir.path(path), "is a directory");
    }
    runs_without(&dir, "/", "is a directory");
}

#[test]
#[ignore = "needs root"]
fn path_to_symlink_is_refused() {
    let dir = TestDir::new();
    everybody_may_write_there(&dir);
    fs::write(dir.path("data/precious"), "precious").unwrap();
    fs::write(dir.path("run/stale.pid"), "1234567\n").unwrap();
    let leads_to = [
        dir.path("data/precious"),
        dir.path("run/stale.pid"),
        dir.path("data"),
        dir.path("data/missing"),
        dir.pidfile(),
    ];
    for leads_to in leads_to {
        symlink(&leads_to, dir.pidfile()).unwrap();
        runs_without(&dir, dir.pidfile(), "is a symbolic link");
        fs::remove_file(dir.pidfile()).unwrap();
    }
    assert!(!dir.path("data/missing").exists());
}

/// Opening a FIFO waits for the other side, and opening a device or a socket may do anything: this must not.
#[test]
#[ignore = "needs root"]
fn fifo_device_or_socket_is_refused_unopened() {
    let dir = TestDir::new();
    everybody_may_write_there(&dir);
    make_node(&dir.path("run/fifo"), libc::S_IFIFO, 0);
    make_node(&dir.path("run/null"), libc::S_IFCHR, libc::makedev(1, 3));
    make_node(&dir.path("run/disk"), libc::S_IFBLK, libc::makedev(7, 255));
    let _socket = UnixListener::bind(dir.path("run/socket")).unwrap();
    for (name, why) in [
        ("fifo", "is a fifo"),
        ("null", "is a device"),
        ("disk", "is a device"),
        ("socket", "is a socket"),
    ] {
        runs_without(&dir, dir.path("run").join(name), why);
    }
}

#[test]
fn file_with_two_links_is_refused() {
    let dir = TestDir::new();
    everybody_may_write_there(&dir);
    let precious = dir.path("data/precious");
    for content in ["precious", "1234567\n"] {
        fs::write(&precious, content).unwrap();
        fs::hard_link(&precious, dir.pidfile()).unwrap();
        runs_so_without(&dir, TestDir::host, &dir.pidfile(), "more than one link");
        fs::remove_file(dir.pidfile()).unwrap();
    }
}

#[test]
fn path_too_long_is_refused() {
    let dir = TestDir::new();
    let long_name = "x".repeat(256);
    let deep = "./".repeat(3000) + "a.pid";
    for path in [long_name, deep] {
        let before = tree(&dir.path("run"));
        let host = dir.host("exits_with_status").arg("3");
        let ended = host.env("PIDFILE", dir.path("run").join(path)).run();
        assert_eq!(ended.status, exited(3));
        assert_eq!(ended.stdout, "leaving\natexit\n");
        // It need not name all of such a path.
        let line = format!("libpidfile: {}/", dir.path("run").display());
        assert!(ended.stderr.starts_with(&line), "{:?}", ended.stderr);
        assert!(ended.stderr.contains("too long"), "{:?}", ended.stderr);
        assert_eq!(ended.stderr.matches('\n').count(), 1, "{:?}", ended.stderr);
        assert_eq!(tree(&dir.path("run")), before);
    }
}

#[test]
fn log_off_bad_path_says_nothing() {
    let dir = TestDir::new();
    let host = dir.host("exits_with_status").arg("3");
    let host = host.env("PIDFILE", "/".repeat(5000));
    let ended = host.env("PIDFILE_LOG", "off").run();
    assert_eq!(ended.status, exited(3));
    assert_eq!(ended.stderr, "");
}

#[test]
fn message_is_one_line_for_any_path() {
    let dir = TestDir::new();
    for name in [&b"two\nlines"[..], b"\x1b[2J", b"\xff\xfe", b"\r", b"\x7f"] {
        let path = dir.path("run/missing").join(OsStr::from_bytes(name));
        let ended = dir.host("returns_status").env("PIDFILE", path).run();
        assert_eq!(ended.status, exited(0));
        assert_eq!(ended.stderr.matches('\n').count(), 1, "{:?}", ended.stderr);
        let is_odd = |c: char| c.is_control() && c != '\n';
        assert!(!ended.stderr.contains(is_odd), "{:?}", ended.stderr);
        assert!(
            ended.stderr.contains("run/missing does not exist"),
            "{:?}",
            ended.stderr
        );
    }
}

/// What looks like a file there is a switch of the kernel's: with a PID in it, it would do something.
#[test]
#[ignore = "needs root"]
fn file_of_a_kernel_file_system_is_refused() {
    let dir = TestDir::new();
    for path in [
        "/proc/self/comm",
        "/proc/self/oom_score_adj",
        "/sys/kernel/uevent_seqnum",
    ] {
        runs_without(&dir, path, "is the kernel's");
    }
    let mut host = dir
        .host("waits_for_eof")
        .env("PIDFILE", "/proc/self/comm")
        .spawn_ready();
    let name = fs::read_to_string(format!("/proc/{}/comm", host.pid())).unwrap();
    assert_eq!(name, "waits_for_eof\n");
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
}

#[test]
#[ignore = "needs root"]
fn path_to_a_descriptor_is_refused() {
    let dir = TestDir::new();
    for path in ["/dev/fd/0", "/dev/stdout", "/proc/self/fd/1", "/proc/self"] {
        runs_without(&dir, path, "is a symbolic link");
    }
    for path in [
        "/dev/fd/77",
        "/proc/self/fd/77",
        "/proc/a.pid",
        "/sys/a.pid",
    ] {
        runs_without(&dir, path, "its directory is the kernel's");
    }
    runs_without(&dir, "/proc/0/a", "/proc/0 does not exist");
    runs_without(&dir, "/proc/self/fd/", "is a directory");
    runs_without(&dir, "/dev/fd", "is a symbolic link");
}
