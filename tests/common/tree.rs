use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// All that can be seen of a directory and what is in it without changing it: two trees are equal if nobody has touched
/// anything there.
pub fn tree(path: &Path) -> String {
    let seen = fs::symlink_metadata(path).unwrap();
    let mut tree = format!(
        "{path:?} {:o} {} {} {:?} {} {} modified {}.{} changed {}.{}",
        seen.mode(),
        seen.uid(),
        seen.gid(),
        (seen.dev(), seen.ino(), seen.rdev()),
        seen.nlink(),
        seen.size(),
        seen.mtime(),
        seen.mtime_nsec(),
        seen.ctime(),
        seen.ctime_nsec(),
    );
    if seen.is_file() {
        tree += &format!(" {:?}", fs::read(path).unwrap());
    } else if seen.is_symlink() {
        tree += &format!(" -> {:?}", fs::read_link(path).unwrap());
    }
    tree.push('\n');
    if seen.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        tree.extend(names.iter().map(|name| self::tree(name)));
    }
    tree
}
