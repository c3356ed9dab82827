use std::fs;
use std::path::Path;

/// Where recipes are, in the order in which they are looked for.
const PAGES: [&str; 3] = ["README.md", "docs/recipes.md", "docs/erlang.md"];

/// The blocks of code in a section of the README or of the pages that it points to, as somebody copies them.
#[track_caller]
pub fn recipes(section: &str) -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = PAGES.map(|page| fs::read_to_string(top.join(page)).unwrap());
    let title = format!("### {section}");
    let Some(page) = pages
        .iter()
        .find(|page| page.lines().any(|line| line == title))
    else {
        panic!("none of {PAGES:?} has a section {section:?}");
    };
    let lines = page.lines().skip_while(|line| *line != title).skip(1);
    let mut blocks: Vec<String> = Vec::new();
    let mut is_inside = false;
    for line in lines.take_while(|line| !line.starts_with('#')) {
        match line.strip_prefix("    ") {
            Some(code) if is_inside => {
                let block = blocks.last_mut().unwrap();
                block.push_str(code);
                block.push('\n');
            }
            Some(code) => blocks.push(format!("{code}\n")),
            None => {}
        }
        is_inside = line.starts_with("    ");
    }
    blocks
}
