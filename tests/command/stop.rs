//! What `pidfile-run stop` never touches, and how exactly it knows whom it ends.

use crate::common::{
    NOTHING, TestDir, answer, exited, is_one_failure, launcher, owner, pidfile_run,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

/// Twenty files that somebody else needs.
fn files_of_others() -> [(&'static str, Vec<u8>); 20] {
    let long_number = format!("{}\n", "7".repeat(65));
    let late_number = format!("{}12\n", "\n".repeat(70));
    [
        ("server.conf", b"listen 80\n".to_vec()),
        ("script.sh", b"#!/bin/sh\nexec sleep 1\n".to_vec()),
        ("passwd", b"root:x:0:0:root:/root:/bin/bash\n".to_vec()),
        ("hosts", b"127.0.0.1 localhost\n".to_vec()),
        ("resolv.conf", b"nameserver 192.0.2.1\n".to_vec()),
        ("log", b"2026-11-26 10:00:00 started\n".to_vec()),
        ("epoch.log", b"1795701109 started\n".to_vec()),
        ("crontab", b"0 4 * * * root /usr/sbin/x\n".to_vec()),
        ("table.csv", b"1,2,3\n4,5,6\n".to_vec()),
        ("numbers", b"1 2 3\n".to_vec()),
        ("negative", b"-1\n".to_vec()),
        ("version", b"1.2.3\n".to_vec()),
        ("serial", b"12x\n".to_vec()),
        ("word", b"none\n".to_vec()),
        ("blank.conf", b"\n\n[section]\n".to_vec()),
        ("program", b"\x7fELF\x02\x01\x01\0\0\0\0\0".to_vec()),
        ("image", b"\0\0\0\0\0\0\0\x01".to_vec()),
        ("long", long_number.into_bytes()),
        ("late", late_number.into_bytes()),
        ("large", [b"12\n".to_vec(), vec![b'x'; 70_000]].concat()),
    ]
}

#[test]
fn stop_leaves_every_other_file_alone() {
    let dir = TestDir::new();
    for (name, content) in files_of_others() {
        let file = dir.path("run").join(name);
        fs::write(&file, &content).unwrap();
        let (status, told) = answer(launcher(&dir).arg("stop").arg(&file));
        assert_eq!((status, is_one_failure(&told)), (1, true), "{name}: {told}");
        assert!(told.contains("is no PID file"), "{name}: {told}");
        assert_eq!(fs::read(&file).unwrap(), content, "{name}");
        // Nor does a start take it over.
        let start = launcher(&dir).arg("-p").arg(&file).arg("true");
        let (status, told) = answer(start);
        assert_eq!(status, 125, "{name}: {told}");
        assert_eq!(fs::read(&file).unwrap(), content, "{name}");
    }
}

#[test]
fn stop_removes_what_a_program_has_left() {
    let dir = TestDir::new();
    let left: [&[u8]; 7] = [
        b"",
        b"\n",
        b"\0\0\0\0\0\0",
        b"99999999\n",
        b"  99999999  \n\n",
        b"99999999",
        b"99999999\n/var/lib/postgresql\n1795701109\n5432\n/run/postgresql\nlocalhost\n  5432001\n",
    ];
    for content in left {
        fs::write(dir.pidfile(), content).unwrap();
        let (status, told) = answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
        assert_eq!((status, told.as_str()), (0, ""), "{content:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{content:?}");
    }
}

#[test]
fn stop_leaves_file_with_two_links_alone() {
    let dir = TestDir::new();
    let other = dir.path("data/other");
    fs::write(&other, "99999999\n").unwrap();
    fs::hard_link(&other, dir.pidfile()).unwrap();
    let (status, told) = answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("more than one link"), "{told}");
    assert_eq!(dir.content(), "99999999\n");

    // The owner's too: somebody has made a second name for it.
    fs::remove_file(dir.pidfile()).unwrap();
    let host = owner(&dir);
    fs::hard_link(dir.pidfile(), dir.path("data/second")).unwrap();
    let (status, told) = answer(launcher(&dir).arg("stop").arg(dir.pidfile()));
    assert_eq!(status, 1, "{told}");
    assert!(host.is_running());
    assert_eq!(dir.content(), host.pid_line());
}

/// As root one must not be led elsewhere by who may write in a directory on the way.
#[test]
#[ignore = "needs root"]
fn stop_follows_no_link_of_another_user() {
    let dir = TestDir::new();
    let link = dir.path("data/link");
    symlink(dir.path("run"), &link).unwrap();
    let through = link.join("a.pid");
    fs::write(dir.pidfile(), "99999999\n").unwrap();
    std::os::unix::fs::lchown(&link, Some(65534), Some(65534)).unwrap();
    for sub in ["stop", "status"] {
        let (status, told) = answer(launcher(&dir).arg(sub).arg(&through));
        assert_eq!(status, if sub == "stop" { 1 } else { 4 }, "{told}");
        assert!(told.contains("a symbolic link of user 65534"), "{told}");
    }
    assert_eq!(dir.content(), "99999999\n");
    // One of root's is what /var/run is.
    std::os::unix::fs::lchown(&link, Some(0), Some(0)).unwrap();
    let (status, told) = answer(launcher(&dir).arg("stop").arg(&through));
    assert_eq!((status, told.as_str()), (0, ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn stop_kills_after_the_time_if_told_to() {
    let dir = TestDir::new();
    let host = dir.host("survives_sigterm").spawn_ready();
    let stop = launcher(&dir)
        .args(["stop", "--kill", "-t", "0.1"])
        .arg(dir.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
    assert_eq!(host.wait().status, crate::common::killed_by(libc::SIGKILL));
}

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

#[test]
#[ignore = "needs root"]
fn stop_by_an_ordinary_user_needs_the_directory() {
    let dir = TestDir::new();
    let copy = dir.copy(&pidfile_run(), "755");
    fs::write(dir.pidfile(), "99999999\n").unwrap();
    let ask = || {
        let stop = dir.program(&copy).plain().arg("stop");
        answer(stop.arg(dir.pidfile()).run_by_nobody())
    };
    let (status, told) = ask();
    assert_eq!(status, 4, "{told}");
    assert!(
        told.contains("cannot be deleted: Permission denied"),
        "{told}"
    );
    let run: &Path = &dir.path("run");
    chown(run, Some(65534), None).unwrap();
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ask(), (0, String::new()));
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
