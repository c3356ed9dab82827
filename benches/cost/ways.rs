//! The ways to start a program that are compared, and what programs say of their times.

use crate::common::{Process, TestDir, exited, library, pidfile_run, wait_for};
use crate::figure::Samples;
use std::collections::BTreeMap;
use std::fs;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Plain,
    EmptyLibrary,
    Inert,
    Active,
    /// Preloaded with what anybody would write for the same promise.
    Naive,
    Env,
    Command,
    Shell,
    StartStopDaemon,
    Daemonize,
}

/// Where a program writes that was put into the background.
const BACKGROUND: &str = "out/background";

impl Way {
    pub fn name(self) -> &'static str {
        match self {
            Way::Plain => "no library",
            Way::EmptyLibrary => "an empty library",
            Way::Inert => "the library without a setting",
            Way::Active => "the library",
            Way::Naive => "a naive preload",
            Way::Env => "`env LD_PRELOAD=… PIDFILE=…`",
            Way::Command => "`pidfile-run`",
            Way::Shell => "`sh -c 'echo $$ > f; exec prog'`",
            Way::StartStopDaemon => "`start-stop-daemon --make-pidfile`",
            Way::Daemonize => "`daemonize -p`",
        }
    }

    /// What `execs_timed` has to become.
    fn words(self, dir: &TestDir, program: &[&str]) -> Vec<String> {
        let path = dir.host_path(program[0]).display().to_string();
        let file = dir.pidfile().display().to_string();
        let background = dir.path(BACKGROUND).display().to_string();
        let preload = format!("LD_PRELOAD={}", library().display());
        let setting = format!("PIDFILE={file}");
        let empty = dir.host_path("is_an_empty_library");
        let empty = format!("LD_PRELOAD={}", empty.display());
        let naive = dir.host_path("is_naive_preload");
        let naive = format!("LD_PRELOAD={}", naive.display());
        let command = pidfile_run().display().to_string();
        let library = library().display().to_string();
        let before = match self {
            Way::Plain => vec![],
            Way::EmptyLibrary => vec![empty.as_str()],
            Way::Inert => vec![preload.as_str()],
            Way::Active => vec![preload.as_str(), &setting],
            Way::Naive => vec![naive.as_str(), &setting],
            Way::Env => vec!["env", preload.as_str(), &setting],
            Way::Command => vec![&command, "--library", &library, "-p", &file, "--"],
            Way::Shell => vec!["sh", "-c", "echo $$ >\"$0\"; exec \"$@\"", &file],
            Way::StartStopDaemon => {
                let options = ["--start", "--quiet", "--make-pidfile", "--pidfile", &file];
                [&["start-stop-daemon"], &options[..], &["--exec"]].concat()
            }
            Way::Daemonize => vec!["daemonize", "-p", &file, "-a", "-o", &background],
        };
        let mut words: Vec<String> = before.into_iter().map(str::to_owned).collect();
        words.push(path);
        if self == Way::StartStopDaemon {
            words.push("--".to_owned());
        }
        words.extend(program[1..].iter().map(|word| (*word).to_owned()));
        words
    }

    /// Starts one of our small programs in this way.
    pub fn start(self, dir: &TestDir, program: &[&str]) -> Process {
        let words = self.words(dir, program);
        dir.host("execs_timed").plain().args(words).spawn()
    }
}

/// The times that a program has said, in nanoseconds, and when it could be reaped ("reaped").
pub struct Times(BTreeMap<String, f64>);

impl Times {
    /// Waits for the end of the program, and of what it has put into the background.
    pub fn of(dir: &TestDir, process: Process) -> Times {
        let reaped = end_of(&process);
        let ended = process.wait();
        assert_eq!(ended.status, exited(0), "{}", ended.stderr);
        let mut said = ended.stdout;
        if !said.contains("end ") {
            let background = dir.path(BACKGROUND);
            let text = || fs::read_to_string(&background).unwrap_or_default();
            wait_for(|| text().contains("end "), "the program has ended");
            said += &text();
            fs::remove_file(background).unwrap();
        }
        // Not every way removes it.
        let _ = fs::remove_file(dir.pidfile());
        let lines = said.lines().filter_map(|line| {
            let (word, number) = line.split_once(' ')?;
            Some((word.to_owned(), number.parse().ok()?))
        });
        Times(lines.chain([("reaped".to_owned(), reaped)]).collect())
    }

    pub fn between(&self, from: &str, to: &str) -> f64 {
        self.0[to] - self.0[from]
    }

    pub fn at(&self, what: &str) -> f64 {
        self.0[what]
    }
}

pub fn now() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: room for the answer; the clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Waits until the process could be reaped; says when that was.
pub fn end_of(process: &Process) -> f64 {
    let pid = libc::id_t::try_from(process.pid()).unwrap();
    // SAFETY: an all-zero siginfo is one; it is our child, and stays to be reaped.
    unsafe {
        let mut info = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOWAIT;
        assert_eq!(libc::waitid(libc::P_PID, pid, &raw mut info, options), 0);
    }
    now()
}

/// Takes a sample of each, round after round. The first ones only warm up what there is to warm up.
pub fn in_turns<Key: Copy + Ord>(
    rounds: usize,
    keys: &[Key],
    mut sample: impl FnMut(Key) -> f64,
) -> BTreeMap<Key, Samples> {
    const WARMING_UP: usize = 3;
    let mut samples: BTreeMap<Key, Samples> = BTreeMap::new();
    for round in 0..WARMING_UP + rounds {
        for key in keys {
            let value = sample(*key);
            if round >= WARMING_UP {
                samples.entry(*key).or_default().0.push(value);
            }
        }
    }
    samples
}
