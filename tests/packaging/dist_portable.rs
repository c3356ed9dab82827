//! The portable library and command ask for no more than the oldest glibc has.

use crate::common::{NOTHING, TestDir, killed_by, library, pidfile_run};
use crate::dist::{says, tree};
use std::fs;
use std::path::Path;
use std::process::Command;

/// RHEL 7's glibc.
const OLDEST: &str = "2.17";

/// The versions of libc's symbols that a file asks for.
fn versions_needed(file: &Path) -> Vec<String> {
    let said = says(
        Command::new("readelf")
            .args(["--wide", "--version-info"])
            .arg(file),
    );
    let names = said.lines().filter_map(|line| {
        let (_, name) = line.split_once("Name: ")?;
        name.split_whitespace().next().map(str::to_owned)
    });
    names.collect()
}

/// `GLIBC_2.3.4` as numbers. Whatever else is there (`GLIBC_ABI_DT_RELR`, `GLIBC_PRIVATE`), an old libc has not got it.
fn numbers(version: &str) -> Vec<u32> {
    let number = version.strip_prefix("GLIBC_").unwrap_or(version);
    let parts = number.split('.').map(|part| {
        part.parse()
            .unwrap_or_else(|_| panic!("{version} is not a version of glibc"))
    });
    parts.collect()
}

pub fn runs_on_the_oldest(file: &Path) {
    let needed = versions_needed(file);
    let newest = needed.iter().map(|version| numbers(version)).max();
    let newest = newest.expect("a file that needs libc names versions of it");
    assert!(newest <= numbers(OLDEST), "{}: {needed:?}", file.display());
}

#[test]
fn portable_library_needs_no_newer_glibc() {
    runs_on_the_oldest(&library());
}

/// It is started before each program, and on the same systems.
#[test]
fn portable_command_is_small_and_as_portable() {
    runs_on_the_oldest(&pidfile_run());
    let size = fs::metadata(pidfile_run()).unwrap().len();
    assert!(size < 2 * 1024 * 1024, "{size}");
}

/// Compact relocations need the loader of glibc 2.36; the old hash table is for loaders and tools that know no other.
#[test]
fn portable_library_is_readable_by_old_loader() {
    let dynamic = says(
        Command::new("readelf")
            .args(["--wide", "--dynamic"])
            .arg(library()),
    );
    for tag in ["(HASH)", "(GNU_HASH)", "(RELA)"] {
        assert!(dynamic.contains(tag), "{tag}: {dynamic}");
    }
    assert!(!dynamic.contains("RELR"), "{dynamic}");
}

#[test]
fn portable_library_serves_program_of_oldest_glibc() {
    let dir = TestDir::new();
    let program = dir.path("bin/linked_on_the_oldest");
    let machine = std::env::consts::ARCH;
    says(
        Command::new(tree().join("target/portable/tools/bin/python"))
            .args(["-m", "ziglang", "cc", "-target"])
            .arg(format!("{machine}-linux-gnu.{OLDEST}"))
            .args(["-pthread", "-o"])
            .arg(&program)
            .arg("-I")
            .arg(tree().join("c-tests"))
            .arg(tree().join("c-tests/plain/waits_for_eof.c"))
            .env(
                "ZIG_GLOBAL_CACHE_DIR",
                tree().join("target/portable/cache/zig"),
            ),
    );
    runs_on_the_oldest(&program);
    let host = dir.program(&program).spawn_owner();
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
}
