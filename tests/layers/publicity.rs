//! Holds each `pub` of a file against the other files: what no other file names has to be private.
//!
//! Names are compared, not what they stand for: an item goes unnoticed if another file has that name for something else.

use std::collections::BTreeSet;

use crate::source::{self, is_name, tokens};

/// What stands between `pub` and the name of an item.
const WORDS: [&str; 13] = [
    "const", "unsafe", "extern", "async", "static", "mut", "fn", "struct", "enum", "union",
    "trait", "type", "mod",
];
const TYPES: [&str; 5] = ["struct", "enum", "union", "trait", "type"];

#[test]
fn public_items_have_users_in_other_files() {
    for folder in ["src", "pidfile-run/src"] {
        let unused = unused(&source::files(folder));
        assert!(unused.is_empty(), "{folder}: {}", unused.join(", "));
    }
}

#[test]
fn public_item_without_a_user_is_a_fault() {
    for text in [
        "pub fn alone() {}",
        "pub(crate) const unsafe fn alone() {}",
        "pub static mut alone: u8 = 0;",
        "struct A { pub alone: u8 }",
        "pub struct alone(u8); fn a() -> alone { alone(0) }",
        "pub mod alone; fn a() { alone::b() }",
    ] {
        assert_eq!(of(text, "// alone"), ["a.rs: alone"], "{text}");
        assert_eq!(of(text, "fn f() { alone }"), NOTHING, "{text}");
    }
}

#[test]
fn exported_function_and_type_in_a_signature_have_users() {
    let text = "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn alone() {}";
    assert_eq!(of(text, ""), NOTHING);
    let text = "pub struct Alone(u8);\npub fn used() -> Alone { Alone(0) }";
    assert_eq!(of(text, "used()"), NOTHING);
}

const NOTHING: [&str; 0] = [];

fn of(text: &str, other: &str) -> Vec<String> {
    let files = [("a.rs", text), ("b.rs", other)];
    unused(&files.map(|(name, text)| (name.to_owned(), text.to_owned())))
}

/// Returns the public items that no other file names.
fn unused(files: &[(String, String)]) -> Vec<String> {
    let files: Vec<_> = files
        .iter()
        .map(|(file, text)| (file, tokens(text)))
        .collect();
    let names: Vec<BTreeSet<&String>> = files
        .iter()
        .map(|(_, tokens)| tokens.iter().collect())
        .collect();
    let mut unused = Vec::new();
    for (own, (file, tokens)) in files.iter().enumerate() {
        let items: Vec<Item> = (0..tokens.len())
            .filter_map(|at| item(tokens, at))
            .collect();
        for item in &items {
            let mut others = names.iter().enumerate().filter(|(other, _)| *other != own);
            let is_in_signature = item.is_type
                && items
                    .iter()
                    .any(|other| other.name != item.name && other.signature.contains(item.name));
            if !others.any(|(_, names)| names.contains(item.name)) && !is_in_signature {
                unused.push(format!("{file}: {}", item.name));
            }
        }
    }
    unused
}

struct Item<'a> {
    name: &'a String,
    is_type: bool,
    /// The item up to its body.
    signature: &'a [String],
}

/// Returns the public item that begins at a token, unless libc or another program calls it by its name.
fn item(tokens: &[String], at: usize) -> Option<Item<'_>> {
    let begin = at + 1;
    if tokens[at] != "pub" || tokens[at.saturating_sub(7)..at].contains(&"no_mangle".to_owned()) {
        return None;
    }
    let mut name = begin;
    if tokens.get(name)? == "(" {
        name += 3;
    }
    let mut is_type = false;
    while WORDS.contains(&&tokens.get(name)?[..]) {
        is_type |= TYPES.contains(&&tokens[name][..]);
        name += 1;
    }
    // What `pub use` hands on is checked where it is made.
    let rest = &tokens[name + 1..];
    let ends = |token: &String| matches!(&token[..], "{" | ";" | "}");
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    (is_name(&tokens[name]) && tokens[name] != "use").then(|| Item {
        name: &tokens[name],
        is_type,
        signature: &tokens[begin..name + 1 + end],
    })
}
