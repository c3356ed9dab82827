//! Tests the value of the variable, and what is written into it.

use super::*;
use crate::sys::fs::FileId;
use crate::sys::proptest_config::same_each_time;
use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;

const VALUE: &[u8] = b"owner:1234:fd00:abc:fd01:2:ff:65000000:123456789abcdef0:/run/a:b.pid";

#[test]
fn state_is_read_back() {
    let state = ExecState::parse(VALUE).unwrap();
    assert_eq!((state.role, state.pid), (Role::Owner, 1234));
    assert_eq!(state.location.directory, FileId(0xfd00, 0xabc));
    assert_eq!(state.location.root, FileId(0xfd01, 2));
    assert_eq!(state.since, 255);
    assert_eq!(state.boot.second, 0x6500_0000);
    assert_eq!(state.boot.id, 0x1234_5678_9abc_def0);
    assert_eq!(state.path, b"/run/a:b.pid");
}

#[test]
fn state_in_another_form_is_none() {
    let broken: [&[u8]; 7] = [
        b"",
        b"owner",
        b"owner:x:0:0:0:0:0:0:0:/a",
        b"owner:0:0:0:0:0:0:0:0:/a",
        b"king:1:0:0:0:0:0:0:0:/a",
        b"owner:1:0:0:0:0:0:0:0:a",
        b"owner:1:zz:0:0:0:0:0:0:/a",
    ];
    for value in broken {
        assert_eq!(ExecState::parse(value), None, "{value:?}");
    }
    for end in 0..VALUE.len() - 12 {
        assert_eq!(ExecState::parse(&VALUE[..end]), None);
    }
}

#[test]
fn boot_before_this_one_is_not_current() {
    let now = Boot::current();
    assert!(now.is_current());
    let second = now.second - 86_400;
    // The clock was set meanwhile.
    assert!(Boot { second, ..now }.is_current());
    let id = now.id ^ 1;
    assert!(!Boot { second, id }.is_current());
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(vec![Role::Owner, Role::Standby, Role::Inert])
}

fn absolute(length: impl Into<SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    vec(1_u8.., length).prop_map(|path| [b"/", &path[..]].concat())
}

proptest! {
    #![proptest_config(same_each_time())]

    #[test]
    fn state_written_is_read_back(
        (role, pid) in (role(), 1..i32::MAX),
        numbers: [u64; 7],
        path in prop_oneof![absolute(0..40), absolute(4000..4094)],
    ) {
        let [a, b, c, d, since, second, id] = numbers;
        let location = Location { directory: FileId(a, b), root: FileId(c, d) };
        let boot = Boot { second, id };
        let state = ExecState { role, pid, location, since, boot, path: &path };
        let text = Box::leak(Box::new(Text::none()));
        text.write_state(pid, &state);
        let (written, of) = text.get().unwrap();
        prop_assert_eq!(of, pid);
        let value = written.to_bytes().strip_prefix(b"LIBPIDFILE_MARK=").unwrap();
        prop_assert_eq!(ExecState::parse(value).unwrap(), state);
        prop_assert!(state.concerns(&path));
    }

    #[test]
    fn state_cut_anywhere_is_whole_or_none(value in "(owner|standby|inert|[a-z]{0,6})(:[0-9a-fx+-]{0,20}){0,10}(:/?\\PC{0,9})?") {
        if let Some(state) = ExecState::parse(value.as_bytes()) {
            let role = value.split(':').next().unwrap();
            prop_assert_eq!(state.role.word(), role);
            prop_assert!(state.pid > 0);
            prop_assert!(state.path.starts_with(b"/"));
            prop_assert!(value.as_bytes().ends_with(state.path));
        }
    }

    #[test]
    fn state_of_other_bytes_is_none(value: Vec<u8>) {
        prop_assert_eq!(ExecState::parse(&value), None);
    }
}

#[test]
fn state_of_relative_path_concerns_same_file() {
    let state = ExecState::parse(VALUE).unwrap();
    assert!(state.concerns(b"/run/a:b.pid"));
    assert!(state.concerns(b"a:b.pid"));
    assert!(!state.concerns(b"b.pid"));
    assert!(!state.concerns(b"/srv/a:b.pid"));
}
