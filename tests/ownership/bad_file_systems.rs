//! Where the file system is read-only, full, stale or gone, no deletion is concluded from that, and the host runs.

use crate::bad_paths::{ends_as_usual, leave_a_stale_file, says};
use crate::common::{
    Ended, NOTHING, Process, TestDir, exited, is_watching, trace, tree, wait_until_idle,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs root"]
fn read_only_file_system_is_reported() {
    for stale in [false, true] {
        let dir = TestDir::new();
        if stale {
            leave_a_stale_file(&dir, 0, 0o644);
        }
        let before = tree(&dir.path("run"));
        let mount = "mount --bind \"${pidfile%/*}\" \"${pidfile%/*}\"
                     mount -o remount,bind,ro \"${pidfile%/*}\"";
        let host = dir.host_after(mount, "exits_with_status").arg("3");
        ends_as_usual(&host.run(), &dir.pidfile(), "read-only file system");
        assert_eq!(tree(&dir.path("run")), before);
    }
}

/// No room for a byte, or for one more file. A script looks at the directory, which nobody sees from outside.
#[test]
#[ignore = "needs root"]
fn full_file_system_leaves_no_partial_file() {
    for (options, fill) in [
        ("size=4k", "echo neighbour >\"$run/neighbour\""),
        ("nr_inodes=2", "mkdir \"$run/neighbour\""),
    ] {
        let dir = TestDir::new();
        let script = format!(
            "run=${{pidfile%/*}}
             mount -t tmpfs -o {options} tmpfs \"$run\"
             {fill}
             before=$(ls -AlR \"$run\")
             env LD_PRELOAD=\"$library\" PIDFILE=\"$pidfile\" \"$@\" && status=0 || status=$?
             test \"$(ls -AlR \"$run\")\" = \"$before\"
             exit $status"
        );
        let host = dir.host_after(&script, "exits_with_status").arg("3");
        ends_as_usual(&host.run(), &dir.pidfile(), "no space left on device");
    }
}

/// Runs a host in which such calls always fail.
fn with_calls_that_fail(
    dir: &TestDir,
    faults: &[&str],
    meanwhile: impl FnOnce(&mut Process),
) -> Ended {
    let host = dir.host("stops_before_constructors");
    let (ended, _) = trace(dir, host, faults, |host| {
        host.wait_until(|host| !host.stdout().is_empty(), "in its main function");
        meanwhile(host);
    });
    assert_eq!(ended.stdout, "hello\n");
    ended
}

#[test]
fn used_up_quota_is_reported() {
    for faults in [
        // No new file, or no new block.
        [
            "--inject=openat:error=EDQUOT:when=4+",
            "--inject=pwrite64:error=EDQUOT",
        ],
        [
            "--inject=linkat:error=EXDEV",
            "--inject=pwrite64:error=EDQUOT",
        ],
    ] {
        let dir = TestDir::new();
        let ended = with_calls_that_fail(&dir, &faults, Process::close_stdin);
        assert_eq!(ended.status, exited(7));
        says(&ended.stderr, &dir.pidfile(), "quota exceeded");
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// As on NFS, when the server has forgotten the file or the directory.
#[test]
#[ignore = "needs root"]
fn stale_file_handle_is_reported() {
    let dir = TestDir::new();
    // Not what leads to stderr.
    let path = format!("--trace-path={}", dir.pidfile().display());
    let faults = ["--inject=newfstatat:error=ESTALE", &path];
    leave_a_stale_file(&dir, 0, 0o644);
    let before = tree(&dir.path("run"));
    let ended = with_calls_that_fail(&dir, &faults, Process::close_stdin);
    assert_eq!(ended.status, exited(7));
    says(&ended.stderr, &dir.pidfile(), "stale file handle");
    assert_eq!(tree(&dir.path("run")), before);
}

/// It proves nothing, so it is no deletion.
#[test]
#[ignore = "needs root"]
fn stale_handle_later_is_no_deletion() {
    let dir = TestDir::new();
    let faults = [
        "--inject=newfstatat:error=ESTALE:when=5+",
        "--inject=fstat:error=ESTALE:when=3+",
        "--inject=unlink:error=ESTALE",
    ];
    let ended = with_calls_that_fail(&dir, &faults, |host| {
        assert_eq!(dir.content(), host.pid_line());
        wait_until_idle(host);
        for _ in 0..20 {
            fs::set_permissions(dir.pidfile(), fs::Permissions::from_mode(0o644)).unwrap();
        }
        wait_until_idle(host);
        assert!(host.is_running(), "{}", host.stderr());
        host.close_stdin();
    });
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(7), ""));
    assert_eq!(dir.content(), "");
}

#[test]
#[ignore = "needs root"]
fn removed_current_directory_is_reported() {
    let dir = TestDir::new();
    let script = "mkdir gone; cd gone; rmdir ../gone; pidfile=a.pid";
    let host = dir.host_after(script, "exits_with_status").arg("3");
    ends_as_usual(&host.run(), Path::new("a.pid"), "no such file or directory");
    assert_eq!(dir.leftovers(), NOTHING);
}

/// Taken away with what it is on (umount -l): the file is still on that, so it is no deletion.
#[test]
#[ignore = "needs root"]
fn lazy_unmount_is_no_deletion() {
    let dir = TestDir::new();
    let mount = "mount -t tmpfs tmpfs \"${pidfile%/*}\"";
    let mut host = dir.host_after(mount, "waits_for_eof").spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    let unmounted = Command::new("nsenter")
        .args(["--target", &host.pid().to_string(), "--mount"])
        .args(["umount", "--lazy"])
        .arg(dir.path("run"))
        .status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    wait_until_idle(&host);
    assert!(host.is_running(), "{}", host.stderr());
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}
