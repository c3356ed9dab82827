//! What `pidfile-run status`, `signal`, `stop` and `list` do and say.

use crate::common::{
    Admin, NOTHING, TestDir, answer, exited, has_ended, is_one_failure, killed_by, launcher, owner,
    wait_for,
};
use std::fs;

#[test]
fn status_follows_the_life_of_an_owner() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    admin.is_told(&["status"], 3, "nobody runs: there is no such file");
    let mut host = owner(dir);
    let runs = format!("PID {} runs: ", host.pid());
    admin.is_told(&["status"], 0, &runs);
    admin.is_told(&["status"], 0, "waits_for_eof");
    host.close_stdin();
    host.wait();
    admin.is_told(&["status"], 3, "pidfile-run -p ");

    let host = owner(dir);
    host.signal(libc::SIGKILL);
    host.wait();
    admin.is_told(&["status"], 1, "the next start takes it over");
}

/// Nothing that is asked changes anything.
#[test]
fn status_and_list_change_nothing() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let host = owner(dir);
    let before = dir.identity();
    for words in [&["status"] as &[&str], &["signal", "CONT"]] {
        let (status, told) = admin.asks(words);
        assert_eq!(status, 0, "{told}");
    }
    assert_eq!(dir.identity(), before);
    assert!(host.is_running());
    assert!(!dir.an_outsider_can_lock());
}
#[test]
fn signal_by_name_or_number_reaches_owner() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let mut host = dir.host("survives_sigterm").spawn_ready();
    let min = libc::SIGRTMIN();
    for (name, number) in [
        ("USR1", libc::SIGUSR1),
        ("SIGUSR2", libc::SIGUSR2),
        ("10", libc::SIGUSR1),
        ("usr2", libc::SIGUSR2),
        ("-USR1", libc::SIGUSR1),
        ("-12", libc::SIGUSR2),
        ("RTMIN", min),
        ("RTMIN+3", min + 3),
        ("SIGRTMIN+2", min + 2),
        ("RTMAX-30", min),
    ] {
        let line = format!("signal {number}\n");
        let before = host.stdout().matches(&line).count();
        admin.is_told(&["signal", name], 0, "");
        host.wait_until(
            |host| host.stdout().matches(&line).count() == before + 1,
            name,
        );
    }
    for name in ["NONE", "0", "65", "RTMIN+31", "RTMIN-1", "9 1", "US."] {
        admin.is_told(&["signal", name], 2, "kill -l");
    }
    admin.is_told(&["signal", ""], 2, "wants a value");
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    admin.is_told(&["signal", "TERM"], 7, "there is no such file");
}

#[test]
fn stop_deletes_file_and_owner_ends() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let host = owner(dir);
    admin.is_told(&["stop"], 0, "");
    assert_eq!(dir.leftovers(), NOTHING);
    assert!(has_ended(host.pid()));
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    admin.is_told(&["stop"], 0, "nobody runs: there is no such file");
}

#[test]
fn stop_waits_until_the_owner_has_ended() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let mut host = dir.host("survives_sigterm").spawn_ready();
    let stop = admin.start(&["stop", "-t", "1000"]).spawn();
    wait_for(|| dir.leftovers() == NOTHING, "the file is deleted");
    host.wait_until(
        |host| host.stderr().contains("was deleted"),
        "told of the deletion",
    );
    assert!(stop.is_running());
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    let ended = stop.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
}

#[test]
fn stop_reports_when_its_time_is_over() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let host = dir.host("survives_sigterm").spawn_ready();
    let remedy = format!("kill -KILL {}", host.pid());
    admin.is_told(&["stop", "-t", "0"], 1, &remedy);
    assert_eq!(dir.leftovers(), NOTHING);
    assert!(host.is_running());
}

#[test]
fn timeout_is_accepted_before_and_after_file() {
    let dir = TestDir::new();
    for words in [["-t", "5"].as_slice(), &["-t5"]] {
        for before in [true, false] {
            let host = owner(&dir);
            let mut stop = launcher(&dir).arg("stop");
            if before {
                stop = stop.args(words);
            }
            stop = stop.arg(dir.pidfile());
            if !before {
                stop = stop.args(words);
            }
            assert_eq!(answer(stop), (0, String::new()));
            assert!(has_ended(host.pid()));
        }
    }
}

#[test]
fn list_shows_each_file_with_its_owner() {
    let dir = &TestDir::new();
    let admin = &Admin::of(dir);
    let dead = owner(dir);
    dead.signal(libc::SIGKILL);
    let dead_pid = dead.pid();
    dead.wait();
    fs::rename(dir.pidfile(), dir.path("run/dead.pid")).unwrap();
    let host = owner(dir);
    let innocent = dir.host("waits_for_signal").plain().spawn_ready();
    fs::create_dir(dir.path("run/below it")).unwrap();
    fs::write(dir.path("run/below it/pid"), innocent.pid_line()).unwrap();
    fs::write(dir.path("run/empty.pid"), "").unwrap();
    fs::write(dir.path("run/other"), "1\n").unwrap();
    let (status, table) = answer(admin.start_without_file(&["list"]).arg(dir.path("run")));
    assert_eq!(status, 0, "{table}");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let path = |name: &str| dir.path("run").join(name).display().to_string();
    let program = |name| dir.host_path(name).display().to_string();
    let (host_pid, innocent_pid) = (host.pid().to_string(), innocent.pid().to_string());
    let expected = [
        ["FILE", "PID", "ALIVE", "COMMAND"],
        [&path("a.pid"), &host_pid, "yes", &program("waits_for_eof")],
        [
            &path("below?it/pid"),
            &innocent_pid,
            "other",
            &program("waits_for_signal"),
        ],
        [&path("dead.pid"), &dead_pid.to_string(), "no", "-"],
        [&path("empty.pid"), "-", "no", "-"],
    ];
    assert_eq!(rows.len(), expected.len(), "{table}");
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!([row[0], row[1], row[2], row[4]], expected, "{table}");
    }
    assert_eq!(rows[0][3], "AGE");
    assert!(
        rows[1][3].ends_with('s') || rows[1][3].ends_with('m'),
        "{table}"
    );
    assert_eq!(rows[3][3], "-");
    let columns = |line: &str| line.find(" yes ").or(line.find(" no "));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(columns(lines[1]), columns(lines[3]), "{table}");
}

#[test]
fn sub_command_wrong_use_is_reported() {
    let dir = TestDir::new();
    let wrong: [(&[&str], i32); 10] = [
        (&["status"], 4),
        (&["status", "a", "b"], 4),
        (&["stop"], 2),
        (&["stop", "a", "-t", "soon"], 2),
        (&["stop", "a", "-t"], 2),
        (&["stop", "a", "b"], 2),
        (&["stop", "--nonsense", "a"], 2),
        (&["signal", "HUP"], 2),
        (&["signal", "a", "HUP", "b"], 2),
        (&["list", "/no/such/directory"], 1),
    ];
    for (words, status) in wrong {
        let (got, told) = answer(launcher(&dir).args(words));
        assert_eq!(
            (got, is_one_failure(&told)),
            (status, true),
            "{words:?}: {told}"
        );
    }
}
