//! `--json` is for programs, colour for terminals.

use crate::common::{TestDir, answer, exited, launcher, library, owner, pidfile_run};
use std::fs;

fn json(words: &[&str], dir: &TestDir) -> (i32, String) {
    let (status, text) = answer(launcher(dir).args(words).arg("--json"));
    // A reader that is not ours.
    let script = "import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))";
    fs::write(dir.path("data/json"), &text).unwrap();
    let read = dir
        .program("/bin/sh")
        .plain()
        .args(["-c", "exec python3 -c \"$1\" <json", "sh", script])
        .run();
    assert_eq!(read.status, exited(0), "{text}");
    (status, read.stdout)
}

#[test]
fn json_names_state_and_process() {
    let dir = TestDir::new();
    let file = dir.pidfile();
    let file = file.to_str().unwrap();
    let (status, text) = json(&["status", file], &dir);
    assert_eq!(status, 3);
    let absent = format!(
        "{{\"age\": null, \"command\": null, \"file\": \"{file}\", \"named\": null, \"pid\": null, \
         \"state\": \"absent\", \"why\": null}}\n"
    );
    assert_eq!(text, absent);
    let host = owner(&dir);
    let (status, text) = json(&["status", file], &dir);
    assert_eq!(status, 0, "{text}");
    for part in [
        "\"state\": \"owned\"".into(),
        format!("\"pid\": {}", host.pid()),
        format!("\"named\": {}", host.pid()),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    for (name, content, state) in [
        ("b.pid", "99999999\n".to_owned(), "stale"),
        ("c.pid", "text\n".into(), "no-pid-file"),
        ("d.pid", format!("{}\n", std::process::id()), "foreign"),
    ] {
        fs::write(dir.path("run").join(name), content).unwrap();
        let (_, text) = json(&["list", dir.path("run").to_str().unwrap()], &dir);
        assert!(text.contains(&format!("\"state\": \"{state}\"")), "{text}");
    }
}

#[test]
fn check_as_json_says_what_would_happen() {
    let dir = TestDir::new();
    let program = dir.host_path("waits_for_eof");
    let file = dir.pidfile();
    let words = ["check", "-p", file.to_str().unwrap(), "--json"];
    let (status, text) = answer(launcher(&dir).args(words).arg(&program).arg("a b"));
    assert_eq!(status, 0, "{text}");
    for part in [
        "\"starts\": true",
        "\"findings\": []",
        "\"a b\"",
        &format!("\"library\": \"{}\"", library().display()),
        &format!("\"program\": \"{}\"", program.display()),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!dir.directory_has_changed(), "nothing was started");
}

#[test]
fn colour_is_for_terminals_and_can_be_switched_off() {
    let dir = TestDir::new();
    fs::write(dir.pidfile(), "").unwrap();
    let on_terminal = |more: &str| {
        let script = format!("exec {more} \"$1\" list \"$2\"");
        let ended = dir
            .program("script")
            .plain()
            .env("TERM", "xterm")
            .env("S", script)
            .args(["-qec", "sh -c \"$S\" sh \"$P\" \"$R\"", "/dev/null"])
            .env("P", pidfile_run())
            .env("R", dir.path("run"))
            .run();
        assert_eq!(ended.status, exited(0), "{ended:?}");
        ended.stdout
    };
    assert!(on_terminal("").contains("\u{1b}["), "colour on a terminal");
    assert!(!on_terminal("env NO_COLOR=1").contains("\u{1b}["));
    let (_, plain) = answer(launcher(&dir).arg("list").arg(dir.path("run")));
    assert!(!plain.contains('\u{1b}'), "{plain}");
}
