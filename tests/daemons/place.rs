//! Where one daemon lives one life.

use super::common::{
    Descendant, Descendants, FileObserver, HostCommand, Process, TestDir, catches, is_alive,
    library, status_line, wait_for,
};
use super::daemon::{Daemon, Start, Use, User};
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

pub struct Place<'daemon> {
    orphans: Descendants,
    pub dir: TestDir,
    daemon: &'daemon Daemon,
    port: u16,
}

/// A daemon that runs.
pub struct Life {
    pub daemon: Descendant,
    /// What was in the file when the launcher had ended.
    pub file_then: String,
}

impl Place<'_> {
    pub fn new(daemon: &Daemon) -> Place<'_> {
        let dir = TestDir::new();
        // Daemons that are not root any more write there too.
        for directory in ["data", "out"] {
            fs::set_permissions(dir.path(directory), Permissions::from_mode(0o777)).unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let place = Place {
            orphans: Descendants::of_all(),
            dir,
            daemon,
            port,
        };
        // Where those can read it who are not root.
        place
            .dir
            .copy(&place.dir.host_path("waits_for_signal"), "755");
        place.dir.copy(&library(), "755");
        let configuration = place.fill_in(daemon.configuration);
        fs::write(place.dir.path("data/conf"), configuration).unwrap();
        assert!(place.shell(daemon.first), "{}", daemon.first);
        place
    }

    fn fill_in(&self, text: &str) -> String {
        let place = |name| self.dir.path(name).to_str().unwrap().to_owned();
        text.replace("DATA", &place("data"))
            .replace("HOST", &place("bin/waits_for_signal"))
            .replace("PORT", &self.port.to_string())
    }

    /// Runs a command without us.
    fn shell(&self, command: &str) -> bool {
        Command::new("sh")
            .args(["-ec", &self.fill_in(command)])
            .current_dir("/")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn host(&self) -> HostCommand<'_> {
        let library = self.dir.path("bin").join(library().file_name().unwrap());
        let arguments = self.fill_in(self.daemon.arguments);
        let mut host = self.dir.program(program(self.daemon));
        host = host
            .args(arguments.split_ascii_whitespace())
            .env("LD_PRELOAD", library);
        for (name, value) in self.daemon.settings {
            host = host.env(name, self.fill_in(value));
        }
        match self.daemon.started_by {
            User::Root => host,
            User::Nobody => host.run_by_nobody(),
        }
    }

    pub fn start_without_us(&self) -> Descendant {
        self.start(self.host().plain()).daemon
    }

    pub fn start_with_us(&self) -> Life {
        let observer = FileObserver::of(self.dir.pidfile());
        let life = self.start(self.host());
        self.file_is_right(&life.daemon);
        let seen = observer.finish();
        if self.daemon.start != Start::LauncherWithForerunner {
            let seen = seen.unwrap_or_else(|what| panic!("{what}"));
            assert!(seen.contains(&life.daemon.pid), "{seen:?}");
        }
        life
    }

    /// Starts the daemon, and waits until it is one and answers.
    fn start(&self, host: HostCommand) -> Life {
        let mut process = host.spawn();
        process.close_stdin();
        if self.daemon.start == Start::Foreground {
            return self.start_in_foreground(process);
        }
        let ended = process.wait();
        let file_then = self.dir.content();
        assert!(
            ended.status.success(),
            "the launcher: {ended:?}\n{}",
            self.log()
        );
        let pid = self.wait_for_the_daemon();
        (self.daemon.settle)(pid);
        Life {
            daemon: Descendant::new(pid),
            file_then,
        }
    }

    /// Waits until there is one process left, and that is up.
    pub fn wait_for_the_daemon(&self) -> i32 {
        let mut pid = 0;
        wait_for(
            || match self.running()[..] {
                [only] => {
                    pid = only;
                    self.answers(pid) && self.running() == [pid]
                }
                _ => false,
            },
            &format!("it is up, and alone\n{}", self.log()),
        );
        pid
    }

    fn start_in_foreground(&self, process: Process) -> Life {
        process.wait_until(|process| self.answers(process.pid()), "up");
        (self.daemon.settle)(process.pid());
        Life {
            daemon: process.into_orphan(),
            file_then: self.dir.content(),
        }
    }

    /// What is left of all launchers.
    fn running(&self) -> Vec<i32> {
        let mut running = self.orphans.children();
        running.retain(|pid| is_alive(*pid));
        running
    }

    /// Whether the daemon answers.
    pub fn answers(&self, pid: i32) -> bool {
        match self.daemon.usage {
            Use::Socket(says, answer) => UnixStream::connect(self.dir.path("data/socket"))
                .is_ok_and(|stream| {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    is_answered(stream, says, answer)
                }),
            Use::Port(says, answer) => {
                TcpStream::connect(("127.0.0.1", self.port)).is_ok_and(|stream| {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    is_answered(stream, says, answer)
                })
            }
            Use::Client(command) => self.shell(&command.replace("PID", &pid.to_string())),
            Use::Catches(signal) => catches(pid, signal),
            Use::Runs(program) => {
                // The kernel keeps but the first 15 bytes.
                let name = status_line(pid, "Name");
                !name.is_empty() && program.starts_with(&name)
            }
        }
    }

    pub fn file_is_right(&self, daemon: &Descendant) {
        wait_for(
            || self.dir.content() == daemon.pid_line(),
            &format!(
                "the file names {}; it held {:?}\n{}",
                daemon.pid,
                self.dir.content(),
                self.log()
            ),
        );
        wait_for(|| !self.dir.an_outsider_can_lock(), "the file is locked");
        assert!(is_alive(daemon.pid));
        assert_eq!(self.dir.leftovers(), ["a.pid"]);
    }

    /// Uses it a little.
    pub fn use_it(&self, daemon: &Descendant) {
        for _ in 0..2 {
            wait_for(|| self.answers(daemon.pid), "it answers");
        }
        if let Use::Catches(signal) = self.daemon.usage {
            daemon.signal(signal);
        }
        (self.daemon.settle)(daemon.pid);
    }

    /// What the daemon has written, if it writes.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path("data/log")).unwrap_or_default()
    }
}

/// An answer that takes longer is none; it is asked for again.
const PATIENCE: Duration = Duration::from_secs(5);

fn is_answered(mut stream: impl Read + Write, says: &[u8], answer: &[u8]) -> bool {
    if stream.write_all(says).is_err() {
        return false;
    }
    let (mut said, mut part) = (Vec::<u8>::new(), [0; 512]);
    while answer.is_empty() || !said.windows(answer.len()).any(|part| part == answer) {
        match stream.read(&mut part) {
            // That it hangs up is an answer too.
            Ok(0) => return answer.is_empty(),
            Ok(length) => said.extend(&part[..length]),
            Err(error) => {
                return answer.is_empty() && error.kind() == io::ErrorKind::ConnectionReset;
            }
        }
    }
    true
}

/// Where its package, or `scripts/setup`, has put it.
pub fn program(daemon: &Daemon) -> PathBuf {
    let unpacked = concat!(env!("CARGO_MANIFEST_DIR"), "/target/unpacked");
    Path::new(unpacked).join(daemon.program)
}
