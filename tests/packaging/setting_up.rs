//! Before anything can be built: what the machine lacks.

use crate::common::{TestDir, base_system, exited};
use std::fs;

const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/setup");

#[test]
fn setup_check_names_missing_tools_and_sources() {
    let dir = TestDir::new();
    let setup = dir.program("/bin/bash").plain();
    let path = base_system(&dir, &[]);
    let ended = setup
        .env("PATH", path)
        .env("HOME", dir.path("data"))
        .args([SETUP, "--check", "build"])
        .run();
    assert_eq!(ended.status, exited(1), "{ended:?}");
    let mut lines = ended.stderr.lines();
    let no_cargo: &[&[&str]] = &[&[
        "cargo ",
        " or newer is missing; to get it: https://rustup.rs",
    ]];
    let no_compiler: &[&[&str]] = &[
        &["missing: cc"],
        &["to get that, as root: apt-get install gcc"],
    ];
    // Packages that have its version in their name put it outside of any PATH, where it is found.
    let expected = if has_versioned_cargo() { &[] } else { no_cargo };
    for words in expected.iter().chain(no_compiler) {
        let line = lines.next().unwrap_or_default();
        assert!(
            line.starts_with(&format!("setup: {}", words[0])),
            "{ended:?}"
        );
        assert!(words.iter().all(|word| line.contains(word)), "{ended:?}");
    }
    assert_eq!(lines.next(), None);
}

fn has_versioned_cargo() -> bool {
    let all = fs::read_dir("/usr/lib").unwrap().flatten();
    all.filter(|entry| entry.file_name().to_string_lossy().starts_with("rust-"))
        .any(|entry| entry.path().join("bin/cargo").exists())
}

#[test]
fn no_dependency_is_a_prerelease() {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let versions = lock
        .lines()
        .filter_map(|line| line.strip_prefix("version = "));
    let versions: Vec<&str> = versions.filter(|version| version.contains('.')).collect();
    assert!(versions.len() > 10, "{lock}");
    // After a plus sign a version may say what it likes.
    let numbers = versions
        .iter()
        .filter_map(|version| version.split('+').next());
    let previews = numbers.filter(|number| number.contains('-'));
    assert_eq!(previews.collect::<Vec<_>>(), Vec::<&str>::new());
}
