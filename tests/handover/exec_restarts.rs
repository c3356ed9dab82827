//! Exec when the file is gone is a start like any other; and who else is told apart at a start.

use crate::common::{
    HostCommand, NOTHING, Process, TestDir, calls_in, exited, is_watching, killed_by, library,
};
use std::fs;

fn host<'dir>(dir: &'dir TestDir, how: &str) -> HostCommand<'dir> {
    dir.host("restarts_by_exec").arg(how)
}

/// The new image has a file of its own, and ends as any other program.
#[track_caller]
fn is_owner_afresh(dir: &TestDir, mut host: Process, what: &str) {
    host.wait_until(
        |host| host.stdout().ends_with("restarted\nready\n"),
        "again",
    );
    assert_eq!(dir.content(), host.pid_line(), "{what}");
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(ended.status, exited(0), "{what}: {}", ended.stderr);
    assert!(
        ended.stderr.matches('\n').count() <= 1,
        "{what}: {}",
        ended.stderr
    );
}

/// A deletion is told once.
#[test]
fn exec_at_sigterm_of_deletion_starts_afresh() {
    for how in ["handler", "loop"] {
        for settings in [
            ("PIDFILE_WATCH", "auto"),
            ("PIDFILE_WATCH", "poll:0.01"),
            ("PIDFILE_STRICT", "1"),
        ] {
            let dir = TestDir::new();
            let host = host(&dir, how).env(settings.0, settings.1).spawn_owner();
            if settings.1 == "auto" {
                host.wait_until(|host| is_watching(host.pid()), "watching");
            }
            dir.remove_pidfile();
            is_owner_afresh(&dir, host, &format!("{how}, {settings:?}"));
            assert_eq!(dir.leftovers(), NOTHING, "{how}");
        }
    }
}

#[test]
fn exec_after_own_removal_starts_afresh() {
    for how in ["unlink", "rename", "destructor"] {
        for settings in [
            ("PIDFILE_WATCH", "auto"),
            ("PIDFILE_WATCH", "off"),
            ("PIDFILE_STRICT", "1"),
        ] {
            let dir = TestDir::new();
            let mut host = host(&dir, how).env(settings.0, settings.1).spawn_owner();
            host.write_stdin(b"\n");
            is_owner_afresh(&dir, host, &format!("{how}, {settings:?}"));
        }
    }
}

/// A file that was replaced is lost, but the service goes on serving, also as another image and the one after. It leaves the
/// file alone, whether it is there or not.
#[test]
fn exec_after_replacement_runs_and_leaves_file() {
    for (strict, is_noticed, is_removed) in [
        ("0", false, false),
        ("1", false, true),
        ("1", true, false),
        ("1", true, true),
    ] {
        let what = format!("strict {strict}, noticed {is_noticed}, removed {is_removed}");
        let dir = TestDir::new();
        let other = dir.host("waits_for_signal").plain().spawn();
        let program = dir.host_path("waits_for_eof");
        let script = "read line; exec dash -c 'read line; exec \"$0\"' \"$1\"";
        let host = dir.program("dash").args(["-c", script, "sh"]).arg(program);
        let mut host = host.env("PIDFILE_STRICT", strict).spawn();
        host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
        host.wait_until(|host| is_watching(host.pid()), "watching");
        if !is_noticed {
            host.signal(libc::SIGSTOP);
        }
        fs::write(dir.path("data/new"), other.pid_line()).unwrap();
        fs::rename(dir.path("data/new"), dir.pidfile()).unwrap();
        if is_noticed {
            host.wait_until(|host| host.stderr().contains("left alone"), "told");
        }
        host.write_stdin(b"\n");
        host.signal(libc::SIGCONT);
        host.wait_until(
            |host| {
                !fs::read_to_string(format!("/proc/{}/cmdline", host.pid()))
                    .unwrap()
                    .contains("exec dash")
            },
            "another image",
        );
        // It has looked at the file by then: what is deleted before that is the owner's file.
        let waits_for_input = |host: &Process| {
            let call = fs::read_to_string(format!("/proc/{}/syscall", host.pid()));
            call.unwrap_or_default()
                .starts_with(&format!("{} 0x0 ", libc::SYS_read))
        };
        host.wait_until(waits_for_input, "the other image reads its input");
        if is_removed {
            dir.remove_pidfile();
        }
        host.write_stdin(b"\n");
        host.wait_until_ready();
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "{what}");
        let left = if is_removed { vec![] } else { vec!["a.pid"] };
        assert_eq!(dir.leftovers(), left, "{what}");
        if !is_removed {
            assert_eq!(dir.content(), other.pid_line(), "{what}");
        }
    }
}

/// systemd starts `ExecReload=` and its like with the settings of the service.
#[test]
fn strict_lets_commands_for_the_owner_run() {
    let dir = TestDir::new();
    let owner = dir.host("waits_for_eof").spawn_owner();
    let pid = owner.pid().to_string();
    let strict = |name: &str| dir.program(name).env("PIDFILE_STRICT", "1");
    let commands = [
        strict("kill").args(["-0", &pid]),
        strict("dash").args(["-c", "kill -0 \"$1\"", "sh", &pid]),
        strict("dash")
            .args(["-c", "kill -0 $MAINPID"])
            .env("MAINPID", &pid),
    ];
    for command in commands {
        let ended = command.run();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    }
    let other = strict("dash")
        .args(["-c", "exit 0"])
        .env("MAINPID", "1")
        .run();
    assert_eq!(other.status, exited(1));
    assert_eq!(dir.content(), owner.pid_line());
}

#[test]
fn second_copy_of_library_is_inert() {
    for strict in ["0", "1"] {
        for copy_first in [false, true] {
            let dir = TestDir::new();
            let (first, second) = (library(), dir.copy(&library(), "755"));
            let (first, second) = (first.display(), second.display());
            let preload = if copy_first {
                format!("{second}:{first}")
            } else {
                format!("{first}:{second}")
            };
            let host = dir.host("waits_for_eof").env("LD_PRELOAD", &preload);
            let mut host = host.env("PIDFILE_STRICT", strict).spawn_owner();
            host.close_stdin();
            let ended = host.wait();
            assert_eq!(
                (ended.status, ended.stderr.as_str()),
                (exited(0), ""),
                "{preload}"
            );
            assert_eq!(dir.leftovers(), NOTHING, "{preload}");

            let host = dir.host("waits_for_eof").env("LD_PRELOAD", &preload);
            let host = host.spawn_owner();
            host.wait_until(|host| is_watching(host.pid()), "watching");
            dir.remove_pidfile();
            assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{preload}");
        }
    }
}

/// Somebody has saved an environment, and uses it after a reboot. The clock may have been set instead.
#[test]
fn mark_of_an_earlier_boot_is_none() {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let id: String = id.chars().filter(|&digit| digit != '-').take(16).collect();
    for (boot, is_owner) in [(id.as_str(), false), ("1234567890abcdef", true)] {
        for role in ["owner", "standby", "inert"] {
            let dir = TestDir::new();
            let path = dir.pidfile();
            let variable = format!("{role}:1:0:0:0:0:ff:1:{boot}:{}", path.display());
            let host = dir.host("waits_for_eof").env("LIBPIDFILE_MARK", variable);
            let mut host = host.spawn_ready();
            assert_eq!(path.exists(), is_owner, "{role}, {boot}");
            host.close_stdin();
            let ended = host.wait();
            assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
        }
    }
}

/// From its first instruction to its exec a bystander makes the calls that it would make, and asks for its PID.
#[test]
fn bystanders_exec_makes_no_call_more() {
    let calls = |is_active: bool| {
        let dir = TestDir::new();
        let log = dir.path("out/strace");
        let mut strace = dir.program("strace").plain();
        strace = strace.args(["--follow-forks", "--signal=none", "--quiet=all"]);
        if is_active {
            strace = strace.args([
                format!("--env=LD_PRELOAD={}", library().display()),
                format!("--env=PIDFILE={}", dir.pidfile().display()),
            ]);
        }
        let ended = strace
            .arg("--output")
            .arg(&log)
            .args(["dash", "-c", "\"$1\" execv; exit $?", "sh"])
            .arg(dir.host_path("execs_at_once"))
            .run();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(4), ""));
        let log = fs::read_to_string(log).unwrap();
        let calls = calls_in(&log);
        let (child, _) = calls.iter().rfind(|(_, name)| *name == "execve").unwrap();
        let calls = calls.iter().filter(|(task, _)| task == child);
        let calls: Vec<&str> = calls.map(|(_, name)| *name).collect();
        // The loader's last work is to give back the index of all libraries.
        let end = calls.iter().rposition(|name| *name == "execve").unwrap();
        let loaded = calls[..end]
            .iter()
            .rposition(|name| *name == "munmap")
            .unwrap();
        calls[loaded + 1..=end]
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(calls(false), ["execve"]);
    assert_eq!(calls(true), ["getpid", "execve"]);
}

/// The program has removed its file itself, and another one owns the path by the time it calls exec: it serves already.
#[test]
fn exec_after_own_removal_beside_an_owner_runs() {
    let dir = TestDir::new();
    let script = "import os, sys\n\
        sys.stdin.readline(); os.unlink(sys.argv[1]); print('removed', flush=True)\n\
        sys.stdin.readline(); os.execv(sys.argv[2], sys.argv[2:])";
    let host = dir.program("/usr/bin/python3").args(["-c", script]);
    let host = host.arg(dir.pidfile()).arg(dir.host_path("waits_for_eof"));
    let mut host = host.env("PIDFILE_STRICT", "1").spawn();
    host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
    host.write_stdin(b"\n");
    host.wait_until(|host| host.stdout().contains("removed"), "without a file");
    let mut other = dir.host("waits_for_eof").spawn_owner();
    host.write_stdin(b"\n");
    host.wait_until_ready();
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.content(), other.pid_line());
    other.close_stdin();
    assert_eq!(other.wait().status, exited(0));
}
