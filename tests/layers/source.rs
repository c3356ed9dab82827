//! Reads the source files.

use std::fs;
use std::path::Path;

/// Returns the Rust files below a folder of the project, each by its name there and its text.
pub fn files(folder: &str) -> Vec<(String, String)> {
    files_ending(folder, &[".rs"])
}

/// Returns the files below a folder of the project whose names end so, each by its name there and its text.
pub fn files_ending(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, "", endings, &mut files);
    assert!(
        files.len() > 5,
        "{} files in {}",
        files.len(),
        root.display()
    );
    files
}

fn collect(directory: &Path, prefix: &str, endings: &[&str], files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), endings, files);
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Returns whether a token is a name.
pub fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Returns names, `::` and single characters, without comments, strings and the modules of unit tests.
pub fn tokens(text: &str) -> Vec<String> {
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
