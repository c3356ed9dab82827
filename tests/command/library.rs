//! Which library `pidfile-run` preloads, and what it says about one that does not fit the system.

use crate::common::{
    PIDFILE_RUN, SHELLS, TestDir, base_system, elf, install, killed_by, launcher, library,
    machine_here, refuses, starter,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

#[test]
fn unusable_library_is_refused_with_a_reason() {
    let scene = TestDir::new();
    let spaced = scene.path("data/a b");
    fs::create_dir(&spaced).unwrap();
    fs::copy(library(), spaced.join("libpidfile.so")).unwrap();
    let colon = scene.path("data/a:b.so");
    fs::copy(library(), &colon).unwrap();
    let text = scene.path("data/text.so");
    fs::write(&text, "text").unwrap();
    for (library, words) in [
        (spaced.join("libpidfile.so"), "space, a colon"),
        (colon, "space, a colon"),
        (text, "is no library"),
        (scene.path("data/none.so"), "no such library"),
    ] {
        for shell in SHELLS {
            let host = starter(&scene, shell)
                .arg("true")
                .env("LIBPIDFILE", &library);
            refuses(&scene, host, 125, &[words, "LIBPIDFILE=FILE"]);
        }
    }
}

#[test]
fn library_for_newer_glibc_is_refused() {
    let scene = TestDir::new();
    let mut bytes = fs::read(library()).unwrap();
    let mut newer = 0;
    for at in 0..bytes.len() - 11 {
        if bytes[at..].starts_with(b"GLIBC_2.") && bytes[at + 10] == 0 {
            bytes[at + 8..at + 10].copy_from_slice(b"99");
            newer += 1;
        }
    }
    assert!(newer > 0, "the library says which glibc it needs");
    let library = scene.path("data/libpidfile.so");
    fs::write(&library, bytes).unwrap();
    for shell in SHELLS {
        for force in ["--strict", "--force"] {
            let host = launcher(&scene, shell)
                .env("LIBPIDFILE", &library)
                .arg(force)
                .arg("-p")
                .arg(scene.pidfile())
                .arg(scene.host_path("waits_for_eof"));
            refuses(&scene, host, 125, &["has glibc 2.", "needs 2.99", "(make)"]);
        }
        let host = starter(&scene, &format!("/bin/{shell}"))
            .env("LIBPIDFILE", &library)
            .arg(scene.host_path("waits_for_eof"))
            .env("PATH", base_system(&scene, &[]));
        refuses(&scene, host, 125, &["has glibc 2.", "needs 2.99"]);
    }
}

/// Their loaders do not say which glibc they belong to. Something else does.
#[test]
fn old_glibc_without_version_refuses_library() {
    for (name, says) in [
        ("getconf", "echo glibc 2.5"),
        ("ldd", "echo 'ldd (GNU libc) 2.5'; echo 'Copyright 2.99'"),
    ] {
        let scene = TestDir::new();
        let loader = scene.executable("ld.so", "#!/bin/sh\n# GLIBC_PRIVATE\nexit 127\n");
        let program = scene.executable("made", elf(64, false, machine_here(&scene), Some(&loader)));
        scene.executable(name, format!("#!/bin/sh\n{says}\n"));
        let base = base_system(&scene, &[]);
        let path = format!("{}:{}", scene.path("bin").display(), base.display());
        for shell in SHELLS {
            let host = starter(&scene, &format!("/bin/{shell}"))
                .arg(&program)
                .env("PATH", &path);
            refuses(&scene, host, 125, &["has glibc 2.5,", "(make)"]);
        }
    }
}

#[test]
fn library_beside_the_launcher_is_found() {
    let scene = TestDir::new();
    let root = scene.path("data/root");
    for (script, library_at) in [
        ("usr/local/bin/pidfile-run", "usr/local/lib/libpidfile.so"),
        (
            "usr/bin/pidfile-run",
            "usr/lib/x86_64-linux-gnu/libpidfile.so",
        ),
        ("opt/bin/pidfile-run", "opt/lib64/libpidfile.so"),
        (
            "src/scripts/pidfile-run",
            "src/target/release/libpidfile.so",
        ),
    ] {
        for (from, to) in [(Path::new(PIDFILE_RUN), script), (&library(), library_at)] {
            install(from, &root.join(to), "755");
        }
        if script.starts_with("src") {
            fs::write(root.join("src/Cargo.toml"), "").unwrap();
        }
        let link = scene.path("bin").join(script.replace('/', "-"));
        symlink(root.join(script), &link).unwrap();
        for command in [root.join(script), link] {
            let ended = scene
                .program(command)
                .plain()
                .arg("-p")
                .arg(scene.pidfile())
                .args(["sh", "-c", "echo \"$LD_PRELOAD\""])
                .run();
            let expected = format!("{}\n", root.join(library_at).display());
            assert_eq!((ended.stdout, ended.stderr), (expected, String::new()));
        }
    }
}

#[test]
fn installed_launcher_finds_installed_library() {
    let scene = TestDir::new();
    let root = scene.path("data/root");
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
    ] {
        let path = root.join("opt/x").join(file);
        let metadata = fs::metadata(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{file}");
    }
    let host = scene
        .program(root.join("opt/x/bin/pidfile-run"))
        .plain()
        .arg("-p")
        .arg(scene.pidfile())
        .arg(scene.host_path("waits_for_signal"))
        .spawn_owner();
    host.signal(libc::SIGTERM);
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}
