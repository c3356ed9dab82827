//! The name that a watched file has in its directory.

use crate::common::{TestDir, flags_of_descriptors, is_watching};

/// An unlink(2) of a name that nobody has open ends all watches before the path is free, and who looks has to wait for that.
/// After the deletion nothing of the file is kept, so that its file system can be unmounted.
#[test]
fn watched_file_is_open_by_its_name_until_it_is_deleted() {
    let dir = TestDir::new();
    let host = dir.host("survives_sigterm").spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    let flags = flags_of_descriptors(host.pid(), &dir.pidfile());
    assert!(
        flags.iter().any(|flags| flags & libc::O_PATH != 0),
        "{flags:?}"
    );
    dir.remove_pidfile();
    host.wait_until(
        |host| flags_of_descriptors(host.pid(), &dir.pidfile()).is_empty(),
        "no descriptor of the file",
    );
}
