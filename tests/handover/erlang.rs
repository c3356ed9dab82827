//! An Erlang node has the PID file that Distillery's releases have, and the node needs nothing for it: a real `erl`.

use crate::common::{
    Descendant, Descendants, HostCommand, NOTHING, Process, TestDir, exited, recipes, status_line,
    wait_for,
};
use std::fs;
use std::process::{Command, ExitStatus};

/// An application that notes in a file what becomes of it, and does what it reads.
const SERVICE: &str = r#"
-module(service).
-behaviour(application).
-export([start/2, stop/1]).

start(_, _) ->
    note("ready ~s\n", [os:getpid()]),
    {ok, spawn_link(fun serve/0)}.

stop(_) ->
    note("stopped\n", []).

serve() ->
    case io:get_line("") of
        "restart\n" -> init:restart();
        "stop\n" -> init:stop(3);
        "cut short\n" -> halt(4);
        _ -> ok
    end,
    receive never -> ok end.

note(Format, Values) ->
    ok = file:write_file("notes", io_lib:format(Format, Values), [append]).
"#;

const RESOURCE: &str = "{application, service, [{mod, {service, []}}]}.";

const START: &str = "ok = application:start(service).";

/// A test directory in which the application is installed.
fn dir() -> TestDir {
    let dir = TestDir::new();
    fs::write(dir.path("data/service.erl"), SERVICE).unwrap();
    fs::write(dir.path("data/service.app"), RESOURCE).unwrap();
    let compiled = Command::new("erlc")
        .arg("service.erl")
        .current_dir(dir.path("data"))
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "erlc");
    dir
}

fn erl<'dir>(dir: &'dir TestDir, options: &[&str]) -> HostCommand<'dir> {
    dir.program("/usr/bin/erl")
        .env("HOME", dir.path("data"))
        .args(options)
        .args(["-eval", START])
}

fn notes(dir: &TestDir) -> String {
    fs::read_to_string(dir.path("data/notes")).unwrap_or_default()
}

/// The PIDs that the node said it had, each time that it was up.
fn said_ready(dir: &TestDir) -> Vec<i32> {
    let notes = notes(dir);
    let pids = notes.lines().filter_map(|line| line.strip_prefix("ready "));
    pids.map(|pid| pid.parse().unwrap()).collect()
}

fn wait_until_up(dir: &TestDir, node: &Process, times: usize) {
    node.wait_until(|_| said_ready(dir).len() == times, "up");
}

/// The three ways to name the file: the environment, the command line, a file of arguments.
const WAYS: [&str; 3] = ["environment", "command line", "vm.args"];

fn node<'dir>(dir: &'dir TestDir, way: &str) -> HostCommand<'dir> {
    let setting =
        recipes("Erlang and Elixir")[0].replace("/run/legacy.pid", dir.pidfile().to_str().unwrap());
    match way {
        "environment" => erl(dir, &["-noshell"]),
        "command line" => {
            let command = format!("exec erl -noshell \"$@\" {setting}");
            let start = ["-eval", START];
            let shell = dir.program("sh").args(["-c", &command, "sh"]);
            shell.args(start).env("HOME", dir.path("data")).inert()
        }
        _ => {
            let file = dir.path("data/vm.args");
            fs::write(&file, format!("-noshell\n{setting}")).unwrap();
            erl(dir, &["-args_file", file.to_str().unwrap()]).inert()
        }
    }
}

#[track_caller]
fn file_names(dir: &TestDir, pid: i32) {
    assert_eq!(dir.content(), format!("{pid}\n"));
    assert_eq!(status_line(pid, "Name"), "beam.smp");
    assert!(!dir.an_outsider_can_lock());
}

/// How a node ends, and what it says, when it gets SIGTERM and nobody else is there.
fn ended_by_sigterm() -> (ExitStatus, String) {
    let dir = dir();
    let node = erl(&dir, &["-noshell"]).plain().spawn();
    wait_until_up(&dir, &node, 1);
    node.signal(libc::SIGTERM);
    (node.wait().status, without_pids(&notes(&dir)))
}

fn without_pids(notes: &str) -> String {
    notes.replace(|c: char| c.is_ascii_digit(), "")
}

#[test]
fn erlang_file_names_node_and_deletion_stops_it() {
    let as_usual = ended_by_sigterm();
    assert_eq!(as_usual, (exited(0), "ready \nstopped\n".to_owned()));
    for way in WAYS {
        let dir = dir();
        let node = node(&dir, way).spawn();
        wait_until_up(&dir, &node, 1);
        assert_eq!(said_ready(&dir), [node.pid()], "{way}");
        file_names(&dir, node.pid());
        assert_eq!(dir.leftovers(), ["a.pid"], "{way}");
        dir.remove_pidfile();
        let status = node.wait().status;
        assert_eq!((status, without_pids(&notes(&dir))), as_usual, "{way}");
        assert_eq!(dir.leftovers(), NOTHING, "{way}");
    }
}

#[test]
fn erlang_node_ending_removes_file() {
    for (order, status, last_note) in [("stop\n", 3, "stopped"), ("cut short\n", 4, "ready ")] {
        let dir = dir();
        let node = node(&dir, "environment").env("PIDFILE_FOLLOW", "off");
        let mut node = node.spawn();
        wait_until_up(&dir, &node, 1);
        node.write_stdin(order.as_bytes());
        assert_eq!(node.wait().status, exited(status));
        assert!(notes(&dir).lines().last().unwrap().starts_with(last_note));
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// `timeout` has the flag on its own command line, and outlives the node.
#[test]
fn erlang_below_launcher_that_stays_owns_file() {
    let dir = dir();
    let term = format!("{:?}", dir.pidfile());
    let launcher = dir
        .program("timeout")
        .inert()
        .env("HOME", dir.path("data"))
        .env("PIDFILE_EXE", "beam.smp")
        .env("PIDFILE_FOLLOW", "off")
        .args(["1000", "erl", "-noshell", "-kernel", "pidfile", &term])
        .args(["-eval", START])
        .spawn();
    wait_until_up(&dir, &launcher, 1);
    let pid = said_ready(&dir)[0];
    assert_ne!(pid, launcher.pid());
    file_names(&dir, pid);
    dir.remove_pidfile();
    assert_eq!(launcher.wait().status, exited(0));
    assert_eq!(without_pids(&notes(&dir)), "ready \nstopped\n");
}

/// `init:restart()` takes everything down and up again in the same process.
#[test]
fn erlang_restart_keeps_file() {
    let dir = dir();
    let mut node = node(&dir, "vm.args").spawn();
    wait_until_up(&dir, &node, 1);
    let before = dir.identity();
    node.write_stdin(b"restart\n");
    wait_until_up(&dir, &node, 2);
    assert_eq!(dir.identity(), before);
    assert_eq!(said_ready(&dir), [node.pid(), node.pid()]);
    file_names(&dir, node.pid());
    dir.remove_pidfile();
    assert_eq!(node.wait().status, exited(0));
    assert_eq!(
        without_pids(&notes(&dir)),
        "ready \nstopped\nready \nstopped\n"
    );
}

#[test]
fn erlang_detached_node_inherits() {
    let dir = dir();
    let _orphans = Descendants::of(&dir);
    let launcher = erl(&dir, &["-detached"]).run();
    assert_eq!(launcher.status, exited(0));
    // At every moment from then on, as systemd wants it with Type=forking.
    let then = dir.content();
    wait_for(|| said_ready(&dir).len() == 1, "the node is up");
    let [pid] = said_ready(&dir)[..] else {
        panic!("{}", notes(&dir));
    };
    assert_eq!(then, format!("{pid}\n"));
    wait_for(|| !dir.an_outsider_can_lock(), "the node has the lock");
    file_names(&dir, pid);
    let node = Descendant::new(pid);
    dir.remove_pidfile();
    assert_eq!(node.wait(), exited(0));
    assert_eq!(without_pids(&notes(&dir)), "ready \nstopped\n");
}
