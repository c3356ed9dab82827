//! `pidfile-run`: starts a program with a PID file, in its own place.

use crate::common::{
    HostCommand, NOTHING, TestDir, exited, launcher, library, pidfile_run, refuses, starter,
};
use std::fs;

fn environment_of(pid: i32) -> Vec<String> {
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let mut variables: Vec<String> = environment.split_terminator('\0').map(Into::into).collect();
    variables.sort();
    variables
}

#[test]
fn program_replaces_launcher_and_owns_file() {
    let dir = TestDir::new();
    let mut host = starter(&dir)
        .arg(dir.host_path("waits_for_eof"))
        .spawn_ready();
    assert_eq!(dir.content(), host.pid_line());
    assert!(!dir.an_outsider_can_lock());
    let arguments = fs::read(format!("/proc/{}/cmdline", host.pid())).unwrap();
    let expected = format!("{}\0", dir.host_path("waits_for_eof").display());
    assert_eq!(String::from_utf8_lossy(&arguments), expected);
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn arguments_output_and_status_pass_through() {
    let dir = TestDir::new();
    let ended = starter(&dir)
        .args(["printf", "<%s>", "a b", "", "--pidfile", "$x*"])
        .run();
    assert_eq!(ended.stdout, "<a b><><--pidfile><$x*>");
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    let ended = starter(&dir)
        .arg(dir.host_path("returns_status"))
        .arg("42")
        .run();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(42), ""));
}

#[test]
fn command_is_one_small_file() {
    let size = fs::metadata(pidfile_run()).unwrap().len();
    assert!(size < 2 * 1024 * 1024, "{size}");
}

/// Nothing is needed of the system, not even a PATH that leads somewhere.
#[test]
fn launcher_needs_no_other_tools() {
    let dir = TestDir::new();
    let starter = || starter(&dir).env("PATH", "");
    let host = starter().arg(dir.host_path("waits_for_eof_static"));
    refuses(&dir, host, 125, &["static program"]);
    let mut host = starter().arg(dir.host_path("waits_for_eof")).spawn_owner();
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
}

/// Also variables that no shell would hand on.
#[test]
fn environment_is_otherwise_unchanged() {
    let names = [
        "file",
        "IFS",
        "a.b",
        "LIBPIDFILE_X",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    let dir = TestDir::new();
    let mut starter = starter(&dir)
        .arg(dir.host_path("waits_for_eof"))
        .env("PIDFILE", "/the program's own");
    for name in names {
        starter = starter.env(name, "as it\nwas");
    }
    let host = starter.spawn_ready();
    let mut expected = vec![
        "LANG=C.UTF-8".to_owned(),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        "PIDFILE=/the program's own".to_owned(),
        "PIDFILE_STRICT=1".to_owned(),
        format!("LD_PRELOAD={}", library().display()),
        format!("LIBPIDFILE={}", library().display()),
        format!("PIDFILE_PATH={}", dir.pidfile().display()),
    ];
    expected.extend(names.map(|name| format!("{name}=as it\nwas")));
    expected.sort();
    assert_eq!(environment_of(host.pid()), expected);
}

#[test]
fn existing_preload_entries_stay() {
    let dir = TestDir::new();
    let old = "/nowhere/libpidfile.so:libm.so.6 libdl.so.2";
    let host = starter(&dir)
        .arg(dir.host_path("waits_for_eof"))
        .env("LD_PRELOAD", old)
        .spawn_ready();
    let preload = format!("LD_PRELOAD=libm.so.6:libdl.so.2:{}", library().display());
    assert!(environment_of(host.pid()).contains(&preload));
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid())).unwrap();
    assert!(maps.contains("libm.so.6"));
    assert_eq!(dir.content(), host.pid_line());
}

#[test]
fn options_become_settings() {
    let options = [
        ("--exe=waits_for_eof", "PIDFILE_EXE=waits_for_eof"),
        ("--follow=off", "PIDFILE_FOLLOW=off"),
        ("--signal=INT", "PIDFILE_SIGNAL=INT"),
        ("--kill-after=2.5", "PIDFILE_KILL_AFTER=2.5"),
        ("--watch=poll:0.1", "PIDFILE_WATCH=poll:0.1"),
        ("--strict", "PIDFILE_STRICT=1"),
        ("--guard", "PIDFILE_GUARD=1"),
        ("--log=syslog", "PIDFILE_LOG=syslog"),
    ];
    let dir = TestDir::new();
    for separate in [false, true] {
        let mut starter = launcher(&dir);
        for (option, _) in options {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            starter = match separate {
                true if !value.is_empty() => starter.args([name, value]),
                _ => starter.arg(option),
            };
        }
        let host = starter
            .arg(format!("--pidfile={}", dir.pidfile().display()))
            .arg(dir.host_path("waits_for_eof"))
            .spawn_ready();
        let environment = environment_of(host.pid());
        for (option, variable) in options {
            assert!(environment.contains(&variable.to_owned()), "{option}");
        }
        assert_eq!(dir.content(), host.pid_line());
    }
}

#[test]
fn relative_file_counts_from_start_directory() {
    let dir = TestDir::new();
    let script = dir.executable("moves", "#!/bin/sh\ncd /; exec \"$@\"\n");
    launcher(&dir)
        .args(["-p", "../run/a.pid", "-e", "waits_for_eof"])
        .arg(script)
        .arg(dir.host_path("waits_for_eof"))
        .spawn_owner();
}

#[test]
fn trace_reports_the_life_of_the_file() {
    let dir = TestDir::new();
    let mut host = launcher(&dir)
        .arg("--trace")
        .arg("-p")
        .arg(dir.pidfile())
        .arg(dir.host_path("waits_for_eof"))
        .spawn_ready();
    let pid = host.pid();
    host.close_stdin();
    let told = host.wait().stderr;
    assert!(told.contains(&format!("names PID {pid} now")), "{told}");
    assert!(told.contains("removed: the program ends"), "{told}");
}

#[test]
fn file_comes_from_environment_or_command_line() {
    let dir = TestDir::new();
    let path = dir.pidfile();
    let program = dir.host_path("waits_for_eof");
    let starter = || launcher(&dir).arg(&program);
    for starter in [
        starter().env("PIDFILE", &path),
        starter().env("PIDFILE_PATH", &path),
        starter().args(["-kernel", "pidfile", &format!("{path:?}")]),
    ] {
        let mut host = starter.spawn_owner();
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0));
    }
    refuses(&dir, starter(), 125, &["no PID file", "-p FILE"]);
}

#[test]
fn wrong_use_is_refused_before_the_start() {
    let dir = TestDir::new();
    let wrong: [(&[&str], &str); 4] = [
        (&["-p"], "--pidfile: wants a value"),
        (&["--follow"], "--follow: wants a value"),
        (&["--nonsense", "true"], "--nonsense: no such option"),
        (&["-p", "a.pid", "--"], "no command"),
    ];
    for (words, told) in wrong {
        let host = launcher(&dir).args(words);
        refuses(&dir, host, 125, &[told, "pidfile-run"]);
    }
}

/// Five lines that get somebody going who has never used it.
#[test]
fn no_words_show_the_first_steps() {
    let dir = TestDir::new();
    let ended = launcher(&dir).run();
    assert_eq!((ended.status, ended.stdout.as_str()), (exited(125), ""));
    assert_eq!(ended.stderr.lines().count(), 5);
    assert!(ended.stderr.starts_with("pidfile-run: no command"));
}

#[test]
fn command_named_like_sub_command_runs() {
    let dir = TestDir::new();
    dir.executable("status", "#!/bin/sh\necho mine\n");
    let path = format!("{}:/usr/bin:/bin", dir.path("bin").display());
    let ended = starter(&dir).arg("status").env("PATH", path).run();
    assert_eq!((ended.status, ended.stdout.as_str()), (exited(0), "mine\n"));
}

/// Nothing else would tell of them: the program runs, and there is no file.
#[test]
fn typing_errors_are_told_in_one_line() {
    let dir = TestDir::new();
    let line = |start: HostCommand| {
        let ended = start.run();
        assert_eq!(ended.status, exited(0), "{ended:?}");
        assert!(ended.stderr.lines().count() <= 1, "{}", ended.stderr);
        ended.stderr
    };
    let start = |name: &str| launcher(&dir).args(["-e", name, "-p"]).arg(dir.pidfile());
    let typo = line(start("typpo").args(["sleep", "0"]));
    assert!(
        typo.starts_with("pidfile-run: note: typpo: is the only program that may own"),
        "{typo}"
    );
    // A shell, a script and a wrapper may come to start it.
    assert_eq!(line(start("mkfifo").args(["sleep", "0"])), "");
    assert_eq!(
        line(start("typpo").args(["sh", "-c", "false && typpo; true"])),
        ""
    );
    let script = dir.executable("script", "#!/bin/sh\nfalse && typpo\ntrue\n");
    assert_eq!(line(start("typpo").arg(script)), "");

    let misspelt = starter(&dir).args(["sleep", "0"]).env("PIDFILE_STRCT", "1");
    let misspelt = line(misspelt);
    assert!(
        misspelt.contains("PIDFILE_STRCT: is no setting"),
        "{misspelt}"
    );
    assert!(misspelt.contains("is it PIDFILE_STRICT?"), "{misspelt}");
    let other = starter(&dir)
        .args(["sleep", "0"])
        .env("PIDFILE_OF_MINE", "1");
    assert_eq!(line(other), "");
}
