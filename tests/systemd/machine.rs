//! A machine of its own (a throw-away systemd) where the library is installed and a program is called legacy.

use crate::common::{Lab, install, is_locked, pidfile_run, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const LIBRARY: &str = "/usr/local/lib/libpidfile.so";
pub const PROGRAM: &str = "/opt/legacy/bin/legacy";

/// A machine on which somebody has installed the library and has that program.
pub struct Machine {
    pub lab: Lab,
    pub pidfile: &'static str,
    /// How many the shell has been given.
    pub commands: AtomicUsize,
}

impl Machine {
    pub fn new(legacy: &str, pidfile: &'static str) -> Machine {
        let machine = Machine {
            lab: Lab::boot(),
            pidfile,
            commands: AtomicUsize::new(0),
        };
        machine.install("/lab/libpidfile.so", LIBRARY);
        let command = machine.lab.path("/usr/local/bin/pidfile-run");
        install(&pidfile_run(), &command, "755");
        machine.install(&format!("/lab/c-tests/{legacy}"), PROGRAM);
        machine
    }

    pub fn install(&self, file: &str, place: &str) {
        self.shell(&format!("install -D -m 755 {file} {place}"));
    }

    /// Puts a text into a file.
    pub fn write(&self, path: &str, text: &str, mode: &str) {
        let draft = self.lab.path("/run/draft");
        fs::write(&draft, text).unwrap();
        install(&draft, &self.lab.path(path), mode);
    }

    /// Has root's shell do this, which has to succeed. Answers what it prints. What it leaves running in the background goes
    /// on.
    #[track_caller]
    pub fn shell(&self, commands: &str) -> String {
        match self.try_shell(commands) {
            (0, said) => said,
            (status, said) => panic!("status {status}: {commands}\n{said}"),
        }
    }

    /// The same, but it may fail.
    pub fn try_shell(&self, commands: &str) -> (i32, String) {
        self.write("/run/commands", commands, "600");
        // Background commands must not hold the pipe to us open, and go on writing to where they began.
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let script = format!(". /run/commands >/run/said.{number} 2>&1");
        let done = self.lab.run(&["sh", "-c", &script]);
        (done.status.code().unwrap_or(-1), self.said(number))
    }

    /// What a command has printed until now.
    pub fn said(&self, command: usize) -> String {
        let said = fs::read(self.lab.path(&format!("/run/said.{command}"))).unwrap();
        String::from_utf8_lossy(&said).into_owned()
    }

    pub fn start_daemon(&self, unit: &str, command: &str) {
        self.shell(&format!("systemd-run --quiet --unit={unit} {command}"));
    }

    pub fn pidfile(&self) -> PathBuf {
        self.lab.path(self.pidfile)
    }

    /// The PID in the file, if legacy has it and nobody else can lock the file.
    pub fn owner(&self) -> Option<i32> {
        let pid = fs::read_to_string(self.pidfile()).ok()?;
        let pid = pid.strip_suffix('\n')?.parse().ok()?;
        let runs = fs::read_link(self.lab.path(&format!("/proc/{pid}/exe")));
        (runs.is_ok_and(|exe| exe == Path::new(PROGRAM)) && is_locked(&self.pidfile()))
            .then_some(pid)
    }

    #[track_caller]
    pub fn wait_until_up(&self) -> i32 {
        self.wait_until_another_is_up(0)
    }

    #[track_caller]
    pub fn wait_until_another_is_up(&self, than: i32) -> i32 {
        let mut pid = None;
        wait_for(
            || {
                pid = self.owner().filter(|pid| *pid != than);
                pid.is_some() && self.running() == 1
            },
            "the file names legacy",
        );
        pid.unwrap()
    }

    #[track_caller]
    pub fn wait_until_down(&self) {
        wait_for(|| self.running() == 0, "legacy has ended");
        assert!(!self.pidfile().exists());
    }

    pub fn running(&self) -> usize {
        let processes = fs::read_dir(self.lab.path("/proc")).unwrap();
        let programs =
            processes.filter_map(|entry| fs::read_link(entry.ok()?.path().join("exe")).ok());
        programs.filter(|exe| exe == Path::new(PROGRAM)).count()
    }

    pub fn remove_pidfile(&self) {
        fs::remove_file(self.pidfile()).unwrap();
    }

    /// For a person who looks for the reason of a failure.
    pub fn log(&self) -> String {
        let journal = self.lab.run(&["journalctl", "--no-hostname"]);
        String::from_utf8_lossy(&journal.stdout).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
