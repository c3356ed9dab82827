//! What the tools of the distributions make of the packages: lintian, rpmlint and rpm.

use crate::common::{NOTHING, TestDir, killed_by, library};
use crate::dist::{package, says};
use std::fs;
use std::process::Command;

#[test]
fn lintian_finds_nothing_in_the_package() {
    let found = says(
        Command::new("lintian")
            .arg("--allow-root")
            .args(["--fail-on", "error,warning"])
            .arg(package(".deb")),
    );
    assert_eq!(found, "");
}

/// What it says of every package that has a library and no soname, or of one that nobody has signed. It knows SUSE's rules
/// for shared libraries alone.
const OF_RPMLINT: [&str; 10] = [
    "executable-in-library-package",
    "invalid-license MIT",
    "manpage-not-compressed bz2",
    "no-changelogname-tag",
    "no-manual-page-for-binary",
    "no-signature",
    "no-soname",
    "no-url-tag",
    "non-versioned-file-in-library-package",
    "outside-libdir-files",
];

#[test]
fn rpmlint_finds_nothing_new_in_the_package() {
    let output = Command::new("rpmlint").arg(package(".rpm")).output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(output.contains(" 1 packages "), "{output}");
    let found = output
        .lines()
        .filter(|line| line.contains(": E: ") || line.contains(": W: "))
        .filter(|line| !OF_RPMLINT.iter().any(|known| line.contains(known)));
    assert_eq!(found.collect::<Vec<_>>(), NOTHING);
}

/// Into a root of its own, without what it depends on.
#[test]
#[ignore = "needs root"]
fn rpm_is_installed_and_removed_without_a_trace() {
    let dir = TestDir::new();
    let root = dir.path("data/root");
    fs::create_dir(&root).unwrap();
    let rpm = |arguments: &[&str]| {
        let mut rpm = Command::new("rpm");
        says(rpm.arg("--root").arg(&root).args(arguments))
    };
    let files = || {
        let mut find = Command::new("find");
        let found = says(find.args(["usr", "-mindepth", "1"]).current_dir(&root));
        let files = found
            .lines()
            .filter(|file| !file.starts_with("usr/lib/sysimage"));
        let mut files: Vec<String> = files.map(str::to_owned).collect();
        files.sort();
        files
    };
    let before = [
        "usr",
        "usr/bin",
        "usr/lib",
        "usr/lib64",
        "usr/share",
        "usr/share/doc",
    ];
    for directory in before {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    rpm(&["--install", "--nodeps", package(".rpm").to_str().unwrap()]);
    let copy = root.join("usr/lib64/libpidfile.so");
    assert!(fs::read(&copy).unwrap() == fs::read(library()).unwrap());
    let page = fs::read_to_string(root.join("usr/share/doc/libpidfile/README.md")).unwrap();
    assert!(page.contains("/usr/lib64/libpidfile.so"), "{page}");
    assert!(!page.contains("/usr/lib/libpidfile.so"), "{page}");
    // The command of the package finds the library of the package.
    let command = root.join("usr/bin/pidfile-run");
    let host = dir
        .program(&command)
        .plain()
        .arg("-p")
        .arg(dir.pidfile())
        .arg("--")
        .arg(dir.host_path("waits_for_eof"))
        .spawn_ready();
    assert_eq!(dir.content(), host.pid_line(), "{}", host.stderr());
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    rpm(&["--erase", "libpidfile"]);
    let left = files();
    let left = left.iter().filter(|file| file.contains("pidfile"));
    assert_eq!(left.collect::<Vec<_>>(), NOTHING);
}
