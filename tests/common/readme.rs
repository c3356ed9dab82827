use std::fs;
use std::path::Path;

/// The blocks of code in a section of the README, as somebody copies them.
#[track_caller]
pub fn recipes(section: &str) -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let mut lines = readme.lines();
    assert!(
        lines.any(|line| line == format!("### {section}")),
        "the README has no section {section:?}"
    );
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
