//! Holds the imports in `src/` against the order of the rooms.
//!
//! Each folder of `src/` is a room. A file may use files of its own room and of the rooms below it, and no two files may
//! use each other, not even by way of others. Whoever reads a room has to know what is below it, and nothing else.
//!
//! A path counts wherever it stands in the code: in a `use`, in an expression, or behind the name of a module that a
//! `use` or `mod` has introduced. Comments, strings and unit tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, "", &mut files);
    assert!(
        files.len() > 20,
        "{} files in {}",
        files.len(),
        root.display()
    );
    let faults = faults(&files);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// docs/architecture.md names each room, in this order, and tests that there are.
#[test]
fn architecture_page_names_rooms_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let rooms = page.split("\n| room | holds |\n").nth(1).unwrap();
    let rooms = rooms.lines().skip(1).map_while(|row| row.split('`').nth(1));
    let rooms: Vec<&str> = rooms.map(|room| room.trim_end_matches(".rs")).collect();
    assert_eq!(rooms, ROOMS.concat());

    let words = page
        .split('`')
        .filter(|word| !word.contains(char::is_whitespace));
    let tests: Vec<_> = words.filter_map(|word| word.split_once("::")).collect();
    assert!(tests.len() > 20, "{tests:?}");
    for (file, test) in tests {
        let source = fs::read_to_string(root.join(format!("tests/{file}.rs")));
        let source = source.unwrap_or_default();
        assert!(source.contains(&format!("\nfn {test}()")), "{file}::{test}");
    }
}

#[test]
fn architecture_is_asked_for_in_one_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, "", &mut files);
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

fn collect(directory: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// What is wrong with these files, by name and text.
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

/// Whether there is a way of one arrow or more from one file to another.
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

/// `sys/fs.rs` → `sys::fs`, `sys/mod.rs` → `sys`, `lib.rs` → the empty path.
fn module_of(file: &str) -> String {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" {
        String::new()
    } else {
        path.replace('/', "::")
    }
}

/// The files that a module uses.
fn imports<'a>(module: &str, text: &str, modules: &BTreeMap<String, &'a str>) -> BTreeSet<&'a str> {
    let tokens = tokens(text);
    let mut paths = Vec::new();
    // What a first segment stands for: a child, or a module that was imported.
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for pair in tokens
        .windows(3)
        .filter(|three| three[0] == "mod" && three[2] == ";")
    {
        names.insert(pair[1].clone(), join(module, &pair[1]));
    }
    for (at, token) in tokens.iter().enumerate() {
        let starts = at == 0 || tokens[at - 1] != "::";
        if starts
            && matches!(&token[..], "crate" | "super" | "self")
            && tokens.get(at + 1).is_some_and(|next| next == "::")
        {
            let mut found = Vec::new();
            tree(&tokens, at, "", module, &mut found);
            for path in found {
                if modules.contains_key(&path) {
                    let name = path.rsplit("::").next().unwrap_or_default();
                    names.insert(name.to_owned(), path.clone());
                }
                paths.push(path);
            }
        }
    }
    for (at, token) in tokens.iter().enumerate() {
        let starts = at == 0 || tokens[at - 1] != "::";
        if let Some(path) = names
            .get(token)
            .filter(|_| starts && tokens.get(at + 1).is_some_and(|next| next == "::"))
        {
            tree(&tokens, at + 2, path, module, &mut paths);
        }
    }
    let own = modules.get(module).copied();
    let used = paths.iter().filter_map(|path| file_of(path, modules));
    used.filter(|file| Some(*file) != own).collect()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}::{name}")
    }
}

/// The file that has what a path leads to: its longest beginning that is a module.
fn file_of<'a>(mut path: &str, modules: &BTreeMap<String, &'a str>) -> Option<&'a str> {
    loop {
        if let Some(file) = modules.get(path) {
            return Some(file);
        }
        path = path.rsplit_once("::").map_or("", |(before, _)| before);
        if path.is_empty() {
            return modules.get("").copied();
        }
    }
}

/// Reads a path, or a tree of them in braces, from `at` on. Answers where it ends.
fn tree(
    tokens: &[String],
    mut at: usize,
    prefix: &str,
    module: &str,
    paths: &mut Vec<String>,
) -> usize {
    let mut path = prefix.to_owned();
    let mut is_first = true;
    while let Some(token) = tokens.get(at) {
        match &token[..] {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &path, module, paths);
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "crate" => path = String::new(),
            "super" => {
                let from = if is_first { module } else { &path[..] };
                path = from
                    .rsplit_once("::")
                    .map_or("", |(before, _)| before)
                    .to_owned();
            }
            "self" if is_first && prefix.is_empty() => path = module.to_owned(),
            "self" | "*" => {}
            name if is_name(name) => path = join(&path, name),
            _ => break,
        }
        is_first = false;
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            break;
        }
        at += 1;
    }
    paths.push(path);
    // Past `as NAME`, and past anything that is not a part of a tree.
    while tokens
        .get(at)
        .is_some_and(|token| !matches!(&token[..], "," | "}" | ";"))
    {
        at += 1;
    }
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single characters, without comments, strings and the modules of unit tests.
fn tokens(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let text: Vec<char> = text.chars().collect();
    let starts = |at: usize, what: &str| {
        what.chars()
            .enumerate()
            .all(|(more, c)| text.get(at + more) == Some(&c))
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let c = text[at];
        if starts(at, "//") {
            at += text[at..]
                .iter()
                .position(|&c| c == '\n')
                .unwrap_or(text.len() - at);
        } else if starts(at, "/*") {
            at += 2;
            while at < text.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if starts(at, "r#\"") {
            at += 3;
            while at < text.len() && !starts(at, "\"#") {
                at += 1;
            }
            at += 2;
        } else if c == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' && (text.get(at + 1) == Some(&'\\') || text.get(at + 2) == Some(&'\''))
        {
            // A character; a lifetime has no second quote.
            at += 2;
            while at < text.len() && text[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' {
            let end = text[at..]
                .iter()
                .position(|c| !c.is_alphanumeric() && *c != '_')
                .map_or(text.len(), |n| at + n);
            tokens.push(text[at..end].iter().collect());
            at = end;
        } else if starts(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}
