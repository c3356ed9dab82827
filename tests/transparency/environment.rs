//! The environment of a running program is what the kernel gave it: array, strings and addresses.

use crate::common::{HostCommand, NOTHING, TestDir, exited};

/// How programs find the room for a title; and one that looks at every pointer and byte.
const WAYS: [&str; 6] = [
    "as given",
    "last",
    "sum",
    "first to last",
    "contiguous",
    "moved and freed",
];

/// What a program may be to the file when it looks.
const ROLES: [&str; 6] = [
    "owner",
    "owner without a thread",
    "owner after exec",
    "child of an owner",
    "second instance",
    "no setting",
];

fn host<'dir>(dir: &'dir TestDir, role: &str) -> HostCommand<'dir> {
    let program = dir.host_path("sets_title");
    match role {
        "owner after exec" => dir
            .program("dash")
            .args(["-c", "exec \"$@\"", "sh"])
            .arg(program),
        "child of an owner" => dir
            .program("dash")
            .args(["-c", "\"$@\"; exit $?", "sh"])
            .arg(program),
        "owner without a thread" => dir.host("sets_title").env("PIDFILE_WATCH", "off"),
        "no setting" => dir.host("sets_title").inert(),
        _ => dir.host("sets_title"),
    }
}

/// What it prints, without what the test or the library is there for.
fn own_variables(stdout: &str) -> Vec<&str> {
    let is_own = |line: &&str| {
        let others = [
            "LD_PRELOAD=",
            "PIDFILE",
            "LIBPIDFILE_MARK=",
            "PWD=",
            "OLDPWD=",
            "_=",
        ];
        !others.iter().any(|other| line.starts_with(other))
    };
    let mut own: Vec<&str> = stdout.lines().filter(is_own).collect();
    // A shell hands them on in an order of its own.
    own.sort_unstable();
    own
}

#[test]
fn titles_find_environment_as_given() {
    for role in ROLES {
        for way in WAYS {
            for forks in [false, true] {
                let what = format!("{role}, {way}, forks: {forks}");
                let dir = TestDir::new();
                let plain = dir.host("sets_title").plain().arg(way).run();
                assert_eq!(plain.status, exited(0), "{what}, without the library");

                let mut first = None;
                if role == "second instance" {
                    first = Some(dir.host("waits_for_eof").spawn_owner());
                }
                let mut program = host(&dir, role).arg(way);
                if forks {
                    program = program.arg("fork");
                }
                let ended = program.run();
                assert_eq!(ended.status, exited(0), "{what}: {}", ended.stderr);
                let is_marked = ended.stdout.contains("LIBPIDFILE_MARK=");
                let is_expected = matches!(role, "owner after exec" | "child of an owner");
                assert_eq!(is_marked, is_expected, "{what}");
                let variables = own_variables(&ended.stdout);
                assert_eq!(variables, own_variables(&plain.stdout), "{what}");
                if first.is_none() {
                    assert_eq!(dir.leftovers(), NOTHING, "{what}");
                }
            }
        }
    }
}
