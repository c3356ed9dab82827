//! `--background`, `check`, `wait` and `--json`, and what is said of programs and libraries that may have trouble.

use crate::common::{
    NOTHING, TestDir, answer, children_of, exited, is_alive, is_one_failure, killed_by, launcher,
    library, owner, pidfile_run, refuses, starter,
};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

// ---- in the background ----

fn in_background(dir: &TestDir, program: &Path) -> (i32, String) {
    let start = launcher(dir).args(["--background", "-p"]);
    answer(start.arg(dir.pidfile()).arg(program))
}

#[test]
fn background_returns_when_the_file_names_the_daemon() {
    let dir = TestDir::new();
    assert_eq!(
        in_background(&dir, &dir.host_path("waits_for_signal")),
        (0, String::new())
    );
    let pid: i32 = dir.content().trim().parse().unwrap();
    assert!(is_alive(pid));
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
    for number in 0..3 {
        assert_eq!(link(&format!("fd/{number}")), Path::new("/dev/null"));
    }
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert_eq!((open, link("cwd").as_path()), (3, Path::new("/")));
    // SAFETY: plain call.
    assert_eq!(unsafe { libc::getsid(pid) }, pid);
    let stop = launcher(&dir).arg("stop").arg(dir.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
    assert!(!is_alive(pid));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// Though the daemon's directory is another one.
#[test]
fn background_finds_a_relative_command() {
    let dir = TestDir::new();
    dir.copy(&dir.host_path("waits_for_signal"), "755");
    let start = launcher(&dir).current_dir(dir.path("bin"));
    let start = start.args(["--background", "-p", "../run/a.pid", "./waits_for_signal"]);
    assert_eq!(answer(start), (0, String::new()));
    let stop = launcher(&dir).arg("stop").arg(dir.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
}

#[test]
fn background_waits_for_the_daemon_of_a_launcher() {
    let dir = TestDir::new();
    let script = dir.executable(
        "launcher",
        format!(
            "#!/bin/sh\nsetsid {} </dev/null >/dev/null 2>&1 &\nexit 0\n",
            dir.host_path("waits_for_signal").display()
        ),
    );
    let start = launcher(&dir).args(["-b", "-e", "waits_for_signal", "-p"]);
    let (status, told) = answer(start.arg(dir.pidfile()).arg(script));
    assert_eq!((status, told.as_str()), (0, ""));
    assert!(!dir.content().is_empty());
    answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
}

#[test]
fn background_reports_a_program_that_ends() {
    let dir = TestDir::new();
    let start = launcher(&dir).args(["-b", "-p"]).arg(dir.pidfile());
    let (status, told) = answer(start.arg(dir.host_path("returns_status")).arg("42"));
    // It owned the file for an instant, in which the command may have looked.
    assert!(
        status == 42 && is_one_failure(&told) || status == 0,
        "{status}: {told}"
    );
    // Then the program may be about to end.
    crate::common::wait_for(|| dir.leftovers() == NOTHING, "no file is left");
    refuses(
        &dir,
        launcher(&dir).args(["-b", "-p", "a.pid", "./none"]),
        127,
        &["no such program"],
    );
}

#[test]
fn background_refuses_a_held_file() {
    let dir = TestDir::new();
    let host = owner(&dir);
    let (status, told) = in_background(&dir, &dir.host_path("waits_for_signal"));
    assert_eq!((status, is_one_failure(&told)), (125, true), "{told}");
    assert!(
        told.contains(&format!("is held by PID {}", host.pid())),
        "{told}"
    );
    assert!(told.contains("pidfile-run stop "), "{told}");
    assert_eq!(dir.content(), host.pid_line());
}

// ---- a file that another one has ----

#[test]
fn held_file_refuses_a_second_instance() {
    let dir = TestDir::new();
    let host = owner(&dir);
    let (status, told) = answer(starter(&dir).arg("true"));
    assert_eq!((status, is_one_failure(&told)), (125, true), "{told}");
    let force = launcher(&dir).args(["--force", "-p"]).arg(dir.pidfile());
    let ended = force.args(["echo", "beside it"]).run();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (exited(0), "beside it\n")
    );
    assert!(host.is_running());
    assert_eq!(dir.content(), host.pid_line());
}

// ---- waiting ----

#[test]
fn wait_ends_with_its_owner() {
    let dir = TestDir::new();
    let mut host = owner(&dir);
    let waits = launcher(&dir).arg("wait").arg(dir.pidfile()).spawn();
    let short = launcher(&dir).args(["wait", "-t", "0"]).arg(dir.pidfile());
    let (status, told) = answer(short);
    assert_eq!((status, is_one_failure(&told)), (1, true), "{told}");
    assert!(waits.is_running());
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(waits.wait().status, exited(0));
}

/// A shell that has started it, and becomes the command.
#[test]
fn wait_has_the_status_of_a_child() {
    for (end, status) in [("exit 42", 42), ("kill -KILL $$", 128 + libc::SIGKILL)] {
        let dir = TestDir::new();
        let go = dir.fifo("data/go");
        let script = r#"
            "$1" -p "$2" sh -c "read x <'$3'; $4" &
            until [ -s "$2" ]; do :; done
            exec "$1" wait "$2"
        "#;
        let waits = dir
            .program("/bin/sh")
            .plain()
            .env("LIBPIDFILE", library())
            .args(["-c", script, "sh"])
            .arg(pidfile_run())
            .arg(dir.pidfile())
            .arg(&go)
            .arg(end)
            .spawn();
        let descriptors = format!("/proc/{}/fd", waits.pid());
        let has_pidfd = || {
            let links = fs::read_dir(&descriptors).into_iter().flatten().flatten();
            let mut links = links.filter_map(|entry| fs::read_link(entry.path()).ok());
            links.any(|link| link.to_string_lossy().contains("pidfd"))
        };
        crate::common::wait_for(has_pidfd, "it waits");
        fs::write(&go, "\n").unwrap();
        assert_eq!(waits.wait().status, exited(status));
    }
}

// ---- for machines ----

fn json(words: &[&str], dir: &TestDir) -> (i32, String) {
    let (status, text) = answer(launcher(dir).args(words).arg("--json"));
    // A reader that is not ours.
    let script = "import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))";
    fs::write(dir.path("data/json"), &text).unwrap();
    let read = dir
        .program("/bin/sh")
        .plain()
        .args(["-c", "exec python3 -c \"$1\" <json", "sh", script])
        .run();
    assert_eq!(read.status, exited(0), "{text}");
    (status, read.stdout)
}

#[test]
fn json_names_state_and_process() {
    let dir = TestDir::new();
    let file = dir.pidfile();
    let file = file.to_str().unwrap();
    let (status, text) = json(&["status", file], &dir);
    assert_eq!(status, 3);
    let absent = format!(
        "{{\"age\": null, \"command\": null, \"file\": \"{file}\", \"named\": null, \"pid\": null, \
         \"state\": \"absent\", \"why\": null}}\n"
    );
    assert_eq!(text, absent);
    let host = owner(&dir);
    let (status, text) = json(&["status", file], &dir);
    assert_eq!(status, 0, "{text}");
    for part in [
        "\"state\": \"owned\"".into(),
        format!("\"pid\": {}", host.pid()),
        format!("\"named\": {}", host.pid()),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    for (name, content, state) in [
        ("b.pid", "99999999\n".to_owned(), "stale"),
        ("c.pid", "text\n".into(), "no-pid-file"),
        ("d.pid", format!("{}\n", std::process::id()), "foreign"),
    ] {
        fs::write(dir.path("run").join(name), content).unwrap();
        let (_, text) = json(&["list", dir.path("run").to_str().unwrap()], &dir);
        assert!(text.contains(&format!("\"state\": \"{state}\"")), "{text}");
    }
}

#[test]
fn check_as_json_says_what_would_happen() {
    let dir = TestDir::new();
    let program = dir.host_path("waits_for_eof");
    let file = dir.pidfile();
    let words = ["check", "-p", file.to_str().unwrap(), "--json"];
    let (status, text) = answer(launcher(&dir).args(words).arg(&program).arg("a b"));
    assert_eq!(status, 0, "{text}");
    for part in [
        "\"starts\": true",
        "\"findings\": []",
        "\"a b\"",
        &format!("\"library\": \"{}\"", library().display()),
        &format!("\"program\": \"{}\"", program.display()),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!dir.directory_has_changed(), "nothing was started");
}

// ---- colour ----

#[test]
fn colour_is_for_terminals_and_can_be_switched_off() {
    let dir = TestDir::new();
    fs::write(dir.pidfile(), "").unwrap();
    let on_terminal = |more: &str| {
        let script = format!("exec {more} \"$1\" list \"$2\"");
        let ended = dir
            .program("script")
            .plain()
            .env("TERM", "xterm")
            .env("S", script)
            .args(["-qec", "sh -c \"$S\" sh \"$P\" \"$R\"", "/dev/null"])
            .env("P", pidfile_run())
            .env("R", dir.path("run"))
            .run();
        assert_eq!(ended.status, exited(0), "{ended:?}");
        ended.stdout
    };
    assert!(on_terminal("").contains("\u{1b}["), "colour on a terminal");
    assert!(!on_terminal("env NO_COLOR=1").contains("\u{1b}["));
    let (_, plain) = answer(launcher(&dir).arg("list").arg(dir.path("run")));
    assert!(!plain.contains('\u{1b}'), "{plain}");
}

// ---- what the program finds ----

/// The standard library would open what is closed, and change these.
#[test]
fn signals_and_descriptors_are_as_they_were() {
    let dir = TestDir::new();
    let script = r#"
        trap '' PIPE USR1
        show() { grep -E '^Sig(Blk|Ign)' /proc/self/status; ls -l /proc/self/fd | sed -n 's/.* \([0-9]* -> [^ ]*\)$/\1/p' | grep -v /proc/; }
        exec <&-
        "$@" sh -c "$(declare -f show); show"
    "#;
    let run = |words: &[&str]| {
        let host = dir
            .program("/bin/bash")
            .plain()
            .args(["-c", script, "bash"]);
        let ended = host.args(words).run();
        assert_eq!(ended.status, exited(0), "{ended:?}");
        // Which file of the test directory it is differs, and which pipe.
        let lines = ended
            .stdout
            .lines()
            .map(|line| line.split(['[', 'p']).next().unwrap().to_owned());
        lines.collect::<Vec<_>>()
    };
    let command = pidfile_run();
    let library = library();
    let file = dir.pidfile();
    let [command, library, file] = [&command, &library, &file].map(|path| path.to_str().unwrap());
    let with = run(&[command, "--library", library, "-p", file, "--"]);
    let without = run(&["env", "--"]);
    assert_eq!(with, without);
}

// ---- what may keep the library away ----

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
