//! Descendants of an owner that go on when it is gone never take over its file.

use crate::common::{NOTHING, Process, SHELLS, TestDir, exited, is_alive, killed_by, wait_for};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

/// How an owner may end.
#[derive(Clone, Copy, Debug)]
enum End {
    Exit,
    Signal(i32),
}

/// A shell that owns the file, and leaves a part of its script behind. That part runs `commands` when it is told to.
struct Script {
    owner: Process,
    go: PathBuf,
    report: PathBuf,
}

impl Script {
    fn start(dir: &TestDir, shell: &str, launcher: &str, commands: &str) -> Script {
        let (go, report) = (dir.fifo("data/go"), dir.path("data/report"));
        let leftover = format!(
            "read line <{}; {{ {commands}; }} >>{report} 2>&1; echo done >>{report}",
            go.display(),
            report = report.display()
        );
        fs::write(dir.path("data/leftover.sh"), leftover).unwrap();
        let part = match launcher {
            "" => "( . ./leftover.sh ) &".to_owned(),
            launcher => format!("{launcher} sh ./leftover.sh >/dev/null 2>&1 &"),
        };
        let owner = dir
            .shell(shell)
            .args([
                "-c",
                &format!("{part} echo left $!; read line; exit 5"),
                "sh",
            ])
            .arg(dir.host_path("returns_status"))
            .env("HOST", dir.host_path("returns_status"))
            .spawn();
        owner.wait_until(|owner| owner.stdout().contains("left "), "on its way");
        assert_eq!(dir.content(), owner.pid_line());
        Script { owner, go, report }
    }

    /// Ends the owner, and lets the rest run to its end. Returns what that wrote.
    fn outlive(mut self, end: End, meanwhile: impl FnOnce()) -> String {
        let said = self.owner.stdout();
        let left = said.lines().find_map(|line| line.strip_prefix("left "));
        let left: i32 = left.unwrap().parse().unwrap();
        match end {
            End::Exit => {
                self.owner.write_stdin(b"\n");
                assert_eq!(self.owner.wait().status, exited(5));
            }
            End::Signal(signal) => {
                self.owner.signal(signal);
                assert_eq!(self.owner.wait().status, killed_by(signal));
            }
        }
        assert!(is_alive(left), "nothing was left behind");
        meanwhile();
        File::create(&self.go).unwrap().write_all(b"go\n").unwrap();
        wait_for(
            || fs::read_to_string(&self.report).is_ok_and(|report| report.ends_with("done\n")),
            "the rest of the script has run",
        );
        wait_for(|| !is_alive(left), "the rest of the script has ended");
        fs::read_to_string(&self.report).unwrap()
    }
}

/// Each command looks whether it finds a file. There are simple ones, subshells, pipes and a last one by exec.
const COMMANDS: &str = r#""$HOST" 0; "$HOST" 3; ("$HOST" 0; ls "$PIDFILE"); ls "$PIDFILE" | cat; sh -c "ls $PIDFILE; true""#;

#[test]
fn descendants_never_create_the_file() {
    for shell in SHELLS {
        for launcher in ["", "nohup", "nice", "env A=1"] {
            for end in [End::Exit, End::Signal(libc::SIGTERM)] {
                let dir = TestDir::new();
                let script = Script::start(&dir, shell, launcher, COMMANDS);
                let report = script.outlive(end, || assert_eq!(dir.leftovers(), NOTHING));
                let what = format!("{shell:?}, {launcher:?}, {end:?}: {report}");
                assert_eq!(report.matches("No such file").count(), 3, "{what}");
                assert!(!report.contains("libpidfile"), "{what}");
                assert_eq!(dir.leftovers(), NOTHING, "{what}");
            }
        }
    }
}

#[test]
fn descendants_never_take_over_stale_file() {
    for shell in SHELLS {
        let dir = TestDir::new();
        let script = Script::start(&dir, shell, "", COMMANDS);
        let stale = script.owner.pid_line();
        let before = dir.identity();
        let report = script.outlive(End::Signal(libc::SIGKILL), || {
            assert!(dir.an_outsider_can_lock());
        });
        assert!(!report.contains("libpidfile"), "{shell:?}: {report}");
        assert_eq!(dir.content(), stale, "{shell:?}");
        assert_eq!(dir.identity(), before, "{shell:?}");
    }
}

#[test]
fn descendants_leave_next_owner_alone() {
    for shell in SHELLS {
        let dir = TestDir::new();
        let script = Script::start(&dir, shell, "", COMMANDS);
        let mut next = None;
        let report = script.outlive(End::Exit, || {
            let host = dir.host("waits_for_eof").spawn_ready();
            next = Some((dir.identity(), host));
        });
        let (before, mut next) = next.unwrap();
        assert!(!report.contains("libpidfile"), "{shell:?}: {report}");
        assert_eq!(dir.identity(), before, "{shell:?}");
        assert_eq!(dir.content(), next.pid_line(), "{shell:?}");
        next.close_stdin();
        assert_eq!(next.wait().status, exited(0), "{shell:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{shell:?}");
    }
}

/// A service may well be started by a descendant of another one: then it has a file of its own.
#[test]
fn descendant_may_own_another_file() {
    let dir = TestDir::new();
    let other = dir.path("run/other.pid");
    let commands = format!(
        "PIDFILE={other} sh -c 'cat {other}; echo $$'",
        other = other.display()
    );
    let script = Script::start(&dir, "dash", "", &commands);
    let report = script.outlive(End::Exit, || ());
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 3, "{report}");
    assert_eq!(lines[0], lines[1], "{report}");
    assert_eq!(dir.leftovers(), NOTHING);
}

/// PIDs are used again. Who happens to have the PID of the owner is not the owner for that.
#[test]
#[ignore = "needs root"]
fn descendant_with_owners_reused_pid_is_no_owner() {
    let dir = TestDir::new();
    // In a PID namespace of its own the next PID can be chosen, if nobody else forks meanwhile.
    let inner = "
echo \"owner $$\"
(
    read line
    echo $(($$ - 1)) >/proc/sys/kernel/ns_last_pid
    dash -c 'echo \"same $$\"; exit 3'
    echo \"status $?\"
    echo >done
) <go &
exit 5
";
    fs::write(dir.path("data/inner.sh"), inner).unwrap();
    dir.fifo("data/go");
    dir.fifo("data/done");
    let outer = "env LD_PRELOAD=\"$1\" PIDFILE=\"$2\" dash ./inner.sh
echo \"ended $?\"
echo >go
read line <done
while pgrep --parent 1 >/dev/null; do sleep 0.01; done";
    let ended = dir
        .program("unshare")
        .plain()
        .args(["--pid", "--fork", "--mount-proc", "dash", "-c", outer, "sh"])
        .args([crate::common::library(), dir.pidfile()])
        .run();
    let line = |name: &str| {
        let lines: Vec<&str> = ended.stdout.lines().collect();
        let found = lines.iter().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("no {name}: {ended:?}"))
            .to_owned()
    };
    assert_eq!(line("ended "), "5");
    assert_eq!(line("same "), line("owner "), "{ended:?}");
    assert_eq!(line("status "), "3", "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(dir.leftovers(), NOTHING);
}
