//! `pidfile-run stop` ends the owner itself: no other process that has its lock or its PID.

use crate::common::{TestDir, answer, exited, is_one_failure, launcher, pidfile_run};

/// The kernel's table names who took a lock, also when only a child has the descriptor any more.
#[test]
fn lock_that_only_a_child_holds_is_not_the_owners() {
    let dir = TestDir::new();
    let script = r#"
import fcntl, os, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
file.write("%d\n" % os.getpid())
file.flush()
if os.fork() == 0:
    os.read(0, 1)
    os._exit(0)
file.close()
print("ready", flush=True)
os.read(0, 1)
"#;
    let host = dir
        .program("/usr/bin/python3")
        .plain()
        .args(["-c", script])
        .arg(dir.pidfile())
        .spawn_ready();
    for words in [&["signal", "KILL"][..], &["stop"], &["wait"]] {
        let (status, told) = answer(launcher(&dir).args(words).arg(dir.pidfile()));
        assert_eq!(
            (status, is_one_failure(&told)),
            (1, true),
            "{words:?}: {told}"
        );
        assert!(told.contains("holds its lock"), "{words:?}: {told}");
    }
    assert!(host.is_running());
    assert_eq!(dir.content(), host.pid_line());
}

/// Who took the lock has ended, a child holds it, and somebody else has the PID that is in the file.
#[test]
#[ignore = "needs root"]
fn inherited_lock_with_reused_pid_reaches_nobody() {
    let dir = TestDir::new();
    let script = r#"
        mount -t proc proc /proc
        command=$1 file=$2
        # The first takes the lock, names itself, and leaves the descriptor to a child.
        sh -c 'exec 9>>"$1"; flock 9; echo $$ >"$1"; sleep 1000 </dev/null >/dev/null 2>&1 & echo $!' sh "$file" >"$file.child"
        pid=$(cat "$file")
        # Somebody else gets its PID.
        echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 1001 &
        innocent=$!
        [ "$innocent" = "$pid" ] || { echo "the PID was not given again"; exit 9; }
        for sub in status 'signal KILL' 'wait -t 0' 'stop --kill -t 0'; do
            "$command" $sub "$file" 2>&1
        done
        kill -0 "$innocent" && echo "the innocent lives"
        kill -KILL "$innocent" "$(cat "$file.child")"
    "#;
    let ended = dir
        .program("unshare")
        .plain()
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(pidfile_run())
        .arg(dir.pidfile())
        .run();
    let said = ended.stdout;
    assert_eq!(ended.status, exited(0), "{said}{}", ended.stderr);
    assert!(said.contains("cannot be seen from here"), "{said}");
    assert!(said.contains("the innocent lives\n"), "{said}");
}

/// The owner ends, and somebody else gets its PID, while the command looks: many times, as fast as it goes.
#[test]
#[ignore = "needs root"]
fn reused_pid_never_gets_the_signal() {
    let dir = TestDir::new();
    let script = r#"
        mount -t proc proc /proc
        command=$1 library=$2 file=$3 host=$4
        innocents=''
        for round in $(seq 40); do
            env LD_PRELOAD="$library" PIDFILE="$file" "$host" >/dev/null &
            owner=$!
            until [ -s "$file" ]; do :; done
            "$command" signal USR1 "$file" 2>/dev/null &
            asking=$!
            kill -KILL "$owner"
            wait "$owner" 2>/dev/null
            echo $((owner - 1)) >/proc/sys/kernel/ns_last_pid
            sleep 1000 &
            innocents="$innocents $!"
            wait "$asking"
            "$command" stop "$file" >/dev/null 2>&1
            rm -f "$file"
        done
        lives=0 same=0
        for innocent in $innocents; do kill -0 "$innocent" && lives=$((lives + 1)); done
        echo "$lives live"
        kill -KILL $innocents
    "#;
    let ended = dir
        .program("unshare")
        .plain()
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "bash",
            "-c",
            script,
            "sh",
        ])
        .arg(pidfile_run())
        .arg(crate::common::library())
        .arg(dir.pidfile())
        .arg(dir.host_path("waits_for_signal"))
        .run();
    assert!(ended.stdout.ends_with("40 live\n"), "{ended:?}");
}

/// Before Linux 5.3, and in sandboxes that refuse it, there is no pidfd.
#[test]
fn kernel_without_pidfds_is_enough() {
    let dir = TestDir::new();
    let without = |words: &[&str]| {
        let host = dir.program("strace").plain().args(["-f", "-qq", "-o"]);
        let host = host.arg(dir.path("data/trace"));
        let host = host.args([
            "-e",
            "trace=pidfd_open,openat2",
            "-e",
            "inject=pidfd_open,openat2:error=ENOSYS",
        ]);
        answer(host.arg(pidfile_run()).args(words).arg(dir.pidfile()))
    };
    let host = dir.host("survives_sigterm").spawn_ready();
    assert_eq!(without(&["signal", "USR1"]), (0, String::new()));
    let line = format!("signal {}\n", libc::SIGUSR1);
    crate::common::wait_for(|| host.stdout().contains(&line), "it has the signal");
    let (status, told) = without(&["wait", "-t", "0"]);
    assert_eq!((status, is_one_failure(&told)), (1, true), "{told}");
    assert_eq!(
        without(&["stop", "-t", "0.1", "--kill"]),
        (0, String::new())
    );
    assert_eq!(host.wait().status, crate::common::killed_by(libc::SIGKILL));
}
