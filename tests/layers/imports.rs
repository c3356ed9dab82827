//! Reads which files a file uses.
//!
//! A path counts wherever it stands in the code: in a `use`, in an expression, or behind the name of a module that a
//! `use` or `mod` has introduced.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{is_name, tokens};

/// Returns the path of a module: `sys/fs.rs` → `sys::fs`, `sys/mod.rs` → `sys`, `lib.rs` → the empty path.
pub fn module_of(file: &str) -> String {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" {
        String::new()
    } else {
        path.replace('/', "::")
    }
}

/// Returns the files that a module uses.
pub fn imports<'a>(
    module: &str,
    text: &str,
    modules: &BTreeMap<String, &'a str>,
) -> BTreeSet<&'a str> {
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

/// Returns the file that has what a path leads to: its longest beginning that is a module.
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

/// Reads a path, or a tree of them in braces, from `at` on. Returns where it ends.
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
