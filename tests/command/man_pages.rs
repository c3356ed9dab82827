//! The manual pages render without a warning, and name the settings and the version that the code has.

use crate::common::{TestDir, exited, launcher};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

const LIBRARY_PAGE: &str = "man/libpidfile.7";
pub const LAUNCHER_PAGE: &str = "man/pidfile-run.1";

pub fn source(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What is between two lines of a text.
#[track_caller]
pub fn between<'text>(text: &'text str, from: &str, to: &str) -> &'text str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from:?}")) + from.len();
    let end = text[start..].find(to);
    &text[start..start + end.unwrap_or_else(|| panic!("no {to:?}"))]
}

pub fn words(text: &str, delimiter: char) -> BTreeSet<&str> {
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
