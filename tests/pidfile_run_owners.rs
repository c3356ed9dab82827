//! `pidfile-run status`, `signal`, `stop` and `list`: about whoever owns a PID file, and never about anybody else.

mod common;

use common::{
    Host, NOTHING, Orphanage, Process, SHELLS, Scene, base_system, children_of, daemonize, exited,
    is_alive, killed_by, launcher, library, tasks_of, wait_for,
};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

/// Who asks: with one of the shells, on a system that may have flock(1).
struct Admin<'scene> {
    scene: &'scene Scene,
    shell: String,
    path: PathBuf,
}

impl Admin<'_> {
    fn start(&self, words: &[&str]) -> Host<'_> {
        launcher(self.scene, &self.shell)
            .env("PATH", &self.path)
            .args(words)
            .arg(self.scene.pidfile())
    }

    /// Runs a sub-command on the PID file: its status, and all that it says.
    fn asks(&self, words: &[&str]) -> (i32, String) {
        answer(self.start(words))
    }

    /// The same, where it has to be this status and this has to be in what it says.
    #[track_caller]
    fn is_told(&self, words: &[&str], status: i32, what: &str) {
        let (got, told) = self.asks(words);
        assert_eq!(got, status, "{words:?}, {}: {told}", self.shell);
        assert!(told.contains(what), "{words:?}, {}: {told}", self.shell);
        assert!(told.lines().count() <= 2, "{told}");
    }
}

#[track_caller]
fn answer(host: Host) -> (i32, String) {
    let ended = host.run();
    let status = ended.status.code();
    let told = format!("{}{}", ended.stdout, ended.stderr);
    (status.unwrap_or_else(|| panic!("{ended:?}")), told)
}

/// One scene for each.
fn each_admin(does: impl Fn(&Scene, &Admin)) {
    for (shell, has_flock) in [
        ("dash", true),
        ("bash", true),
        ("dash", false),
        ("busybox sh", false),
    ] {
        let scene = Scene::new();
        let path = match has_flock {
            true => "/usr/sbin:/usr/bin:/sbin:/bin".into(),
            false => base_system(&scene, &[]),
        };
        let admin = Admin {
            scene: &scene,
            shell: format!("/bin/{shell}"),
            path,
        };
        does(&scene, &admin);
    }
}

fn owner(scene: &Scene) -> Process {
    let host = scene.host("waits_for_eof").spawn();
    host.wait_until_ready();
    assert_eq!(scene.content(), host.pid_line());
    host
}

/// With all its threads.
fn has_ended(pid: i32) -> bool {
    !is_alive(pid) && tasks_of(pid).len() < 2
}

#[test]
fn status_follows_the_life_of_an_owner() {
    each_admin(|scene, admin| {
        admin.is_told(&["status"], 3, "nobody runs: there is no such file");
        let mut host = owner(scene);
        let runs = format!("PID {} runs: ", host.pid());
        admin.is_told(&["status"], 0, &runs);
        admin.is_told(&["status"], 0, "waits_for_eof");
        host.close_stdin();
        host.wait();
        admin.is_told(&["status"], 3, "pidfile-run -p ");

        let host = owner(scene);
        host.signal(libc::SIGKILL);
        host.wait();
        admin.is_told(&["status"], 1, "the next start takes it over");
    });
}

/// Nothing that is asked changes anything.
#[test]
fn who_asks_leaves_no_trace() {
    each_admin(|scene, admin| {
        let host = owner(scene);
        let before = scene.identity();
        for words in [&["status"] as &[&str], &["signal", "CONT"]] {
            let (status, told) = admin.asks(words);
            assert_eq!(status, 0, "{told}");
        }
        assert_eq!(scene.identity(), before);
        assert!(host.is_running());
        assert!(!scene.an_outsider_can_lock());
    });
}

#[test]
fn a_pid_that_is_in_use_again_misleads_nobody() {
    each_admin(|scene, admin| {
        let innocent = scene.host("waits_for_signal").plain().spawn();
        innocent.wait_until_ready();
        fs::write(scene.pidfile(), innocent.pid_line()).unwrap();
        admin.is_told(&["status"], 1, "nobody runs: the file is left over");
        admin.is_told(&["signal", "KILL"], 7, "left over");
        admin.is_told(&["stop"], 0, "");
        assert_eq!(scene.leftovers(), NOTHING);
        assert!(innocent.is_running());
    });
}

#[test]
fn somebody_elses_lock_is_not_the_owners() {
    each_admin(|scene, admin| {
        let innocent = scene.host("waits_for_signal").plain().spawn();
        innocent.wait_until_ready();
        fs::write(scene.pidfile(), innocent.pid_line()).unwrap();
        let file = File::open(scene.pidfile()).unwrap();
        // SAFETY: plain call; the descriptor is open.
        assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
        let holder = format!("is locked by PID {}, but names", std::process::id());
        admin.is_told(&["status"], 4, &holder);
        admin.is_told(&["signal", "KILL"], 1, &holder);
        admin.is_told(&["stop"], 1, &holder);
        assert_eq!(scene.content(), innocent.pid_line());
        assert!(innocent.is_running());
    });
}

#[test]
fn what_is_no_pid_file_is_left_alone() {
    each_admin(|scene, admin| {
        let told = |what| {
            admin.is_told(&["status"], 4, what);
            admin.is_told(&["stop"], 1, what);
            admin.is_told(&["signal", "KILL"], 1, what);
        };
        fs::create_dir(scene.pidfile()).unwrap();
        told("is no regular file");
        fs::remove_dir(scene.pidfile()).unwrap();
        let real = scene.path("data/real.pid");
        fs::write(&real, "1\n").unwrap();
        symlink(&real, scene.pidfile()).unwrap();
        told(real.to_str().unwrap());
        assert!(fs::symlink_metadata(scene.pidfile()).is_ok());
        assert_eq!(fs::read_to_string(&real).unwrap(), "1\n");
    });
}

#[test]
fn a_file_without_a_pid_is_left_over() {
    let contents = [
        "",
        "\n",
        "none\n",
        "-1\n",
        "0\n",
        "12x\n",
        "1234567890123\n",
    ];
    each_admin(|scene, admin| {
        for content in contents {
            fs::write(scene.pidfile(), content).unwrap();
            admin.is_told(&["status"], 1, "left over");
        }
        admin.is_told(&["signal", "KILL"], 7, "left over");
    });
}

#[test]
fn an_owner_that_goes_on_in_a_second_thread_has_not_ended() {
    each_admin(|scene, admin| {
        let mut host = scene.host("goes_on_in_a_thread").spawn();
        host.wait_until_ready();
        admin.is_told(&["status"], 0, &format!("PID {} runs", host.pid()));
        admin.is_told(&["stop", "-t", "0"], 1, "still runs");
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0));
    });
}

#[test]
fn a_signal_reaches_the_owner_by_each_of_its_names() {
    each_admin(|scene, admin| {
        let mut host = scene.host("survives_sigterm").spawn();
        host.wait_until_ready();
        let min = libc::SIGRTMIN();
        for (name, number) in [
            ("USR1", libc::SIGUSR1),
            ("SIGUSR2", libc::SIGUSR2),
            ("10", libc::SIGUSR1),
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
        for name in [
            "", "usr1", "NONE", "0", "65", "-9", "RTMIN+31", "RTMIN-1", "9 1", "US.",
        ] {
            admin.is_told(&["signal", name], 2, "kill -l");
        }
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0));
        admin.is_told(&["signal", "TERM"], 7, "there is no such file");
    });
}

#[test]
fn stop_deletes_the_file_and_the_owner_ends() {
    each_admin(|scene, admin| {
        let host = owner(scene);
        admin.is_told(&["stop"], 0, "");
        assert_eq!(scene.leftovers(), NOTHING);
        assert!(has_ended(host.pid()));
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
        admin.is_told(&["stop"], 0, "");
    });
}

#[test]
fn stop_waits_for_the_end_of_the_owner() {
    each_admin(|scene, admin| {
        let mut host = scene.host("survives_sigterm").spawn();
        host.wait_until_ready();
        let stop = admin.start(&["stop", "-t", "1000"]).spawn();
        wait_for(|| scene.leftovers() == NOTHING, "the file is deleted");
        host.wait_until(
            |host| host.stderr().contains("was deleted"),
            "told of the deletion",
        );
        assert!(stop.is_running());
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0));
        let ended = stop.wait();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    });
}

#[test]
fn stop_says_when_it_does_not_wait_any_longer() {
    each_admin(|scene, admin| {
        let host = scene.host("survives_sigterm").spawn();
        host.wait_until_ready();
        let remedy = format!("kill -KILL {}", host.pid());
        admin.is_told(&["stop", "-t", "0"], 1, &remedy);
        assert_eq!(scene.leftovers(), NOTHING);
        assert!(host.is_running());
    });
}

#[test]
fn the_time_may_come_before_or_after_the_file() {
    let scene = Scene::new();
    for words in [["-t", "5"].as_slice(), &["-t5"]] {
        for before in [true, false] {
            let host = owner(&scene);
            let mut stop = launcher(&scene, "dash").arg("stop");
            if before {
                stop = stop.args(words);
            }
            stop = stop.arg(scene.pidfile());
            if !before {
                stop = stop.args(words);
            }
            assert_eq!(answer(stop), (0, String::new()));
            assert!(has_ended(host.pid()));
        }
    }
}

#[test]
fn a_daemon_is_known_by_the_lock_that_it_got_handed_over() {
    let scene = Scene::new();
    let _orphanage = Orphanage::of(&scene);
    let daemon = daemonize(&scene, &["fork", "setsid"]);
    let (status, told) = answer(launcher(&scene, "dash").arg("status").arg(scene.pidfile()));
    assert_eq!(status, 0, "{told}");
    assert!(told.contains(&format!("PID {} runs", daemon.pid)), "{told}");
    let stop = launcher(&scene, "dash").arg("stop").arg(scene.pidfile());
    assert_eq!(answer(stop), (0, String::new()));
    assert!(!is_alive(daemon.pid));
}

/// The PID in the file is the one inside: outside it is somebody else's.
#[test]
fn an_owner_in_a_container_is_known_by_its_own_pid() {
    each_admin(|scene, admin| {
        let start = || {
            let host = scene
                .program("unshare")
                .args(["--pid", "--fork", "--kill-child"])
                .arg(scene.host_path("waits_for_eof"))
                .env("PIDFILE_EXE", "waits_for_eof")
                .spawn();
            host.wait_until_ready();
            assert_eq!(scene.content(), "1\n");
            let pid = children_of(host.pid())[0];
            (host, pid)
        };
        let (host, pid) = start();
        let runs = format!("PID {pid} runs, which is 1 in its container: ");
        admin.is_told(&["status"], 0, &runs);
        admin.is_told(&["signal", "KILL"], 0, "");
        host.wait();
        assert!(!is_alive(pid));

        // It takes over what that one has left.
        let (host, pid) = start();
        admin.is_told(&["stop"], 0, "");
        assert!(!is_alive(pid));
        host.wait();
        assert_eq!(scene.leftovers(), NOTHING);
    });
}

/// From inside another container the owner has no PID at all.
#[test]
fn an_owner_that_cannot_be_seen_can_be_stopped_but_not_signalled() {
    for shell in SHELLS {
        let scene = Scene::new();
        let host = owner(&scene);
        let ask = |words: &[&str]| {
            let script = "mount -t proc proc /proc && exec \"$@\"";
            answer(
                scene
                    .program("unshare")
                    .plain()
                    .args(["--mount", "--pid", "--fork", "sh", "-c", script, "sh"])
                    .args(shell.split(' '))
                    .arg(common::PIDFILE_RUN)
                    .args(words)
                    .arg(scene.pidfile()),
            )
        };
        let (status, told) = ask(&["status"]);
        assert_eq!(status, 0, "{told}");
        assert!(told.contains("another PID namespace"), "{told}");
        let (status, told) = ask(&["signal", "KILL"]);
        assert_eq!(status, 1, "{told}");
        assert!(told.contains("send it there"), "{told}");
        assert!(host.is_running());
        assert_eq!(ask(&["stop"]), (0, String::new()));
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    }
}

#[test]
fn an_owner_without_a_lock_is_known_by_its_environment() {
    each_admin(|scene, admin| {
        let host = scene
            .host("waits_for_signal")
            .env("PIDFILE_WATCH", "off")
            .spawn();
        host.wait_until_ready();
        admin.is_told(&["status"], 0, &format!("PID {} runs: ", host.pid()));
        admin.is_told(&["status"], 0, "deleting it stops nothing");
        admin.is_told(&["stop"], 1, "pidfile-run signal TERM ");
        assert_eq!(scene.content(), host.pid_line());
        admin.is_told(&["signal", "TERM"], 0, "");
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
        assert_eq!(scene.leftovers(), NOTHING);
    });
}

#[test]
fn who_may_not_is_told_so() {
    each_admin(|scene, admin| {
        let copy = scene.copy(common::PIDFILE_RUN.as_ref(), "755");
        let asks = |words: &[&str]| {
            let mut shell = admin.shell.split(' ');
            answer(
                scene
                    .program(shell.next().unwrap())
                    .args(shell)
                    .arg(&copy)
                    .plain()
                    .env("PATH", &admin.path)
                    .args(words)
                    .arg(scene.pidfile())
                    .run_by_nobody(),
            )
        };
        let host = owner(scene);
        let (status, told) = asks(&["status"]);
        assert_eq!(status, 0, "{told}");
        for words in [&["stop"] as &[&str], &["signal", "TERM"]] {
            let (status, told) = asks(words);
            assert_eq!(status, 4, "{told}");
            assert!(told.contains("as root"), "{told}");
        }
        assert!(host.is_running());
        drop(host);

        let host = scene
            .host("waits_for_eof")
            .env("PIDFILE_WATCH", "off")
            .spawn();
        host.wait_until_ready();
        let (status, told) = asks(&["status"]);
        assert_eq!((status, told.contains("ask as root")), (4, true), "{told}");
        fs::set_permissions(scene.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
        let run = scene.path("run");
        let (status, told) = asks(&["status"]);
        assert_eq!((status, told.contains("ask as root")), (4, true), "{told}");
        assert!(told.contains(run.to_str().unwrap()), "{told}");
    });
}

/// With the library in the environment of whoever asks.
#[test]
fn the_asking_command_is_not_taken_for_the_owner() {
    each_admin(|scene, admin| {
        let preloaded = |words: &[&str]| {
            answer(
                admin
                    .start(words)
                    .env("LD_PRELOAD", library())
                    .env("PIDFILE", scene.pidfile()),
            )
        };
        let (status, told) = preloaded(&["status"]);
        assert_eq!(status, 4, "{told}");
        assert!(told.contains("unset LD_PRELOAD"), "{told}");
        assert_eq!(scene.leftovers(), NOTHING);
        // As in ExecReload= of a service.
        let host = owner(scene);
        let (status, told) = preloaded(&["status"]);
        assert_eq!(status, 0, "{told}");
        assert!(told.contains(&format!("PID {} runs", host.pid())), "{told}");
        let (status, _) = preloaded(&["stop"]);
        assert_eq!((status, has_ended(host.pid())), (0, true));
    });
}

#[test]
fn list_shows_who_owns_which_file() {
    each_admin(|scene, admin| {
        let dead = owner(scene);
        dead.signal(libc::SIGKILL);
        let dead_pid = dead.pid();
        dead.wait();
        fs::rename(scene.pidfile(), scene.path("run/dead.pid")).unwrap();
        let host = owner(scene);
        let innocent = scene.host("waits_for_signal").plain().spawn();
        innocent.wait_until_ready();
        fs::create_dir(scene.path("run/below it")).unwrap();
        fs::write(scene.path("run/below it/pid"), innocent.pid_line()).unwrap();
        fs::write(scene.path("run/empty.pid"), "").unwrap();
        fs::write(scene.path("run/other"), "1\n").unwrap();
        let (status, table) = answer(
            launcher(scene, &admin.shell)
                .env("PATH", &admin.path)
                .arg("list")
                .arg(scene.path("run")),
        );
        assert_eq!(status, 0, "{table}");
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let path = |name: &str| scene.path("run").join(name).display().to_string();
        let program = |name| scene.host_path(name).display().to_string();
        let (host_pid, innocent_pid) = (host.pid().to_string(), innocent.pid().to_string());
        let expected = [
            ["FILE", "PID", "ALIVE", "COMMAND"],
            [&path("a.pid"), &host_pid, "yes", &program("waits_for_eof")],
            [
                &path("below?it/pid"),
                &innocent_pid,
                "?",
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
    });
}

#[test]
fn wrong_use_is_told() {
    for shell in SHELLS {
        let scene = Scene::new();
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
            let (got, told) = answer(launcher(&scene, shell).args(words));
            assert_eq!(
                (got, told.lines().count()),
                (status, 1),
                "{words:?}: {told}"
            );
        }
    }
}
