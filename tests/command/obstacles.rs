//! `pidfile-run` finds its library, and says what may keep the loader from it: mounts, rights, and programs of an unusual kind.

use crate::common::{
    TestDir, answer, children_of, is_one_failure, killed_by, launcher, library, pidfile_run,
    refuses,
};
use std::fs;
use std::os::unix::fs::symlink;

/// A mount namespace of its own, in which the script may mount; then the command with these words.
fn after_mounts(dir: &TestDir, mounts: &str, words: &[&str]) -> (i32, String) {
    let script = format!("{mounts}\nexec \"$@\"");
    let host = dir
        .program("unshare")
        .plain()
        .args(["--mount", "sh", "-e", "-c", &script, "sh"]);
    let host = host
        .env("R", dir.path("run"))
        .env("D", dir.path("data"))
        .env("L", library());
    answer(
        host.env("LIBPIDFILE", library())
            .arg(pidfile_run())
            .args(words),
    )
}

#[test]
#[ignore = "needs root"]
fn library_on_a_noexec_mount_is_refused() {
    let dir = TestDir::new();
    let place = dir.path("data/no exec").with_file_name("noexec");
    fs::create_dir(&place).unwrap();
    let copy = place.join("libpidfile.so");
    let mounts = "mount -t tmpfs -o noexec none \"$D/noexec\"; cp \"$L\" \"$D/noexec/\"";
    let words = ["--library", copy.to_str().unwrap(), "-p", "a.pid", "true"];
    let (status, told) = after_mounts(&dir, mounts, &words);
    assert_eq!((status, is_one_failure(&told)), (125, true), "{told}");
    assert!(told.contains("mounted with noexec"), "{told}");
}

#[test]
#[ignore = "needs root"]
fn program_on_a_noexec_mount_is_refused() {
    let dir = TestDir::new();
    fs::create_dir(dir.path("data/noexec")).unwrap();
    let program = dir.path("data/noexec/true");
    let mounts = "mount -t tmpfs -o noexec none \"$D/noexec\"; cp /bin/true \"$D/noexec/\"";
    let (status, told) = after_mounts(&dir, mounts, &["-p", "a.pid", program.to_str().unwrap()]);
    assert_eq!((status, is_one_failure(&told)), (126, true), "{told}");
    assert!(told.contains("mounted with noexec"), "{told}");
}

/// Where the bits mean nothing, they keep nothing away.
#[test]
#[ignore = "needs root"]
fn setuid_program_on_a_nosuid_mount_starts() {
    let dir = TestDir::new();
    fs::create_dir(dir.path("data/nosuid")).unwrap();
    let program = dir.path("data/nosuid/true");
    let mounts = "mount -t tmpfs -o nosuid none \"$D/nosuid\"
        cp /bin/true \"$D/nosuid/\"; chown nobody \"$D/nosuid/true\"; chmod 4755 \"$D/nosuid/true\"";
    let words = ["-p", "a.pid", program.to_str().unwrap()];
    assert_eq!(after_mounts(&dir, mounts, &words), (0, String::new()));
    let here = dir.path("bin/true");
    let plain = "cp /bin/true \"$D/../bin/true\"; chown nobody \"$D/../bin/true\"; chmod 4755 \"$D/../bin/true\"";
    let (status, told) = after_mounts(&dir, plain, &["-p", "a.pid", here.to_str().unwrap()]);
    assert_eq!((status, told.contains("is setuid")), (125, true), "{told}");
}

#[test]
#[ignore = "needs root"]
fn unreadable_library_is_refused() {
    let dir = TestDir::new();
    let copy = dir.copy(&library(), "600");
    let command = dir.copy(&pidfile_run(), "755");
    let host = dir.program(command).plain().arg("--library").arg(copy);
    let host = host.args(["-p", "a.pid", "true"]).run_by_nobody();
    refuses(&dir, host, 125, &["cannot be read", "chmod a+r"]);
}

#[test]
#[ignore = "needs root"]
fn security_modules_are_named() {
    let dir = TestDir::new();
    let program = dir.copy(&dir.host_path("waits_for_eof"), "755");
    let label = "setfattr -n security.selinux -v system_u:object_r:httpd_exec_t:s0 \"$P\"";
    let app_armor = "
        mount -t tmpfs none /sys
        mkdir -p /sys/module/apparmor/parameters /sys/kernel/security/apparmor/policy/profiles/legacy.1
        echo Y >/sys/module/apparmor/parameters/enabled
        cd /sys/kernel/security/apparmor/policy/profiles/legacy.1
        echo \"$P\" >attach; echo enforce >mode; echo legacy >name; cd /";
    let selinux = format!(
        "mount -t tmpfs none /sys; mkdir -p /sys/fs/selinux; echo 1 >/sys/fs/selinux/enforce
         {label} 2>/dev/null || python3 -c 'import os, sys; os.setxattr(sys.argv[1], \"security.selinux\", b\"a:b:httpd_exec_t:s0\")' \"$P\""
    );
    for (mounts, words) in [
        (app_armor, ["AppArmor's profile legacy", "journalctl -k"]),
        (selinux.as_str(), ["SELinux (as httpd_exec_t)", "ausearch"]),
    ] {
        let mounts = format!("P={}\n{mounts}", program.display());
        let (status, told) = after_mounts(
            &dir,
            &mounts,
            &["check", "-p", "/tmp/none.pid", program.to_str().unwrap()],
        );
        assert_eq!(status, 0, "{told}");
        for word in words {
            assert!(told.contains(word), "{word}: {told}");
        }
    }
}

/// Such as many of Go's: it has a loader, and does not begin in libc.
#[test]
fn program_that_begins_without_libc_is_noted() {
    let dir = TestDir::new();
    let source = dir.path("data/bare.c");
    fs::write(
        &source,
        "extern int puts(const char *);\nvoid _start(void) { puts(\"x\"); __builtin_trap(); }\n",
    )
    .unwrap();
    let program = dir.path("bin/bare");
    let built = std::process::Command::new("cc")
        .args(["-nostartfiles", "-o"])
        .arg(&program)
        .arg(&source)
        .status();
    assert!(built.is_ok_and(|status| status.success()));
    let check = launcher(&dir).args(["check", "-p"]).arg(dir.pidfile());
    let (status, told) = answer(check.arg(&program));
    assert_eq!(status, 0, "{told}");
    assert!(
        told.contains("note: ") && told.contains("does not start through libc"),
        "{told}"
    );
}

#[test]
#[ignore = "needs root"]
fn program_that_nobody_may_read_is_noted() {
    let dir = TestDir::new();
    let program = dir.copy(&dir.host_path("returns_status"), "711");
    let command = dir.copy(&pidfile_run(), "755");
    let copy = dir.copy(&library(), "755");
    let host = dir.program(command).plain().arg("--library").arg(copy);
    let host = host
        .args(["--trace", "-p"])
        .arg("/dev/shm/pidfile-run-none/a.pid");
    let (status, told) = answer(host.arg("--force").arg(program).arg("9").run_by_nobody());
    assert_eq!(status, 9, "{told}");
    assert!(
        told.contains("cannot be read, so that it was not checked"),
        "{told}"
    );
}

/// What a script leaves behind when it calls the command by a link.
#[test]
fn command_by_a_link_finds_its_library() {
    let dir = TestDir::new();
    let link = dir.path("bin/run");
    symlink(pidfile_run(), &link).unwrap();
    let host = dir.program(&link).plain().arg("-p").arg(dir.pidfile());
    let host = host.arg(dir.host_path("waits_for_signal")).spawn_owner();
    assert!(children_of(host.pid()).is_empty());
    host.signal(libc::SIGTERM);
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// It is no reason not to start it.
#[test]
fn check_tells_of_a_program_that_looks_first() {
    let dir = TestDir::new();
    for name in ["unicorn", "celery", "monit", "another"] {
        let program = dir.path("bin").join(name);
        fs::copy(dir.host_path("waits_for_signal"), &program).unwrap();
        let check = launcher(&dir).args(["check", "-p"]).arg(dir.pidfile());
        let (status, said) = answer(check.arg(&program));
        assert_eq!(status, 0, "{said}");
        let is_told = said.contains("looks at its PID file") && said.contains("another path");
        assert_eq!(is_told, name != "another", "{said}");
    }
}
