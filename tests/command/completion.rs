//! The completion offers every option that the help lists, and their values.

use crate::common::{TestDir, exited, launcher, library, pidfile_run};
use crate::help::{help, long_options};
use crate::man_pages::{LAUNCHER_PAGE, between, source};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn help_manual_completion_have_equal_sub_commands() {
    let help = help();
    let subs = help
        .lines()
        .skip_while(|line| *line != "Sub-commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(str::trim_start)
        .filter(|usage| !usage.starts_with("help "));
    let of_help: BTreeSet<&str> = subs.map(|usage| usage.split(' ').next().unwrap()).collect();
    let page = source(LAUNCHER_PAGE);
    let synopsis = between(&page, ".Sh SYNOPSIS", ".Sh DESCRIPTION");
    let subs = synopsis
        .lines()
        .filter_map(|line| line.strip_prefix(".Cm "));
    assert_eq!(subs.collect::<BTreeSet<&str>>(), of_help);
    let described = between(&page, "Cm status Ar FILE", ".Sh ENVIRONMENT");
    for sub in of_help.iter().filter(|sub| **sub != "status") {
        assert!(
            described.contains(&format!("Cm {sub} Ar"))
                || described.contains(&format!("Cm {sub} Op")),
            "{sub}"
        );
    }
    let completed: BTreeSet<String> = complete(&["pidfile-run", "s"]).into_iter().collect();
    for sub in of_help.iter().filter(|sub| sub.starts_with('s')) {
        assert!(completed.contains(*sub), "{sub}: {completed:?}");
    }
}

/// What bash offers when the cursor is behind the last of these words.
fn complete(words: &[&str]) -> Vec<String> {
    let script = "source <(\"$1\" --completion bash); shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                  complete -p pidfile-run >/dev/null && compopt() { :; } && \
                  _pidfile_run \"$1\" \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
                  printf '%s\\n' \"${COMPREPLY[@]}\"";
    let said = Command::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .arg(pidfile_run())
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("LIBPIDFILE", library())
        .output()
        .unwrap();
    assert!(said.stderr.is_empty(), "{said:?}");
    let offered = String::from_utf8(said.stdout).unwrap();
    offered.lines().map(Into::into).collect()
}

#[test]
fn bash_completes_every_option() {
    let offered: BTreeSet<String> = complete(&["pidfile-run", "--"]).into_iter().collect();
    assert_eq!(offered, long_options());
    let offered: BTreeSet<String> = complete(&["pidfile-run", "-p", "x", "--"])
        .into_iter()
        .collect();
    assert_eq!(offered, long_options());
}

#[test]
fn bash_completes_option_values() {
    for (words, expected) in [
        (
            ["pidfile-run", "--follow", ""].as_slice(),
            vec!["auto", "fork", "off"],
        ),
        (&["pidfile-run", "--log", "s"], vec!["stderr", "syslog"]),
        (&["pidfile-run", "--watch", "=", "i"], vec!["inotify"]),
        (
            &["pidfile-run", "--watch", "="],
            vec!["auto", "inotify", "poll", "poll:", "off"],
        ),
        (&["pidfile-run", "signal", "US"], vec!["USR1", "USR2"]),
        (&["pidfile-run", "stop", "README.md", "-t"], vec!["-t"]),
        (
            &["pidfile-run", "--kill-after", "5", "-p", "README"],
            vec!["README.md"],
        ),
        (&["pidfile-run", "-p", "a", "mktem"], vec!["mktemp"]),
        (&["pidfile-run", "check", "mktem"], vec!["mktemp"]),
        (&["pidfile-run", "systemd", "a", "--ty"], vec!["--type"]),
    ] {
        assert_eq!(complete(words), expected, "{words:?}");
    }
}

/// Where nothing is offered the shell goes on to file names by itself.
#[test]
fn bash_falls_back_to_file_names() {
    let says = Command::new("bash")
        .args([
            "--norc",
            "-c",
            "source <(\"$1\" --completion bash); complete -p pidfile-run",
        ])
        .arg("bash")
        .arg(pidfile_run())
        .output()
        .unwrap();
    let says = String::from_utf8(says.stdout).unwrap();
    assert!(says.contains("-o default"), "{says}");
    assert_eq!(complete(&["pidfile-run", "status", "README"]), [""]);
}

#[test]
fn other_shells_have_a_completion() {
    for shell in ["zsh", "fish"] {
        let dir = TestDir::new();
        let ended = launcher(&dir).args(["--completion", shell]).run();
        assert_eq!(ended.status, exited(0));
        for option in long_options() {
            let name = option.trim_start_matches('-');
            assert!(ended.stdout.contains(name), "{shell}: {option}");
        }
    }
}
