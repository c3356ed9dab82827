//! Settings that make no sense, in every variable: each is told in one line, and the default used.

use crate::common::{
    Descendants, Ended, NOTHING, TestDir, daemonize_with, exited, is_watching, killed_by,
};
use crate::variables::{ENORMOUS, VARIABLES, default_of};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;

fn shown(value: &OsStr) -> String {
    let text = format!("{value:?}");
    text.chars().take(60).collect()
}

/// Of all that was said, one line, about this variable.
#[track_caller]
fn one_line_about(variable: &str, stderr: &str, value: &OsStr) {
    let (what, bytes) = (shown(value), stderr.len());
    let wanted = format!("/run/a.pid: {variable}=");
    let is_it = stderr.starts_with("libpidfile: ")
        && stderr.contains(&wanted)
        && stderr.ends_with(&format!("; using the default, {}\n", default_of(variable)));
    assert!(is_it, "{variable}={what}: {stderr:?}");
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!stderr.contains(odd), "{variable}={what}: {stderr:?}");
    assert_eq!(stderr.lines().count(), 1, "{variable}={what}: {stderr:?}");
    assert!(bytes < 2000, "{variable}={what}: {bytes} bytes");
}

#[test]
fn bad_value_is_reported_in_one_line() {
    let mut count = 0;
    for variable in VARIABLES {
        let dir = TestDir::new();
        for value in variable.bad_values() {
            let host = dir.host("returns_status").arg("3");
            let ended = host.env(variable.name, &value).run();
            one_line_about(variable.name, &ended.stderr, &value);
            let what = shown(&value);
            assert_eq!(ended.status, exited(3), "{}={what}", variable.name);
            assert_eq!(ended.stdout, "", "{}={what}", variable.name);
            assert_eq!(dir.leftovers(), NOTHING, "{}={what}", variable.name);
            assert!(dir.directory_has_changed(), "{}={what}", variable.name);
            count += 1;
        }
    }
    println!("{count} bad values");
    assert!(count > 300, "{count}");
}

#[test]
fn each_of_many_bad_values_is_reported() {
    for value in ["?", "\n", &"x".repeat(ENORMOUS)] {
        let dir = TestDir::new();
        let mut host = dir.host("returns_status").arg("3");
        let mut wanted = BTreeSet::new();
        for variable in VARIABLES {
            host = host.env(variable.name, value);
            wanted.insert(variable.name);
        }
        let ended = host.run();
        assert_eq!(ended.status, exited(3));
        assert_eq!(
            ended.stderr.lines().count(),
            wanted.len(),
            "{}",
            ended.stderr
        );
        let lines = ended.stderr.lines();
        let named = lines.filter_map(|line| {
            let (name, _) = line.split_once(".pid: ")?.1.split_once('=')?;
            VARIABLES
                .iter()
                .map(|variable| variable.name)
                .find(|known| *known == name)
        });
        assert_eq!(named.collect::<BTreeSet<_>>(), wanted);
    }
}

#[test]
fn empty_value_counts_as_unset() {
    let names = VARIABLES.iter().map(|variable| variable.name);
    for name in names.chain(["PIDFILE_EXE", "PIDFILE_PATH"]) {
        // An empty path is a path: none.
        let is_path = name == "PIDFILE_PATH";
        let dir = TestDir::new();
        let host = dir.host("returns_status").arg("3").env(name, "");
        let ended = host.run();
        assert_eq!((ended.status, &*ended.stderr), (exited(3), ""), "{name}");
        assert_eq!(dir.directory_has_changed(), !is_path, "{name}");
    }
}

#[test]
fn strict_in_any_spelling_refuses_to_run() {
    for (value, status) in [
        ("1", 1),
        ("yes", 1),
        ("True", 1),
        ("on", 1),
        ("0", 3),
        ("no", 3),
        ("FALSE", 3),
        ("off", 3),
    ] {
        for pidfile in ["missing/a.pid", &"x".repeat(5000)] {
            let dir = TestDir::new();
            let host = dir.host("returns_status").arg("3");
            let host = host.env("PIDFILE", dir.path(pidfile));
            let ended = host.env("PIDFILE_STRICT", value).run();
            assert_eq!(ended.status, exited(status), "{value}: {}", ended.stderr);
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        }
    }
}

/// What stands for all the others where it takes longer to see that the default is used.
fn some() -> [OsString; 4] {
    [
        "?".into(),
        "\n".into(),
        OsString::from_vec(b"\xff".to_vec()),
        "x".repeat(ENORMOUS).into(),
    ]
}

#[test]
fn bad_value_uses_default_watch_signal_and_log() {
    for name in ["PIDFILE_WATCH", "PIDFILE_SIGNAL", "PIDFILE_LOG"] {
        for value in some() {
            let dir = TestDir::new();
            let host = dir.host("waits_for_signal").env(name, &value).spawn_owner();
            assert!(!dir.an_outsider_can_lock());
            host.wait_until(|host| is_watching(host.pid()), "watching by inotify");
            let complaint = host.stderr();
            one_line_about(name, &complaint, &value);
            dir.remove_pidfile();
            let ended = host.wait();
            assert_eq!(ended.status, killed_by(libc::SIGTERM), "{name}");
            let more = ended.stderr.strip_prefix(&complaint).unwrap_or_default();
            assert!(more.contains("was deleted"), "{}", ended.stderr);
            assert_eq!(more.lines().count(), 1, "{}", ended.stderr);
        }
    }
}

#[test]
fn bad_kill_after_sends_no_sigkill() {
    for value in ["-1", "1e-9", "."] {
        let dir = TestDir::new();
        let host = dir.host("survives_sigterm");
        let mut host = host.env("PIDFILE_KILL_AFTER", value).spawn_ready();
        dir.remove_pidfile();
        host.wait_until(|host| host.stderr().contains("was deleted"), "told");
        host.signal(libc::SIGUSR1);
        let heard = format!("signal {}\n", libc::SIGUSR1);
        host.wait_until(|host| host.stdout().contains(&heard), "still there");
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "{value}");
    }
}

#[test]
fn bad_strict_runs_beside_an_owner() {
    for value in some() {
        let dir = TestDir::new();
        let owner = dir.host("waits_for_signal").spawn_ready();
        let host = dir.host("returns_status").arg("3");
        let Ended { status, stderr, .. } = host.env("PIDFILE_STRICT", &value).run();
        assert_eq!(status, exited(3), "{stderr}");
        let (complaint, held) = stderr.split_at(stderr.find('\n').unwrap() + 1);
        one_line_about("PIDFILE_STRICT", complaint, &value);
        assert!(
            held.contains("runs beside it") && held.lines().count() == 1,
            "{held}"
        );
        assert_eq!(dir.content(), owner.pid_line());
    }
}

#[test]
fn bad_follow_lets_only_session_leader_inherit() {
    for value in ["?", "FORK", "off "] {
        let settings = [("PIDFILE_FOLLOW", value)];
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let daemon = daemonize_with(&dir, &["fork", "setsid"], &settings);
        daemon.signal(libc::SIGKILL);
        daemon.wait();

        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let launcher = dir.host("daemonizes").args(["fork"]);
        let launcher = launcher.env("PIDFILE_FOLLOW", value).run();
        assert_eq!(launcher.status, exited(0), "{launcher:?}");
        one_line_about("PIDFILE_FOLLOW", &launcher.stderr, OsStr::new(value));
        assert_eq!(dir.leftovers(), NOTHING, "{value}");
    }
}

/// Garbage in a path is a path like any other, as long as it fits.
#[test]
fn enormous_path_is_one_message() {
    for name in ["PIDFILE", "PIDFILE_PATH"] {
        for value in ["/x", "x", "/", "\n", "\u{e4}/"] {
            let dir = TestDir::new();
            let host = dir.host("returns_status").arg("3");
            let value = value.repeat(ENORMOUS / value.len());
            let ended = host.env(name, &value).run();
            assert_eq!(ended.status, exited(3));
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
            assert!(ended.stderr.starts_with("libpidfile: "), "{}", ended.stderr);
            assert!(ended.stderr.contains("too long"), "{}", ended.stderr);
            assert!(ended.stderr.len() < 2000, "{} bytes", ended.stderr.len());
            assert_eq!(dir.leftovers(), NOTHING);
        }
    }
}

/// They name no program that there is, so nothing at all is done.
#[test]
fn exe_naming_no_program_does_nothing() {
    let variable = &VARIABLES[0];
    let dir = TestDir::new();
    for value in variable.bad_values() {
        if value.is_empty() {
            continue;
        }
        let host = dir.host("returns_status").arg("3");
        let ended = host.env("PIDFILE_EXE", &value).run();
        let what = shown(&value);
        assert_eq!((ended.status, &*ended.stderr), (exited(3), ""), "{what}");
        assert!(!dir.directory_has_changed(), "{what}");
    }
}

/// What somebody else has left there counts for nothing.
#[test]
fn foreign_mark_is_ignored() {
    let dir = TestDir::new();
    let path = fs::canonicalize(dir.path("run")).unwrap().join("a.pid");
    let path = path.to_str().unwrap();
    let mut values = VARIABLES[0].bad_values();
    let zeros = ":0:0:0:0:0:";
    values.extend([
        format!("owner:0{zeros}{path}").into(),
        format!("owner:-1{zeros}{path}").into(),
        format!("owner:99999999999{zeros}{path}").into(),
        format!("king:1{zeros}{path}").into(),
        format!("owner:1:::::::{path}").into(),
        format!("owner:1{zeros}").into(),
        format!("owner:1{zeros}{path}x").into(),
        format!("aside:1:{}:0:0:0:0:{path}", "f".repeat(17)).into(),
    ]);
    for value in values {
        let host = dir.host("returns_status").arg("3");
        let ended = host.env("LIBPIDFILE_MARK", &value).run();
        let what = shown(&value);
        assert_eq!((ended.status, &*ended.stderr), (exited(3), ""), "{what}");
        assert!(dir.directory_has_changed(), "no file: {what}");
        assert_eq!(dir.leftovers(), NOTHING, "{what}");
    }
}

/// On the command line of anything but Erlang it may mean anything: it is passed over without a word.
#[test]
fn command_line_without_path_is_passed_over() {
    let dir = TestDir::new();
    for value in VARIABLES[0].bad_values() {
        for [flag, name] in [
            ["-kernel", "pidfile"],
            ["-kernel", ""],
            ["pidfile", "-kernel"],
        ] {
            let host = dir.host("returns_status").args(["3", flag, name]);
            let ended = host.arg(&value).run();
            let what = shown(&value);
            assert_eq!((ended.status, &*ended.stderr), (exited(3), ""), "{what}");
            assert!(dir.directory_has_changed(), "no file: {what}");
        }
    }
}
