//! File systems that do less than others. Where a shell's `echo $$ >file` works there is a file, and a claim that fails
//! half-way leaves nothing that the next start could not mend. A sandbox refuses what the file system would.

use crate::common::{Mode, NOTHING, TestDir, exited};
use crate::sandboxes::{Degraded, start, works};

/// Some FUSE and CIFS.
#[test]
fn file_system_without_modes_has_file() {
    for answer in ["fchmod=EPERM", "fchmod=ENOSYS", "fchmod=EOPNOTSUPP"] {
        works(&[answer], Degraded::No);
    }
}

/// Lustre without `-o flock`. The owner is known by its PID and start time.
#[test]
fn file_system_without_locks_has_file() {
    for answer in ["flock=ENOSYS", "flock=EOPNOTSUPP"] {
        works(&[answer], Degraded::No);
    }
}

/// Neither `O_TMPFILE` nor a rename that keeps what is there, and no removal of what is open (vboxsf): what has its name by
/// then cannot be undone.
#[test]
fn failed_removal_is_mended_by_the_next_start() {
    let refused = ["unlink=EBUSY", "unlinkat=EBUSY"];
    let refused = refused.map(str::to_owned);
    // arm64 has one of the two.
    let refused = &refused[usize::from(cfg!(not(target_arch = "x86_64")))..];
    for more in [
        &[][..],
        &["linkat=EOPNOTSUPP"],
        &["linkat=EOPNOTSUPP", "renameat2=EINVAL"],
    ] {
        let dir = TestDir::new();
        let answers: Vec<&str> = refused
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        let mut host = start(&dir, &answers, "waits_for_eof", Mode::Active);
        let has_none = host.stderr().contains("without a PID file");
        let left = dir.leftovers();
        assert_eq!(
            left.is_empty(),
            has_none,
            "{answers:?}: {left:?}, {}",
            host.stderr()
        );
        if !has_none {
            assert_eq!(dir.content(), host.pid_line(), "{answers:?}");
        }
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "{answers:?}");

        let mut next = dir.host("waits_for_eof").spawn_owner();
        next.close_stdin();
        let ended = next.wait();
        assert_eq!(
            (ended.status, ended.stderr.as_str()),
            (exited(0), ""),
            "{answers:?}"
        );
        assert_eq!(dir.leftovers(), NOTHING, "{answers:?}");
    }
}
