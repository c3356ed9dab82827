//! `pidfile-run --help`, its manual page and its sub-commands have the same options, and each is accepted.

use crate::common::{TestDir, exited, launcher};
use crate::man_pages::{LAUNCHER_PAGE, between, source};
use std::collections::BTreeSet;

pub fn help() -> String {
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

pub fn long_options() -> BTreeSet<String> {
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
