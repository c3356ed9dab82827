//! Holds the imports in `src/` against the order of the rooms.
//!
//! Each folder of `src/` is a room. A file may use files of its own room and of the rooms below it, and no two files may
//! use each other, not even by way of others. Whoever reads a room has to know what is below it, and nothing else.
//!
//! A path counts wherever it stands in the code: in a `use`, in an expression, or behind the name of a module that a
//! `use` or `mod` has introduced. Comments, strings and unit tests do not count.

mod imports;
mod lengths;
mod publicity;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use imports::{imports, module_of};

/// The rooms, highest first. Those in one row do not know each other.
const ROOMS: &[&[&str]] = &[
    &["lib"],
    &["startup"],
    &["hooks"],
    &["keeper"],
    &["endings"],
    &["handover"],
    &["ownership"],
    &["guard"],
    &["report"],
    &["settings"],
    &["pidfile", "isolation"],
    &["sys"],
];

#[test]
fn imports_run_downwards_without_circles() {
    let faults = faults(&source::files("src"));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// docs/architecture.md names each room, in this order.
#[test]
fn architecture_page_names_rooms_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let rooms = page.split("\n| room | holds |\n").nth(1).unwrap();
    let rooms = rooms.lines().skip(1).map_while(|row| row.split('`').nth(1));
    let rooms: Vec<&str> = rooms.map(|room| room.trim_end_matches(".rs")).collect();
    assert_eq!(rooms, ROOMS.concat());
}

/// `folder/file::test`, and `tests/folder/file.rs`.
#[test]
fn pages_name_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for (name, page) in source::files_ending("docs", &[".md"]) {
        for (file, test) in named_tests(&page) {
            assert!(is_test(file, test), "{name}: {file}::{test}");
            found += 1;
        }
        for file in page.split('`').filter(|word| word.starts_with("tests/")) {
            assert!(root.join(file).exists(), "{name}: {file}");
            found += 1;
        }
    }
    assert!(found > 40, "{found}");
}

#[test]
fn docs_of_modules_name_tests_that_exist() {
    let mut found = 0;
    for (name, text) in source::files("src") {
        let docs = text.lines().filter(|line| line.starts_with("//!"));
        let docs: Vec<_> = docs.collect();
        let docs = docs.join("\n");
        for (file, test) in named_tests(&docs)
            .iter()
            .filter(|(file, _)| file.contains('/'))
        {
            assert!(is_test(file, test), "{name}: {file}::{test}");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

/// Returns the tests that a text names, as `folder/file::test` between backquotes.
fn named_tests(text: &str) -> Vec<(&str, &str)> {
    let words = text.split('`');
    let words = words.filter(|word| !word.contains(char::is_whitespace));
    let names = words.filter_map(|word| word.split_once("::"));
    // Not `ignore::DeprecationWarning`, a word of Python.
    names
        .filter(|(_, test)| !test.contains(char::is_uppercase))
        .collect()
}

/// Returns whether a file of `tests/` has a function of that name.
fn is_test(file: &str, test: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(root.join(format!("tests/{file}.rs")));
    source
        .unwrap_or_default()
        .contains(&format!("\nfn {test}()"))
}

#[test]
fn architecture_is_asked_for_in_one_folder() {
    let files = source::files("src");
    let here = |(name, text): &&(String, String)| {
        !name.starts_with("sys/arch/") && (text.contains("target_arch") || text.contains(" asm!"))
    };
    let asking: Vec<_> = files.iter().filter(here).map(|(name, _)| name).collect();
    assert!(asking.is_empty(), "{asking:?}");
}

#[test]
fn import_of_a_higher_room_is_a_fault() {
    for line in [
        "use crate::keeper::start;",
        "use crate::{sys as system, keeper as k};",
        "use crate::{sys::{self, fs}, keeper::{self, start}};",
        "fn f() { crate::keeper::start(); }",
        "use super::super::keeper;",
    ] {
        let below = ("ownership/state.rs", line);
        let faults = of(&[
            below,
            ("keeper/mod.rs", ""),
            ("sys/mod.rs", ""),
            ("sys/fs.rs", ""),
        ]);
        assert_eq!(
            faults,
            ["ownership/state.rs uses keeper/mod.rs, which is in a higher room"],
            "{line}"
        );
    }
}

#[test]
fn import_of_a_neighbouring_room_is_a_fault() {
    let faults = of(&[
        ("pidfile/mod.rs", "use crate::isolation;"),
        ("isolation/mod.rs", ""),
    ]);
    assert_eq!(
        faults,
        ["pidfile/mod.rs uses isolation/mod.rs, which is in a room beside it"]
    );
}

#[test]
fn import_of_a_lower_room_is_allowed() {
    let files = [
        ("keeper/mod.rs", "use crate::{sys, report};"),
        ("report.rs", "use crate::sys;"),
        ("sys/mod.rs", ""),
    ];
    assert_eq!(of(&files), NOTHING);
}

#[test]
fn circle_of_files_is_a_fault() {
    let files = [
        (
            "sys/mod.rs",
            "pub mod fs; pub mod clock; fn f() { fs::open() }",
        ),
        ("sys/fs.rs", "use super::clock::now;"),
        ("sys/clock.rs", "use super::f;"),
    ];
    assert_eq!(
        of(&files),
        ["in a circle: sys/clock.rs, sys/fs.rs, sys/mod.rs"]
    );
}

#[test]
fn module_used_by_its_imported_name_counts() {
    let files = [
        (
            "sys/mod.rs",
            "use crate::settings; fn f() { settings::env::read() }",
        ),
        ("settings/mod.rs", "pub mod env;"),
        ("settings/env.rs", ""),
    ];
    let found = of(&files);
    assert!(
        found.contains(&"sys/mod.rs uses settings/env.rs, which is in a higher room".to_owned()),
        "{found:?}"
    );
}

#[test]
fn comments_strings_and_unit_tests_do_not_count() {
    let text = "//! [`crate::keeper`]\n/* crate::keeper */ const A: &str = \"crate::keeper\"; const B: char = '\"';\n\
                #[cfg(test)]\nmod tests { use crate::keeper; }";
    assert_eq!(of(&[("sys/mod.rs", text), ("keeper/mod.rs", "")]), NOTHING);
}

#[test]
fn file_outside_of_all_rooms_is_a_fault() {
    assert_eq!(of(&[("helpers.rs", "")]), ["helpers.rs is in no room"]);
}

const NOTHING: [&str; 0] = [];

fn of(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    faults(&files)
}

/// Returns what is wrong with these files, each given by its name and text.
fn faults(files: &[(String, String)]) -> Vec<String> {
    let modules: BTreeMap<String, &str> = files
        .iter()
        .map(|(file, _)| (module_of(file), &file[..]))
        .collect();
    let mut faults = Vec::new();
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (file, text) in files {
        let Some(own) = rank(file) else {
            faults.push(format!("{file} is in no room"));
            continue;
        };
        for used in imports(&module_of(file), text, &modules) {
            let other = rank(used).unwrap_or(own);
            if other < own {
                faults.push(format!("{file} uses {used}, which is in a higher room"));
            } else if other == own && room(file) != room(used) {
                faults.push(format!("{file} uses {used}, which is in a room beside it"));
            }
            arrows.entry(file).or_default().insert(used);
        }
    }
    let circle: BTreeSet<&str> = arrows
        .keys()
        .copied()
        .filter(|file| reaches(&arrows, file, file))
        .collect();
    if !circle.is_empty() {
        faults.push(format!(
            "in a circle: {}",
            Vec::from_iter(circle).join(", ")
        ));
    }
    faults
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

fn rank(file: &str) -> Option<usize> {
    ROOMS.iter().position(|row| row.contains(&room(file)))
}

/// Returns whether there is a way of one arrow or more from one file to another.
fn reaches<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = arrows.get(from).into_iter().flatten().copied().collect();
    while let Some(file) = next.pop() {
        if file == to {
            return true;
        }
        if seen.insert(file) {
            next.extend(arrows.get(file).into_iter().flatten());
        }
    }
    false
}
