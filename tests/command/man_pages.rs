//! The manual pages, the help, the completion and the README say the same as the code.

use crate::common::{TestDir, exited, launcher, library, pidfile_run};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

const LIBRARY_PAGE: &str = "man/libpidfile.7";
const LAUNCHER_PAGE: &str = "man/pidfile-run.1";

fn source(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What is between two lines of a text.
#[track_caller]
fn between<'text>(text: &'text str, from: &str, to: &str) -> &'text str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from:?}")) + from.len();
    let end = text[start..].find(to);
    &text[start..start + end.unwrap_or_else(|| panic!("no {to:?}"))]
}

fn words(text: &str, delimiter: char) -> BTreeSet<&str> {
    text.split(delimiter).skip(1).step_by(2).collect()
}

#[test]
fn man_pages_render_without_warnings() {
    for page in [LIBRARY_PAGE, LAUNCHER_PAGE] {
        for tool in [
            ["mandoc", "-T", "lint", "-W", "warning"],
            ["groff", "-ww", "-mdoc", "-Tutf8", "-z"],
        ] {
            let said = Command::new(tool[0])
                .args(&tool[1..])
                .arg(page)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .unwrap_or_else(|error| panic!("{}: {error}", tool[0]));
            let told = [said.stdout, said.stderr].concat();
            let told = String::from_utf8_lossy(&told);
            assert!(said.status.success() && told.is_empty(), "{tool:?}: {told}");
        }
    }
}

#[test]
fn man_page_headers_name_no_other_system() {
    for page in [LIBRARY_PAGE, LAUNCHER_PAGE] {
        let said = Command::new("groff")
            .args(["-mdoc", "-Tutf8", page])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(!text.lines().next().unwrap().contains("BSD"), "{page}");
    }
}

/// A check that lets everything pass would be none.
#[test]
fn faulty_man_page_fails_the_check() {
    let dir = TestDir::new();
    let page = dir.path("data/wrong.7");
    let text = source(LIBRARY_PAGE).replacen(".Bl -bullet", ".Bl -nonsense", 1);
    fs::write(&page, text).unwrap();
    let said = Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .arg(page)
        .output()
        .unwrap();
    assert!(!said.status.success());
}

// ---- settings ----

/// The settings of src/settings/env.rs, and what is in code font in the description of each.
fn settings() -> BTreeMap<String, BTreeSet<String>> {
    let config = source("src/settings/env.rs");
    let fields = between(&config, "pub struct Variables<'a> {", "\n}");
    fields
        .lines()
        .filter_map(|line| line.trim().strip_prefix("/// `"))
        .filter(|line| line.starts_with("PIDFILE"))
        .map(|line| {
            let (name, text) = line.split_once("`: ").expect(line);
            let values = words(text, '`').into_iter().map(Into::into);
            (name.to_owned(), values.collect())
        })
        .collect()
}

/// The settings of the manual page, and the literal words in the description of each.
fn settings_of_the_page() -> BTreeMap<String, BTreeSet<String>> {
    let page = source(LIBRARY_PAGE);
    let list = between(&page, ".Bl -tag -width Ds\n", "\n.El");
    let mut settings = BTreeMap::new();
    for item in list.split(".It Ev ").skip(1) {
        let (name, text) = item.split_once('\n').unwrap();
        let literals = text.lines().filter_map(|line| line.strip_prefix(".Cm "));
        let values = literals.map(|words| {
            let value = words.replace(" : Ns Ar ", ":");
            value.trim_end_matches([' ', ',', '.', ':', ';']).to_owned()
        });
        settings.insert(name.to_owned(), values.collect());
    }
    settings
}

#[test]
fn man_page_and_readme_name_every_setting() {
    let settings = settings();
    assert!(settings.len() >= 9, "{settings:?}");
    let config = source("src/settings/env.rs");
    let read = between(&config, "let slot = match name {", "_ => continue");
    let read = words(read, '"')
        .into_iter()
        .filter(|name| name.starts_with("PIDFILE"));
    let read: BTreeSet<String> = read.map(Into::into).collect();
    let names: BTreeSet<String> = settings.keys().cloned().collect();
    assert_eq!(read, names, "what is read, and what is described");

    let page: BTreeSet<String> = settings_of_the_page().into_keys().collect();
    assert_eq!(page, names);

    let readme = source("README.md");
    let table = between(&readme, "<!-- settings -->", "<!-- /settings -->");
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `PIDFILE"));
    let rows: BTreeSet<String> = rows
        .map(|row| format!("PIDFILE{}", row.split('`').next().unwrap()))
        .collect();
    assert_eq!(rows, names);
}

#[test]
fn man_page_and_readme_name_every_value() {
    let (settings, page) = (settings(), settings_of_the_page());
    let values = source("src/settings/values.rs");
    let readme = source("README.md");
    for (name, function) in [
        ("PIDFILE_FOLLOW", "fn follow("),
        ("PIDFILE_WATCH", "fn watch("),
        ("PIDFILE_LOG", "fn log("),
    ] {
        let parser = between(&values, function, "\n}\n");
        let parsed: BTreeSet<String> = words(parser, '"')
            .into_iter()
            .map(|value| value.replace("poll:", "poll:SECONDS"))
            .collect();
        assert!(parsed.len() >= 3, "{parsed:?}");
        assert_eq!(settings[name], parsed, "{name} in src/settings/values.rs");
        assert_eq!(page[name], parsed, "{name} in {LIBRARY_PAGE}");
        let row = between(&readme, &format!("| `{name}` |"), "\n");
        let row: BTreeSet<String> = words(row, '`').into_iter().map(Into::into).collect();
        assert_eq!(row, parsed, "{name} in README.md");
    }
    assert_eq!(page["PIDFILE_SIGNAL"], settings["PIDFILE_SIGNAL"]);
}

#[test]
fn every_setting_has_an_option() {
    let page = source(LAUNCHER_PAGE);
    for name in settings().keys().filter(|name| *name != "PIDFILE") {
        assert!(page.contains(&format!(".Pq Ev {name}")) || page.contains(&format!(".Ev {name}")));
    }
}

// ---- options ----

fn help() -> String {
    let dir = TestDir::new();
    let ended = launcher(&dir).arg("--help").run();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    ended.stdout
}

/// The options in the help: `-p FILE, --pidfile FILE`.
fn options() -> BTreeSet<String> {
    let help = help();
    let list = between(&help, "Options:\n", "\n\n").replace(['<', '>'], "");
    let options = list.lines().map(|line| {
        let (option, _) = line.trim_start().split_once("  ").expect(line);
        match option.split_once(", ") {
            Some((short, long)) => match long.split_once(' ') {
                Some((_, value)) => format!("{short} {value}, {long}"),
                None => option.to_owned(),
            },
            None => option.to_owned(),
        }
    });
    options.collect()
}

fn long_options() -> BTreeSet<String> {
    let options = options();
    let long = options.iter().flat_map(|option| option.split(' '));
    long.filter(|word| word.starts_with("--"))
        .map(|word| word.trim_end_matches(',').to_owned())
        .collect()
}

#[test]
fn help_and_man_page_list_the_same_options() {
    let page = source(LAUNCHER_PAGE);
    let items = page.lines().filter_map(|line| line.strip_prefix(".It Fl "));
    let items = items.map(|item| {
        let item = format!("-{item}").replace(" , Fl ", ", -");
        item.replace(" Ar ", " ")
    });
    assert_eq!(items.collect::<BTreeSet<String>>(), options());
}

/// Those that a sub-command has beside the settings.
#[test]
fn man_page_has_every_option_of_a_sub_command() {
    let page = source(LAUNCHER_PAGE);
    for sub in [
        "status", "stop", "signal", "wait", "list", "check", "systemd",
    ] {
        let dir = TestDir::new();
        let help = launcher(&dir).args([sub, "--help"]).run().stdout;
        let words = help.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        let options = words.filter(|word| word.starts_with("--") && word.len() > 3);
        for option in options.map(|word| word.trim_start_matches('-')) {
            assert!(page.contains(&format!("Fl -{option}")), "{sub}: --{option}");
        }
    }
}

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

#[test]
fn every_option_in_help_is_accepted() {
    let dir = TestDir::new();
    for option in options() {
        let long = option
            .split(' ')
            .find(|word| word.starts_with("--"))
            .unwrap();
        if ["--help", "--version"].contains(&long) {
            continue;
        }
        for spelling in option.split(", ") {
            let mut words: Vec<&str> = spelling.split(' ').collect();
            if let Some(value) = words.get_mut(1) {
                *value = match long {
                    "--follow" | "--watch" | "--log" => "off",
                    "--signal" => "HUP",
                    "--kill-after" => "2.5",
                    _ => "/no/such",
                };
            }
            let ended = launcher(&dir).args(&words).run();
            assert_eq!(ended.status, exited(125), "{words:?}");
            assert!(ended.stderr.contains("no command"), "{words:?}: {ended:?}");
        }
    }
    for option in ["-h", "-V"] {
        let ended = launcher(&dir).arg(option).run();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    }
}

#[test]
fn version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let dir = TestDir::new();
    let ended = launcher(&dir).arg("--version").run();
    let expected = format!("pidfile-run {version} (libpidfile)\n");
    assert_eq!((ended.stdout, ended.status), (expected, exited(0)));
    for page in [LIBRARY_PAGE, LAUNCHER_PAGE] {
        assert!(source(page).contains(&format!("\n.Os libpidfile {version}\n")));
    }
}

// ---- completion ----

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

#[test]
fn help_fits_on_a_terminal() {
    let dir = TestDir::new();
    let subs = [
        "status", "stop", "signal", "wait", "list", "check", "systemd",
    ];
    let pages = subs.map(|sub| {
        let ended = launcher(&dir).args([sub, "--help"]).run();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
        ended.stdout
    });
    for line in help()
        .lines()
        .chain(pages.iter().flat_map(|page| page.lines()))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
