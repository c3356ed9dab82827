use super::procfs::is_alive;
use super::reader::whole_pid;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What lasts longer is seen. (The kernel adds some 50 µs to it.)
const PAUSE: Duration = Duration::from_micros(20);

/// Reads a PID file over and over, with a pause so short that the processes that it observes can go on. From the first time that it is there it has to be there,
/// hold one whole PID, of a process that runs, and stay the same file.
pub struct FileObserver {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Result<BTreeSet<i32>, String>>,
}

impl FileObserver {
    /// It has looked once when this returns, and so has seen whoever is in the file now.
    pub fn of(path: PathBuf) -> FileObserver {
        let done = Arc::new(AtomicBool::new(false));
        let has_looked = Arc::new(Barrier::new(2));
        let (stop, begins) = (Arc::clone(&done), Arc::clone(&has_looked));
        let thread = thread::spawn(move || {
            let now = look(&path);
            begins.wait();
            let (mut seen, mut file) = (BTreeSet::new(), None);
            if let Some((pid, inode)) = now? {
                seen.insert(pid);
                file = Some(inode);
            }
            loop {
                let is_last = stop.load(Ordering::Relaxed);
                thread::sleep(PAUSE);
                let Some((pid, inode)) = look(&path)? else {
                    if file.is_some() {
                        return Err(format!("it was gone; before that it named {seen:?}"));
                    }
                    if is_last {
                        return Ok(seen);
                    }
                    continue;
                };
                seen.insert(pid);
                if *file.get_or_insert(inode) != inode {
                    return Err(format!("it was another file, naming {pid}"));
                }
                // It may have ended since we looked.
                if !is_alive(pid) && look(&path)?.is_some_and(|(now, _)| now == pid) {
                    return Err(format!("it named {pid}, which does not run, of {seen:?}"));
                }
                if is_last {
                    return Ok(seen);
                }
            }
        });
        has_looked.wait();
        FileObserver { done, thread }
    }

    /// Looks once more. Returns every PID that was seen.
    pub fn finish(self) -> Result<BTreeSet<i32>, String> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().expect("the observer")
    }
}

/// The PID in the file, and which file it is.
fn look(path: &Path) -> Result<Option<(i32, u64)>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut content = Vec::new();
    file.read_to_end(&mut content)
        .map_err(|error| error.to_string())?;
    // While one PID takes another one's place there may be empty lines after it. From 32767 to 300 the line gets
    // shorter, before the file does. From 997 to 1006 a reader that has read the old line to its end, and then asks for
    // more, gets the new one's last byte.
    while content.ends_with(b"\n\n") {
        content.pop();
    }
    match whole_pid(&content) {
        Some(pid) => Ok(Some((pid, file.metadata().unwrap().ino()))),
        None => Err(format!(
            "it held {:?}",
            String::from_utf8_lossy(&content).into_owned()
        )),
    }
}
