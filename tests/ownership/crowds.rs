//! Many starts: in a row, and all at once.

use crate::common::{NOTHING, Reader, TestDir, exited, leave_stale, race};
use std::collections::BTreeSet;

#[test]
fn five_hundred_lives_in_a_row_leave_nothing() {
    let dir = TestDir::new();
    let reader = Reader::of(dir.pidfile());
    let mut pids = BTreeSet::new();
    for round in 0..500 {
        let status = round % 256;
        let host = dir.host("returns_status").arg(status.to_string()).spawn();
        pids.insert(host.pid());
        let ended = host.wait();
        assert_eq!(ended.status, exited(status), "round {round}");
        assert_eq!(ended.stderr, "", "round {round}");
        assert_eq!(dir.leftovers(), NOTHING, "round {round}");
        assert!(dir.directory_has_changed(), "no file in round {round}");
    }
    let seen = reader.finish();
    assert!(seen.is_subset(&pids), "{seen:?}");
}

#[test]
fn two_hundred_starts_race_one_owner_at_a_time() {
    race(&TestDir::new(), 200, None);
}

#[test]
fn two_hundred_starts_race_for_a_stale_file() {
    let dir = TestDir::new();
    let stale = leave_stale(&dir);
    race(&dir, 200, Some(stale));
}
