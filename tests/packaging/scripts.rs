//! What `scripts/test` and `scripts/setup` say at the end, with a cargo and an apt that only pretend.

use crate::common::{Ended, HostCommand, TestDir, exited};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const TEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test");
const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/setup");

/// One of our scripts, with the commands of the test directory before all others.
fn script<'dir>(dir: &'dir TestDir, script: &str) -> HostCommand<'dir> {
    let bin = dir.path("bin");
    dir.program(script)
        .plain()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("HOME", dir.path("data"))
}

/// Runs `scripts/test` as this user, with a cargo that prints this and ends with this status.
fn run_tests(user: u32, output: &str, status: i32, ci: &str) -> Ended {
    let dir = TestDir::new();
    dir.executable("id", format!("#!/bin/sh\necho {user}\n"));
    let cargo =
        format!("#!/bin/sh\necho \"arguments: $*\"\ncat <<'END'\n{output}\nEND\nexit {status}\n");
    dir.executable("cargo", cargo);
    script(&dir, TEST).env("CI", ci).run()
}

const PASSED: &str = "     Running tests/a/main.rs (target/debug/deps/a-1)

running 2 tests
test b::c ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
     Running unittests src/lib.rs (target/debug/deps/pidfile-1)
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";

const SKIPPED: &str = "     Running tests/a/main.rs (target/debug/deps/a-1)
test b::c ... ignored, needs root
test result: ok. 2 passed; 0 failed; 7 ignored; 0 measured; 0 filtered out; finished in 0.01s";

const FAILED: &str = "     Running tests/a/main.rs (target/debug/deps/a-1)
test b::c ... FAILED
test d ... FAILED

failures:

---- b::c stdout ----
    not_a_name
failures:

failures:
    b::c
    d

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
     Running unittests src/lib.rs (target/debug/deps/pidfile-1)

failures:
    e::f

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";

fn last_line(ended: &Ended) -> &str {
    ended.stdout.lines().last().unwrap_or_default()
}

#[test]
fn test_script_ends_with_the_number_of_tests() {
    let ended = run_tests(0, PASSED, 0, "true");
    assert_eq!(ended.status, exited(0), "{ended:?}");
    assert_eq!(last_line(&ended), "5 passed, 0 failed");
    assert!(ended.stdout.contains("-- --include-ignored\n"), "{ended:?}");
}

#[test]
fn test_script_names_what_failed_at_its_end() {
    let ended = run_tests(0, FAILED, 101, "");
    assert_eq!(ended.status, exited(1), "{ended:?}");
    let expected = "\nfailed:
  make test T='--test a b::c'
  make test T='--test a d'
  make test T='--lib e::f'

1 passed, 3 failed
";
    assert!(ended.stdout.ends_with(expected), "{}", ended.stdout);
}

#[test]
fn test_script_counts_a_build_failure() {
    let ended = run_tests(0, "error: could not compile", 101, "");
    assert_eq!(ended.status, exited(1), "{ended:?}");
    assert_eq!(last_line(&ended), "0 passed, 1 failed");
}

#[test]
fn test_script_skips_only_for_ordinary_users() {
    for (user, ci, expected) in [(1000, "", 0), (1000, "true", 1), (0, "", 1)] {
        let ended = run_tests(user, SKIPPED, 0, ci);
        assert_eq!(ended.status, exited(expected), "{ended:?}");
        assert_eq!(last_line(&ended), "2 passed, 0 failed, 7 skipped");
        let why = "7 tests were not run, because they need root";
        assert_eq!(ended.stdout.matches(why).count(), 1, "{ended:?}");
        assert_eq!(ended.stdout.contains("include-ignored"), user == 0);
    }
}

#[test]
fn test_script_copies_what_others_cannot_reach() {
    for (mode, is_copied) in [(0o755, false), (0o700, true)] {
        let dir = TestDir::new();
        let private = dir.path("data/private");
        fs::create_dir_all(private.join("hosts")).unwrap();
        fs::write(private.join("lib.so"), "library").unwrap();
        fs::write(private.join("hosts/a"), "host").unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(mode)).unwrap();
        let shown = "#!/bin/sh\necho \"$LIBPIDFILE\"; cat \"$LIBPIDFILE\" \"$C_TESTS/a\"\n\
                     find \"$LIBPIDFILE\" \"$C_TESTS\" ! -perm -o=r\n";
        dir.executable("cargo", shown);
        let ended = script(&dir, TEST)
            .env("LIBPIDFILE", private.join("lib.so"))
            .env("C_TESTS", private.join("hosts"))
            .run();
        let lines: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(lines[1], "libraryhosttest: no test ran", "{ended:?}");
        let original = private.join("lib.so");
        assert_eq!(lines[0] != original.to_str().unwrap(), is_copied);
        assert!(!is_copied || !fs::exists(lines[0]).unwrap(), "{ended:?}");
    }
}

/// `scripts/setup --packages` with package sources that hold these, none of which can be installed.
fn install(sources: &str, packages: &[&str]) -> Ended {
    let dir = TestDir::new();
    dir.executable(
        "apt-cache",
        format!(
            "#!/bin/sh\n\
             case $1 in\n\
                 pkgnames) printf '%s\\n' {sources} | sed 's/=.*//' ;;\n\
                 policy) printf '%s\\n' {sources} | sed -n \"s/^$2=/  Candidate: /p\" ;;\n\
             esac\n"
        ),
    );
    dir.executable(
        "apt-get",
        "#!/bin/sh\ncase $* in *update) ;; *) exit 1 ;; esac\n",
    );
    script(&dir, SETUP).arg("--packages").args(packages).run()
}

#[test]
fn setup_names_packages_that_cannot_be_had() {
    let ended = install("there=1.0", &["there", "nowhere", "gone:unpacked"]);
    assert_eq!(ended.status, exited(1), "{ended:?}");
    let expected = "sources do not have: gone:unpacked nowhere; nothing was installed\n";
    assert!(ended.stderr.ends_with(expected), "{ended:?}");
}

#[test]
fn setup_takes_the_rust_that_is_new_enough() {
    for (sources, expected) in [
        (
            "rustc-web=1.96.0+dfsg1-1~deb12u2 cargo-web=1.96.0+dfsg1-1~deb12u2 rustc=1.63.0",
            "cargo-web rustc-web",
        ),
        ("rustc=1.90.0+dfsg-1 cargo=1.90.0+dfsg-1", "cargo rustc"),
        (
            "rustc=1.75.0 cargo=1.75.0 cargo-1.80=1.80.1 rustc-1.80=1.80.1 cargo-1.91=1.91.1 rustc-1.91=1.91.1 rustup=1.26",
            "cargo-1.91 rustc-1.91",
        ),
        ("rustc=1.85.0 cargo=1.85.0 rustup=1.27.1", "rustup"),
    ] {
        let ended = install(sources, &["rust:cargo"]);
        assert_eq!(ended.status, exited(1), "{ended:?}");
        let expected = format!("installed together: {expected}; nothing was installed\n");
        assert!(ended.stderr.ends_with(&expected), "{ended:?}");
    }
}

#[test]
fn setup_help_lists_the_purposes() {
    let dir = TestDir::new();
    let ended = script(&dir, SETUP).arg("--help").run();
    assert_eq!(ended.status, exited(0), "{ended:?}");
    assert!(
        ended.stdout.contains("\nPurposes: build run lint test "),
        "{ended:?}"
    );
    let wrong = script(&dir, SETUP).args(["build", "nonsense"]).run();
    assert_eq!(wrong.status, exited(2), "{wrong:?}");
    assert_eq!(wrong.stderr, ended.stdout);
}
