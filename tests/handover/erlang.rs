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

/// A scene in which the application is installed.
fn scene() -> TestDir {
    let scene = TestDir::new();
    fs::write(scene.path("data/service.erl"), SERVICE).unwrap();
    fs::write(scene.path("data/service.app"), RESOURCE).unwrap();
    let compiled = Command::new("erlc")
        .arg("service.erl")
        .current_dir(scene.path("data"))
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "erlc");
    scene
}

fn erl<'scene>(scene: &'scene TestDir, options: &[&str]) -> HostCommand<'scene> {
    scene
        .program("/usr/bin/erl")
        .env("HOME", scene.path("data"))
        .args(options)
        .args(["-eval", START])
}

fn notes(scene: &TestDir) -> String {
    fs::read_to_string(scene.path("data/notes")).unwrap_or_default()
}

/// The PIDs that the node said it had, each time that it was up.
fn said_ready(scene: &TestDir) -> Vec<i32> {
    let notes = notes(scene);
    let pids = notes.lines().filter_map(|line| line.strip_prefix("ready "));
    pids.map(|pid| pid.parse().unwrap()).collect()
}

fn wait_until_up(scene: &TestDir, node: &Process, times: usize) {
    node.wait_until(|_| said_ready(scene).len() == times, "up");
}

/// The three ways to name the file: the environment, the command line, a file of arguments.
const WAYS: [&str; 3] = ["environment", "command line", "vm.args"];

fn node<'scene>(scene: &'scene TestDir, way: &str) -> HostCommand<'scene> {
    let setting = recipes("Erlang and Elixir")[0]
        .replace("/run/legacy.pid", scene.pidfile().to_str().unwrap());
    match way {
        "environment" => erl(scene, &["-noshell"]),
        "command line" => {
            let command = format!("exec erl -noshell \"$@\" {setting}");
            let start = ["-eval", START];
            let shell = scene.program("sh").args(["-c", &command, "sh"]);
            shell.args(start).env("HOME", scene.path("data")).inert()
        }
        _ => {
            let file = scene.path("data/vm.args");
            fs::write(&file, format!("-noshell\n{setting}")).unwrap();
            erl(scene, &["-args_file", file.to_str().unwrap()]).inert()
        }
    }
}

#[track_caller]
fn file_names(scene: &TestDir, pid: i32) {
    assert_eq!(scene.content(), format!("{pid}\n"));
    assert_eq!(status_line(pid, "Name"), "beam.smp");
    assert!(!scene.an_outsider_can_lock());
}

/// How a node ends, and what it says, when it gets SIGTERM and nobody else is there.
fn ended_by_sigterm() -> (ExitStatus, String) {
    let scene = scene();
    let node = erl(&scene, &["-noshell"]).plain().spawn();
    wait_until_up(&scene, &node, 1);
    node.signal(libc::SIGTERM);
    (node.wait().status, without_pids(&notes(&scene)))
}

fn without_pids(notes: &str) -> String {
    notes.replace(|c: char| c.is_ascii_digit(), "")
}

#[test]
fn erlang_file_names_node_and_deletion_stops_it() {
    let as_usual = ended_by_sigterm();
    assert_eq!(as_usual, (exited(0), "ready \nstopped\n".to_owned()));
    for way in WAYS {
        let scene = scene();
        let node = node(&scene, way).spawn();
        wait_until_up(&scene, &node, 1);
        assert_eq!(said_ready(&scene), [node.pid()], "{way}");
        file_names(&scene, node.pid());
        assert_eq!(scene.leftovers(), ["a.pid"], "{way}");
        scene.remove_pidfile();
        let status = node.wait().status;
        assert_eq!((status, without_pids(&notes(&scene))), as_usual, "{way}");
        assert_eq!(scene.leftovers(), NOTHING, "{way}");
    }
}

#[test]
fn erlang_node_ending_removes_file() {
    for (order, status, last_note) in [("stop\n", 3, "stopped"), ("cut short\n", 4, "ready ")] {
        let scene = scene();
        let node = node(&scene, "environment").env("PIDFILE_FOLLOW", "off");
        let mut node = node.spawn();
        wait_until_up(&scene, &node, 1);
        node.write_stdin(order.as_bytes());
        assert_eq!(node.wait().status, exited(status));
        assert!(notes(&scene).lines().last().unwrap().starts_with(last_note));
        assert_eq!(scene.leftovers(), NOTHING);
    }
}

/// `timeout` has the flag on its own command line, and outlives the node.
#[test]
fn erlang_below_launcher_that_stays_owns_file() {
    let scene = scene();
    let term = format!("{:?}", scene.pidfile());
    let launcher = scene
        .program("timeout")
        .inert()
        .env("HOME", scene.path("data"))
        .env("PIDFILE_EXE", "beam.smp")
        .env("PIDFILE_FOLLOW", "off")
        .args(["1000", "erl", "-noshell", "-kernel", "pidfile", &term])
        .args(["-eval", START])
        .spawn();
    wait_until_up(&scene, &launcher, 1);
    let pid = said_ready(&scene)[0];
    assert_ne!(pid, launcher.pid());
    file_names(&scene, pid);
    scene.remove_pidfile();
    assert_eq!(launcher.wait().status, exited(0));
    assert_eq!(without_pids(&notes(&scene)), "ready \nstopped\n");
}

/// `init:restart()` takes everything down and up again in the same process.
#[test]
fn erlang_restart_keeps_file() {
    let scene = scene();
    let mut node = node(&scene, "vm.args").spawn();
    wait_until_up(&scene, &node, 1);
    let before = scene.identity();
    node.write_stdin(b"restart\n");
    wait_until_up(&scene, &node, 2);
    assert_eq!(scene.identity(), before);
    assert_eq!(said_ready(&scene), [node.pid(), node.pid()]);
    file_names(&scene, node.pid());
    scene.remove_pidfile();
    assert_eq!(node.wait().status, exited(0));
    assert_eq!(
        without_pids(&notes(&scene)),
        "ready \nstopped\nready \nstopped\n"
    );
}

#[test]
fn erlang_detached_node_inherits() {
    let scene = scene();
    let _orphans = Descendants::of(&scene);
    let launcher = erl(&scene, &["-detached"]).run();
    assert_eq!(launcher.status, exited(0));
    // At every moment from then on, as systemd wants it with Type=forking.
    let then = scene.content();
    wait_for(|| said_ready(&scene).len() == 1, "the node is up");
    let [pid] = said_ready(&scene)[..] else {
        panic!("{}", notes(&scene));
    };
    assert_eq!(then, format!("{pid}\n"));
    wait_for(|| !scene.an_outsider_can_lock(), "the node has the lock");
    file_names(&scene, pid);
    let node = Descendant::new(pid);
    scene.remove_pidfile();
    assert_eq!(node.wait(), exited(0));
    assert_eq!(without_pids(&notes(&scene)), "ready \nstopped\n");
}
