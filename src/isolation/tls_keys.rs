//! The numbers that pthread_key_create(3) gives.
//!
//! We need two keys for thread-specific data, std one and `endings::last_thread` the other. libc
//! gives the lowest number that is free, and the host's first key shall be the one that it gets
//! without us. So while ours are made the low numbers are taken, and then given back. They must not
//! be too high: libc keeps only the first block of keys without allocating (nptl/descr.h,
//! PTHREAD_KEY_2NDLEVEL_SIZE).

/// Just below the end of the first block.
const FIRST_OF_OURS: libc::pthread_key_t = 30;

pub struct LowKeys {
    taken: [libc::pthread_key_t; FIRST_OF_OURS as usize],
    count: usize,
}

impl LowKeys {
    pub fn take() -> Self {
        let mut keys = Self {
            taken: [0; FIRST_OF_OURS as usize],
            count: 0,
        };
        while keys.count < keys.taken.len() {
            let mut key = 0;
            // SAFETY: room for the answer; a key without a destructor.
            if unsafe { libc::pthread_key_create(&mut key, None) } != 0 {
                break;
            }
            if key >= FIRST_OF_OURS {
                // SAFETY: just made, and never used.
                unsafe { libc::pthread_key_delete(key) };
                break;
            }
            keys.taken[keys.count] = key;
            keys.count += 1;
        }
        keys
    }
}

impl Drop for LowKeys {
    fn drop(&mut self) {
        for key in &self.taken[..self.count] {
            // SAFETY: made in `take`, and never used.
            unsafe { libc::pthread_key_delete(*key) };
        }
    }
}
