use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Somebody who reads a PID file over and over without a pause, and remembers everything that was ever in it.
pub struct Reader {
    done: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Reader {
    pub fn of(path: PathBuf) -> Reader {
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                match fs::read(&path) {
                    Ok(content) => _ = seen.insert(content),
                    Err(error) if error.kind() == ErrorKind::NotFound => (),
                    Err(error) => panic!("a reader got this: {error}"),
                }
            }
            seen
        });
        Reader { done, thread }
    }

    /// Stops reading. Returns every PID that was seen; anything but a whole line with a PID is a failure.
    #[track_caller]
    pub fn finish(self) -> BTreeSet<i32> {
        self.done.store(true, Ordering::Relaxed);
        let seen = self.thread.join().expect("the reader");
        seen.iter()
            .map(|content| {
                whole_pid(content).unwrap_or_else(|| {
                    let content = String::from_utf8_lossy(content);
                    panic!("a reader saw {content:?} in the file")
                })
            })
            .collect()
    }
}

/// The PID, if this is exactly what we write.
pub(super) fn whole_pid(content: &[u8]) -> Option<i32> {
    let pid = std::str::from_utf8(content).ok()?.strip_suffix('\n')?;
    let number = pid.parse().ok()?;
    (format!("{number}") == pid && number > 0).then_some(number)
}
