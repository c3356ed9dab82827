//! `make uninstall` removes what `make install` has put there, and nothing of anybody else's.

use crate::common::{TestDir, library};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[track_caller]
fn make(target: &str, root: &Path) {
    let done = Command::new("make")
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS")
        .args(["--silent", "--no-print-directory", target, "PREFIX=/opt/x"])
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("LIB={}", library().display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// Every directory and every file below it, and what is in the files.
fn all_below(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.append(&mut all_below(&path));
            all.insert(path, Vec::new());
        } else {
            let content = fs::read(&path).unwrap();
            all.insert(path, content);
        }
    }
    all
}

/// The directories that others share with us, each with a file of theirs.
fn place_of_others(dir: &TestDir) -> PathBuf {
    let root = dir.path("data/root");
    for place in [
        "bin/pidfile-running",
        "lib/libpidfile.so.old",
        "share/man/man1/pidfile.1",
        "share/man/man7/libpidfile-more.7",
        "share/bash-completion/completions/pidfile",
        "share/zsh/site-functions/_pidfile",
        "share/fish/vendor_completions.d/pidfile.fish",
        "share/doc/other/README.md",
    ] {
        let path = root.join("opt/x").join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "theirs").unwrap();
    }
    root
}

#[test]
fn uninstall_removes_exactly_what_install_added() {
    let dir = TestDir::new();
    let root = place_of_others(&dir);
    let before = all_below(&root);
    for _ in 0..2 {
        make("install", &root);
        assert!(all_below(&root).len() > before.len() + 8);
    }
    make("uninstall", &root);
    assert_eq!(all_below(&root), before);
    // With nothing to remove.
    make("uninstall", &root);
    assert_eq!(all_below(&root), before);
}

#[test]
fn uninstall_keeps_files_that_others_added() {
    let dir = TestDir::new();
    let root = place_of_others(&dir);
    make("install", &root);
    let added = root.join("opt/x/share/doc/libpidfile/scripts/ours.sh");
    fs::write(&added, "theirs").unwrap();
    make("uninstall", &root);
    assert_eq!(fs::read_to_string(&added).unwrap(), "theirs");
    assert!(!root.join("opt/x/share/doc/libpidfile/README.md").exists());
}
