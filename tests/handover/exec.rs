//! An owner that calls exec stays the owner: the PID is the same, so the file is the same.

use crate::common::{
    HostCommand, NOTHING, Process, SHELLS, TestDir, exited, is_watching, killed_by, library,
};
use std::os::unix::fs::chown;
use std::path::PathBuf;

const NOBODY: u32 = 65534;

/// A shell that becomes an owner and, once a line of input has come, another program.
pub fn shell_that_execs<'dir>(dir: &'dir TestDir, shell: &str, program: &str) -> HostCommand<'dir> {
    dir.shell(shell)
        .args(["-c", &format!("read line; exec {program}"), "sh"])
}

pub fn wait_until_owner(dir: &TestDir, host: &Process) {
    host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
}

/// Lets an owner call exec, and sees that the new image is the owner of the same file.
fn stays_the_owner(host: impl Fn(&TestDir) -> HostCommand<'_>, what: &str) {
    let dir = TestDir::new();
    let mut process = becomes_another(&dir, host(&dir), what);
    process.close_stdin();
    let ended = process.wait();
    assert_eq!(ended.status, exited(0), "{what}");
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("ready\n", ""),
        "{what}"
    );
    assert_eq!(dir.leftovers(), NOTHING, "{what}");

    let dir = TestDir::new();
    let process = becomes_another(&dir, host(&dir), what);
    process.wait_until(|process| is_watching(process.pid()), "watching");
    dir.remove_pidfile();
    assert_eq!(process.wait().status, killed_by(libc::SIGTERM), "{what}");

    let dir = TestDir::new();
    let process = becomes_another(&dir, host(&dir), what);
    process.signal(libc::SIGKILL);
    process.wait();
    assert!(dir.an_outsider_can_lock(), "{what}");
}

fn becomes_another(dir: &TestDir, host: HostCommand, what: &str) -> Process {
    let mut process = host.spawn();
    wait_until_owner(dir, &process);
    let before = dir.identity();
    process.write_stdin(b"\n");
    process.wait_until_ready();
    assert_eq!(dir.identity(), before, "{what}");
    assert_eq!(dir.content(), process.pid_line(), "{what}");
    assert!(!dir.an_outsider_can_lock(), "{what}");
    assert_eq!(dir.leftovers(), ["a.pid"], "{what}");
    process
}

#[test]
fn exec_by_a_shell_keeps_file() {
    for shell in SHELLS {
        stays_the_owner(
            |dir| shell_that_execs(dir, shell, "\"$@\"").arg(dir.host_path("waits_for_eof")),
            shell,
        );
    }
}

#[test]
fn exec_by_usual_launchers_keeps_file() {
    for launcher in [
        "env A=1",
        "env --unset=A",
        "nice",
        "nohup",
        "chrt --other 0",
        "ionice --class 2",
        "stdbuf --output=L",
        "setpriv --no-new-privs",
        "sh -c 'exec \"$@\"' sh",
        "env nice stdbuf --output=L setpriv --no-new-privs bash -c 'exec dash -c \"exec \\$0\" $0'",
    ] {
        stays_the_owner(
            |dir| {
                shell_that_execs(dir, "dash", &format!("{launcher} \"$@\""))
                    .arg(dir.host_path("waits_for_eof"))
            },
            launcher,
        );
    }
}

#[test]
#[ignore = "needs root"]
fn exec_by_root_dropping_launchers_keeps_file() {
    for launcher in [
        "setpriv --reuid=65534 --regid=65534 --clear-groups",
        "start-stop-daemon --start --chuid 65534:65534 --pidfile /nonexistent --startas /usr/bin/env --",
    ] {
        stays_the_owner(
            |dir| {
                chown(dir.path("run"), Some(NOBODY), None).unwrap();
                let host = dir.copy(&dir.host_path("waits_for_eof"), "755");
                shell_that_execs(dir, "dash", &format!("{launcher} \"$@\""))
                    .env("LD_PRELOAD", dir.copy(&library(), "755"))
                    .arg(host)
            },
            launcher,
        );
    }
}

#[test]
fn exec_a_hundred_times_keeps_file() {
    stays_the_owner(
        |dir| {
            shell_that_execs(dir, "dash", "\"$@\"")
                .arg(dir.host_path("execs_itself"))
                .arg("100")
        },
        "execs_itself",
    );
}

#[test]
fn exec_from_a_thread_keeps_file() {
    stays_the_owner(
        |dir| {
            shell_that_execs(dir, "dash", "\"$@\"")
                .args(["execs_from_thread", "waits_for_eof"].map(|name| dir.host_path(name)))
        },
        "execs_from_thread",
    );
}

#[test]
fn exec_with_chosen_environment_keeps_file() {
    stays_the_owner(
        |dir| {
            let hosts = ["execs_with_chosen_environment", "waits_for_eof"];
            shell_that_execs(dir, "dash", "\"$@\"").args(hosts.map(|name| dir.host_path(name)))
        },
        "execs_with_chosen_environment",
    );
}

#[test]
fn exec_with_relative_path_after_chdir_keeps_file() {
    stays_the_owner(
        |dir| {
            shell_that_execs(dir, "dash", "env --chdir=/ \"$@\"")
                .current_dir(dir.path("run"))
                .env("PIDFILE", "a.pid")
                .arg(dir.host_path("waits_for_eof"))
        },
        "a relative path",
    );
}

#[test]
fn failed_exec_keeps_file() {
    let dir = TestDir::new();
    let mut host = dir.host("fails_to_exec").spawn_owner();
    assert!(!dir.an_outsider_can_lock());
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);

    let host = dir.host("fails_to_exec").spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// No thread can be started while another thread is in execve(2) (copy_fs in the kernel's kernel/fork.c).
#[test]
fn exec_that_fails_for_long_does_not_keep_the_watch_away() {
    let dir = TestDir::new();
    // Whether this can be run is not known before the kernel has begun.
    let program = dir.executable("without-interpreter", "#!/nonexistent\n");
    let host = dir.host("fails_to_exec").arg(program).arg("5000");
    let host = host.env("PIDFILE_LOG", "stderr").spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    dir.remove_pidfile();
    let ended = host.wait();
    assert_eq!(ended.status, killed_by(libc::SIGTERM));
    assert!(!ended.stderr.contains("polling"), "{}", ended.stderr);
}

/// Others who want the file see its lock free for a moment each time.
#[test]
fn exec_beside_second_instances_keeps_file() {
    let dir = TestDir::new();
    let mut owner = shell_that_execs(&dir, "dash", "\"$@\"")
        .arg(dir.host_path("execs_itself"))
        .arg("300")
        .spawn();
    wait_until_owner(&dir, &owner);
    let before = dir.identity();
    owner.write_stdin(b"\n");
    let mut others = 0;
    while !owner.stdout().contains("ready\n") {
        let other = dir.host("returns_status").arg("3").run();
        assert_eq!(other.status, exited(3));
        assert!(
            other.stderr.contains(&format!("PID {}", owner.pid())),
            "{}",
            other.stderr
        );
        others += 1;
    }
    assert_ne!(others, 0);
    assert_eq!(dir.identity(), before);
    assert!(!dir.an_outsider_can_lock());
    owner.close_stdin();
    let ended = owner.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// The new image is without us: the file stays, with the right PID, and nobody holds its lock.
fn leaves_us_behind(dir: &TestDir, host: HostCommand, what: &str) {
    let mut host = host.spawn();
    wait_until_owner(dir, &host);
    let before = dir.identity();
    host.write_stdin(b"\n");
    host.wait_until_ready();
    assert_eq!(dir.identity(), before, "{what}");
    assert_eq!(dir.content(), host.pid_line(), "{what}");
    assert!(dir.an_outsider_can_lock(), "{what}");
    host.close_stdin();
    let stale = host.pid_line();
    assert_eq!(host.wait().status, exited(0), "{what}");
    assert_eq!(dir.content(), stale, "{what}");

    // From now on it is a stale file like any other.
    let mut next = dir.host("waits_for_eof").spawn_ready();
    assert_eq!(dir.content(), next.pid_line(), "{what}");
    next.close_stdin();
    assert_eq!(next.wait().status, exited(0), "{what}");
    assert_eq!(dir.leftovers(), NOTHING, "{what}");
}

#[test]
fn exec_with_empty_environment_leaves_stale_file() {
    let dir = TestDir::new();
    let host = shell_that_execs(&dir, "dash", "env -i \"$@\"");
    let host = host.arg(dir.host_path("waits_for_eof"));
    leaves_us_behind(&dir, host, "env -i");
}

#[test]
fn exec_of_static_program_leaves_stale_file() {
    let dir = TestDir::new();
    let host = shell_that_execs(&dir, "dash", "\"$@\"");
    let host = host.arg(dir.host_path("waits_for_eof_static"));
    leaves_us_behind(&dir, host, "static");
}

#[test]
#[ignore = "needs root"]
fn exec_of_setuid_program_leaves_stale_file() {
    let dir = TestDir::new();
    chown(dir.path("run"), Some(NOBODY), None).unwrap();
    let setuid: PathBuf = dir.copy(&dir.host_path("waits_for_eof"), "4755");
    let host = shell_that_execs(&dir, "dash", "\"$@\"")
        .env("LD_PRELOAD", dir.copy(&library(), "755"))
        .arg(setuid)
        .run_by_nobody();
    leaves_us_behind(&dir, host, "setuid");
}
