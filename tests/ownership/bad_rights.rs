//! Where rights forbid the file, or a sticky directory holds the file of another user, one line says why and the host runs.

use crate::bad_paths::{leave_a_stale_file, runs_so_without, set_mode};
use crate::common::{HostCommand, NOTHING, TestDir, exited};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const NOBODY: u32 = 65534;
const SOMEBODY: u32 = 65533;

#[test]
#[ignore = "needs root"]
fn unwritable_directory_is_reported() {
    let dir = TestDir::new();
    let refused = |why| runs_so_without(&dir, TestDir::host_as_nobody, &dir.pidfile(), why);
    refused("permission denied");
    leave_a_stale_file(&dir, 0, 0o644);
    refused("permission denied");
    leave_a_stale_file(&dir, 0, 0o600);
    refused("permission denied");
    set_mode(&dir, 0o700);
    refused("permission denied");
}

/// An administrator has put it there for this user.
#[test]
#[ignore = "needs root"]
fn writable_file_alone_is_used_and_emptied() {
    let dir = TestDir::new();
    leave_a_stale_file(&dir, NOBODY, 0o644);
    let mut host = dir.host_as_nobody("waits_for_eof").spawn_owner();
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.content(), "");
    assert_eq!(dir.leftovers(), ["a.pid"]);
}

/// As in /tmp.
#[test]
#[ignore = "needs root"]
fn other_users_file_in_sticky_dir_is_refused() {
    let (root, nobody): (for<'a> fn(&'a TestDir, &str) -> HostCommand<'a>, _) =
        (TestDir::host, TestDir::host_as_nobody);
    for (host, owner, why) in [
        (root, NOBODY, "belongs to another user"),
        (nobody, SOMEBODY, "belongs to another user"),
        (nobody, 0, "not permitted"),
    ] {
        let dir = TestDir::new();
        set_mode(&dir, 0o1777);
        leave_a_stale_file(&dir, owner, 0o666);
        if owner == 0 {
            // Root's, whose directory it is, is no trap; but only root can remove it.
            fs::set_permissions(dir.pidfile(), fs::Permissions::from_mode(0o644)).unwrap();
        }
        runs_so_without(&dir, host, &dir.pidfile(), why);
    }
}

#[test]
#[ignore = "needs root"]
fn own_stale_file_in_sticky_dir_is_taken_over() {
    let dir = TestDir::new();
    set_mode(&dir, 0o1777);
    leave_a_stale_file(&dir, NOBODY, 0o644);
    let ended = dir.host_as_nobody("returns_status").run();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}
