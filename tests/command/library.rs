//! Which library `pidfile-run` preloads, and what it says about one that does not fit the system.

use crate::common::{
    TestDir, elf, install, killed_by, launcher, library, machine_here, pidfile_run, refuses,
    starter,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

#[test]
fn unusable_library_is_refused_with_a_reason() {
    let dir = TestDir::new();
    let spaced = dir.path("data/a b");
    fs::create_dir(&spaced).unwrap();
    fs::copy(library(), spaced.join("libpidfile.so")).unwrap();
    let colon = dir.path("data/a:b.so");
    fs::copy(library(), &colon).unwrap();
    let text = dir.path("data/text.so");
    fs::write(&text, "text").unwrap();
    for (library, words) in [
        (spaced.join("libpidfile.so"), "space, a colon"),
        (colon, "space, a colon"),
        (text, "is no library"),
        (dir.path("data/none.so"), "no such library"),
    ] {
        let host = starter(&dir).arg("true").env("LIBPIDFILE", &library);
        refuses(&dir, host, 125, &[words, "LIBPIDFILE=FILE"]);
    }
}

#[test]
fn library_for_newer_glibc_is_refused() {
    let dir = TestDir::new();
    let mut bytes = fs::read(library()).unwrap();
    let mut newer = 0;
    for at in 0..bytes.len() - 11 {
        if bytes[at..].starts_with(b"GLIBC_2.") && bytes[at + 10] == 0 {
            bytes[at + 8..at + 10].copy_from_slice(b"99");
            newer += 1;
        }
    }
    assert!(newer > 0, "the library says which glibc it needs");
    let library = dir.path("data/libpidfile.so");
    fs::write(&library, bytes).unwrap();
    for force in ["--strict", "--force"] {
        let host = launcher(&dir)
            .env("LIBPIDFILE", &library)
            .arg(force)
            .arg("-p")
            .arg(dir.pidfile())
            .arg(dir.host_path("waits_for_eof"));
        refuses(&dir, host, 125, &["has glibc 2.", "needs 2.99", "(make)"]);
    }
}

/// The versions of its symbols say how old a libc is. It lies beside its loader.
#[test]
fn program_with_older_glibc_is_refused() {
    let dir = TestDir::new();
    let loader = dir.copy(&loader(), "755");
    let libc = loader.with_file_name("libc.so.6");
    let mut bytes = fs::read(libc_here()).unwrap();
    for at in 0..bytes.len() - 11 {
        if bytes[at..].starts_with(b"GLIBC_2.") && bytes[at + 10] == 0 {
            bytes[at + 8..at + 10].copy_from_slice(b"09");
        }
    }
    let draft = dir.path("data/old");
    fs::write(&draft, bytes).unwrap();
    install(&draft, &libc, "755");
    let program = dir.executable("made", elf(64, false, machine_here(&dir), Some(&loader)));
    let host = starter(&dir).arg(&program);
    refuses(&dir, host, 125, &["has glibc 2.9,", "needs 2.", "(make)"]);
}

fn loader() -> PathBuf {
    mapped("/ld-")
}

fn libc_here() -> PathBuf {
    mapped("/libc.so.6")
}

/// A file that this test has loaded.
fn mapped(name: &str) -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    paths.find(|path| path.contains(name)).expect(name).into()
}

#[test]
fn library_beside_the_launcher_is_found() {
    let dir = TestDir::new();
    let root = dir.path("data/root");
    for (script, library_at) in [
        ("usr/local/bin/pidfile-run", "usr/local/lib/libpidfile.so"),
        (
            "usr/bin/pidfile-run",
            "usr/lib/x86_64-linux-gnu/libpidfile.so",
        ),
        ("opt/bin/pidfile-run", "opt/lib64/libpidfile.so"),
        (
            "src/target/release/pidfile-run",
            "src/target/release/libpidfile.so",
        ),
    ] {
        for (from, to) in [(&pidfile_run(), script), (&library(), library_at)] {
            install(from, &root.join(to), "755");
        }
        let link = dir.path("bin").join(script.replace('/', "-"));
        symlink(root.join(script), &link).unwrap();
        for command in [root.join(script), link] {
            let ended = dir
                .program(command)
                .plain()
                .arg("-p")
                .arg(dir.pidfile())
                .args(["sh", "-c", "echo \"$LD_PRELOAD\""])
                .run();
            let expected = format!("{}\n", root.join(library_at).display());
            assert_eq!((ended.stdout, ended.stderr), (expected, String::new()));
        }
    }
}

#[test]
fn installed_launcher_finds_installed_library() {
    let dir = TestDir::new();
    let root = dir.path("data/root");
    let installed = Command::new("make")
        .args([
            "--silent",
            "--no-print-directory",
            "install",
            "PREFIX=/opt/x",
        ])
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("LIB={}", library().display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(installed.status.success(), "{installed:?}");
    for (file, mode) in [
        ("bin/pidfile-run", 0o755),
        ("lib/libpidfile.so", 0o644),
        ("share/man/man1/pidfile-run.1", 0o644),
        ("share/man/man7/libpidfile.7", 0o644),
        ("share/bash-completion/completions/pidfile-run", 0o644),
        ("share/zsh/site-functions/_pidfile-run", 0o644),
        ("share/fish/vendor_completions.d/pidfile-run.fish", 0o644),
    ] {
        let path = root.join("opt/x").join(file);
        let metadata = fs::metadata(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{file}");
    }
    let host = dir
        .program(root.join("opt/x/bin/pidfile-run"))
        .plain()
        .arg("-p")
        .arg(dir.pidfile())
        .arg(dir.host_path("waits_for_signal"))
        .spawn_owner();
    host.signal(libc::SIGTERM);
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}
