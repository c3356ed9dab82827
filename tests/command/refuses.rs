//! `pidfile-run` and programs that the library cannot be preloaded into: it says so beforehand.

use crate::common::{
    HostCommand, NOTHING, TestDir, elf, exited, launcher, library, machine_here, pidfile_run,
    refuses, starter,
};
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn static_program_is_refused() {
    let dir = TestDir::new();
    let program = dir.host_path("waits_for_eof_static");
    let host = starter(&dir).arg(&program);
    refuses(&dir, host, 125, &["static program", "--force"]);
}

#[test]
fn static_program_with_force_starts() {
    let dir = TestDir::new();
    let mut host = launcher(&dir)
        .arg("--force")
        .arg("-p")
        .arg(dir.pidfile())
        .arg(dir.host_path("waits_for_eof_static"))
        .spawn_ready();
    assert_eq!(dir.leftovers(), NOTHING);
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(ended.status, exited(0));
    assert!(ended.stderr.contains("static program"), "{}", ended.stderr);
}

/// A launcher may be anything that hands on the environment.
#[test]
fn static_launcher_with_named_program_starts() {
    let dir = TestDir::new();
    launcher(&dir)
        .args(["-e", "waits_for_eof", "-p"])
        .arg(dir.pidfile())
        .arg(dir.host_path("waits_for_eof_static"))
        .spawn_ready();
    let host = launcher(&dir)
        .args(["-e", "waits_for_eof_static", "-p"])
        .arg(dir.pidfile())
        .arg(dir.host_path("waits_for_eof_static"));
    refuses(&dir, host, 125, &["static program"]);
    let host = launcher(&dir)
        .arg("-e")
        .arg(dir.host_path("waits_for_eof_static"))
        .arg("-p")
        .arg(dir.pidfile())
        .args(["sh", "-c", "exec \"$PIDFILE_EXE\""]);
    refuses(&dir, host, 125, &["static program"]);
}

#[test]
fn musl_program_is_refused_even_with_force() {
    let dir = TestDir::new();
    let program = musl_program(&dir);
    // So it is without us: the loader does not find the C library that ours needs.
    let naked = dir.program(&program).run();
    assert_ne!(naked.status, exited(0), "{naked:?}");
    assert_eq!(dir.program(&program).plain().run().status, exited(0));

    for force in ["--strict", "--force"] {
        let host = launcher(&dir)
            .arg(force)
            .arg("-p")
            .arg(dir.pidfile())
            .arg(&program);
        refuses(&dir, host, 125, &["musl", "build for glibc"]);
    }
    let script = dir.executable("script", format!("#!{}\n", program.display()));
    let host = starter(&dir).arg(script);
    refuses(&dir, host, 125, &["script: its interpreter", "musl"]);
}

/// Where both libraries are installed. This one for musl does nothing: what counts is that it is the one that is named.
#[test]
fn musl_program_gets_the_library_beside_ours() {
    let dir = TestDir::new();
    let ours = dir.path("bin/libpidfile.so");
    fs::copy(library(), &ours).unwrap();
    let for_musl = dir.path("bin/libpidfile-musl.so");
    musl_gcc(
        &["-shared", "-fPIC"],
        "plain/is_an_empty_library.c",
        &for_musl,
    );
    let program = dir.path("bin/for_musl");
    musl_gcc(&[], "command/tells_its_preload.c", &program);
    for program in [program.as_path(), &dir.host_path("tells_its_preload")] {
        let host = starter(&dir).env("LIBPIDFILE", &ours).arg(program);
        let ended = host.run();
        let named = if program.ends_with("for_musl") {
            &for_musl
        } else {
            &ours
        };
        assert_eq!(ended.stdout, format!("{}\n", named.display()), "{ended:?}");
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    }
}

fn musl_program(dir: &TestDir) -> PathBuf {
    let program = dir.path("bin/for_musl");
    musl_gcc(&[], "plain/returns_status.c", &program);
    program
}

fn musl_gcc(flags: &[&str], source: &str, output: &Path) {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/c-tests");
    let built = Command::new("musl-gcc")
        .args(flags)
        .arg("-o")
        .args([output, &Path::new(sources).join(source)])
        .status();
    assert!(built.is_ok_and(|status| status.success()), "musl-gcc");
}

/// As nobody, who may read copies of the launcher and the library. `before` is what runs the launcher.
fn as_nobody<'dir>(dir: &'dir TestDir, before: &[&str]) -> HostCommand<'dir> {
    let command = dir.copy(&pidfile_run(), "755");
    let library = dir.copy(&library(), "755");
    chown(dir.path("run"), Some(65534), None).unwrap();
    let command = command.to_str().unwrap();
    let words: Vec<&str> = before.iter().copied().chain([command]).collect();
    dir.program(words[0])
        .args(&words[1..])
        .plain()
        .env("LIBPIDFILE", library)
        .arg("-p")
        .arg(dir.pidfile())
        .run_by_nobody()
}

#[test]
#[ignore = "needs root"]
fn setuid_or_setgid_program_is_refused() {
    for (mode, kind, remedy) in [
        ("4755", "setuid", "run it as its owner (user ID 0)"),
        ("2755", "setgid", "(group ID 0)"),
    ] {
        let dir = TestDir::new();
        let program = dir.copy(&dir.host_path("returns_status"), mode);
        let host = as_nobody(&dir, &[]).arg(&program).arg("9");
        refuses(&dir, host, 125, &[kind, remedy, "--force"]);
        // Where nobody may gain rights the kernel ignores the bits.
        let host = as_nobody(&dir, &["setpriv", "--no-new-privs"]);
        let ended = host.arg(&program).arg("9").run();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(9), ""));
        assert!(dir.directory_has_changed(), "there was a PID file");
    }
}

/// It is not secure mode for whoever has these rights already.
#[test]
fn setuid_program_starts_for_its_own_user() {
    let dir = TestDir::new();
    let program = dir.copy(&dir.host_path("waits_for_eof"), "6755");
    starter(&dir).arg(&program).spawn_owner();
}

#[test]
#[ignore = "needs root"]
fn program_with_capabilities_is_refused() {
    let dir = TestDir::new();
    let program = dir.copy(&dir.host_path("waits_for_eof"), "755");
    let set = Command::new("setcap")
        .arg("cap_net_bind_service=ep")
        .arg(&program)
        .status();
    assert!(set.is_ok_and(|status| status.success()), "setcap");
    let host = as_nobody(&dir, &[]).arg(&program);
    refuses(&dir, host, 125, &["file capabilities", "setcap -r"]);
    // Root has them without, and so it is not secure mode.
    starter(&dir).arg(&program).spawn_owner();
}

#[test]
fn program_for_another_architecture_is_refused() {
    let dir = TestDir::new();
    let loader = dir.copy(&loader(), "755");
    for (bits, big, machine, name) in [
        (32, false, 3, "32-bit x86"),
        (32, false, 40, "32-bit ARM"),
        (64, true, 22, "s390x"),
        (64, false, 258, "another architecture"),
    ] {
        let program = dir.executable("made", elf(bits, big, machine, Some(&loader)));
        let host = starter(&dir).arg(&program);
        refuses(&dir, host, 125, &[name, "--library", "--force"]);
        let program = dir.executable("made", elf(bits, big, machine, None));
        let host = starter(&dir).arg(&program);
        refuses(&dir, host, 125, &["static program"]);
        let program = dir.executable(
            "made",
            elf(bits, big, machine, Some(Path::new("/no/ld.so"))),
        );
        let host = starter(&dir).arg(&program);
        refuses(&dir, host, 127, &["/no/ld.so", "install"]);
    }
}

#[test]
fn program_for_another_libc_is_refused() {
    let dir = TestDir::new();
    let loader = dir.executable("linker64", "not the one of glibc\n");
    let program = dir.executable("made", elf(64, false, machine_here(&dir), Some(&loader)));
    let host = starter(&dir).arg(&program);
    refuses(&dir, host, 125, &["linker64", "build for glibc"]);
}

/// The loader of the programs here.
fn loader() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.contains("/ld-"))
        .expect("this test has a loader");
    path.into()
}

#[test]
fn file_that_is_no_program_is_refused() {
    let dir = TestDir::new();
    let data = dir.copy(&dir.host_path("waits_for_eof"), "644");
    for (command, status, words) in [
        (Path::new("no-such-program"), 127, "on the PATH"),
        (Path::new("./no-such-program"), 127, "look at the path"),
        (&dir.path("bin"), 126, "is a directory"),
        (&data, 126, "chmod a+x"),
    ] {
        let host = starter(&dir).arg(command);
        refuses(&dir, host, status, &[words]);
    }
}

#[test]
fn sudo_is_refused() {
    let dir = TestDir::new();
    let host = starter(&dir).args(["sudo", "true"]);
    refuses(&dir, host, 125, &["sudo pidfile-run"]);
}
