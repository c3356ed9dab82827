//! The package for Alpine, which holds the library for musl. There is no apk here to install it with.

use crate::common::TestDir;
use crate::dist::{package, says, tree};
use std::fs;
use std::process::Command;

fn tar(arguments: &[&str]) -> Command {
    let mut tar = Command::new("tar");
    tar.args(["--warning=no-unknown-keyword", "--file"])
        .arg(package(".apk"))
        .args(arguments);
    tar
}

#[test]
fn apk_holds_the_library_for_musl() {
    let dir = TestDir::new();
    let root = dir.path("data/root");
    fs::create_dir(&root).unwrap();
    says(tar(&["--extract", "--gzip", "--directory"]).arg(&root));
    let library = fs::read(root.join("usr/lib/libpidfile-musl.so")).unwrap();
    assert!(library == fs::read(tree().join("target/musl/libpidfile-musl.so")).unwrap());
    let page = fs::read_to_string(root.join("usr/share/doc/libpidfile/README.md")).unwrap();
    assert!(page.contains("/usr/lib/libpidfile-musl.so"), "{page}");
    assert!(!page.contains("/usr/local/lib/libpidfile.so"), "{page}");
}

#[test]
fn apk_names_architecture_and_libc() {
    let machine = std::env::consts::ARCH;
    let said = says(&mut tar(&[
        "--extract",
        "--gzip",
        "--to-stdout",
        ".PKGINFO",
    ]));
    for line in [
        "pkgname = libpidfile".to_owned(),
        format!("arch = {machine}"),
        format!("depend = so:libc.musl-{machine}.so.1"),
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    // A line that is no field would not be understood.
    assert!(said.lines().all(|line| line.contains(" = ")), "{said}");
}
