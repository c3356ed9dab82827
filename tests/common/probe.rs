use super::reader::whole_pid;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Somebody who looks at a PID file over and over without a pause, touches nothing, and remembers in which order it named
/// whom. It may come and go; but when it is there it holds one whole PID, and everybody may read it.
pub struct Probe {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<i32>, String>>,
}

impl Probe {
    pub fn of(path: PathBuf) -> Probe {
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let mut seen = Vec::new();
            loop {
                let is_last = stop.load(Ordering::Relaxed);
                let named = look(&path)?;
                if let Some(pid) = named.filter(|pid| seen.last() != Some(pid)) {
                    if seen.contains(&pid) {
                        return Err(format!("{pid} came back, after {seen:?}"));
                    }
                    seen.push(pid);
                }
                if is_last {
                    return Ok(seen);
                }
                thread::yield_now();
            }
        });
        Probe { done, thread }
    }

    /// Looks once more. Returns every PID that was seen, in order; nobody is in there twice.
    #[track_caller]
    pub fn finish(self) -> Vec<i32> {
        self.done.store(true, Ordering::Relaxed);
        let seen = self.thread.join().expect("the probe");
        seen.unwrap_or_else(|what| panic!("a probe saw this: {what}"))
    }
}

fn look(path: &Path) -> Result<Option<i32>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // The longest line there is and more. With one call, for a file that is written over.
    let mut content = [0; 64];
    let size = file.read(&mut content).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    let content = &content[..size];
    match whole_pid(content) {
        // It has been taken away meanwhile, and then it may be empty.
        None if metadata.nlink() == 0 && content.is_empty() => Ok(None),
        None => Err(format!("{:?}", String::from_utf8_lossy(content))),
        Some(_) if metadata.mode() & 0o7777 != 0o644 => Err(format!("mode {:o}", metadata.mode())),
        Some(pid) => Ok(Some(pid)),
    }
}
