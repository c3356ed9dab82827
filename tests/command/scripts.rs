//! `pidfile-run` and scripts: the interpreter is what gets the library.

use crate::common::{TestDir, exited, refuses, starter};

#[test]
fn script_is_judged_by_its_interpreter() {
    let dir = TestDir::new();
    let path = format!("{}:/usr/bin:/bin", dir.path("bin").display());
    let program = dir.copy(&dir.host_path("waits_for_eof_static"), "755");
    let direct = format!("#!{}\n", program.display());
    let nested = format!("#!{}\n", dir.path("bin/direct").display());
    for (name, text) in [
        ("direct", direct.as_str()),
        ("nested", nested.as_str()),
        ("by_env", "#! /usr/bin/env waits_for_eof_static\n"),
        (
            "by_env_s",
            "#!/usr/bin/env -S x=y waits_for_eof_static -x\n",
        ),
    ] {
        let script = dir.executable(name, text);
        let host = starter(&dir).arg(script).env("PATH", &path);
        let words = ["its interpreter", "static program", "-e NAME"];
        refuses(&dir, host, 125, &words);
    }
}

#[test]
fn script_interpreter_owns_the_file() {
    for (name, line) in [
        ("sh", "#!/bin/sh"),
        ("bash", "#!/usr/bin/env bash"),
        ("busybox", "#!/bin/busybox sh"),
        ("dash", "#! /usr/bin/env -S dash -u"),
    ] {
        let dir = TestDir::new();
        let script = dir.executable(name, format!("{line}\necho ready\nread -r x\n"));
        let mut host = starter(&dir).arg(script).spawn_ready();
        assert_eq!(dir.content(), host.pid_line(), "{line}");
        host.write_stdin(b"\n");
        assert_eq!(host.wait().status, exited(0), "{line}");
    }
}

#[test]
fn script_that_cannot_start_is_refused() {
    let dir = TestDir::new();
    let endless = format!("#!{}\n", dir.path("bin/endless").display());
    for (name, text, status, words) in [
        ("gone", "#!/no/such/sh\n", 127, "/no/such/sh is not there"),
        ("no_env", "#!/usr/bin/env no-such\n", 127, "not on the PATH"),
        ("windows", "#!/bin/sh\r\necho\r\n", 127, "sed -i"),
        ("endless", endless.as_str(), 126, "without end"),
        ("plain", "echo\n", 126, "/bin/sh "),
        ("empty", "", 126, "/bin/sh "),
    ] {
        let script = dir.executable(name, text);
        refuses(&dir, starter(&dir).arg(&script), status, &[words]);
    }
}
