//! Allocates from a heap of our own, in the library's own data.
//!
//! The host's malloc may be anything: a leak checker, or one whose lock a forked child inherits locked. An arena
//! allocator takes 64 MiB of address space for each of our threads. So the linker sends our own calls of malloc(3) and
//! its relatives here (`--wrap`, see build.rs); the host's calls are not concerned. (A `#[global_allocator]` would not
//! do: std takes some of what it keeps for threads from malloc directly.)
//!
//! All of it lies in [`RESERVE`] bytes that the loader maps with the library. So there is no system call that could
//! fail, and pages that are not used cost nothing. Shown by `transparency/imports::library_imports_only_reserved_names`
//! and `hostile/resource_limits::private_heap_stays_mostly_unused`.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use dlmalloc::{Allocator, Dlmalloc};

use crate::sys::{futex, memory};

/// Many times what we ever use.
const RESERVE: usize = 512 * 1024;

const PAGE: usize = 4096;

/// Has a page more than is used, which begins at one. Aligned by itself it would have all statics begin at a page, and the
/// loader would have one page more to write to.
struct Reserve(UnsafeCell<[u8; RESERVE + PAGE]>);

// SAFETY: handed out once, as a whole, to the one `Dlmalloc` behind the lock.
unsafe impl Sync for Reserve {}

// Apart from what is small: see `sys::memory`.
#[unsafe(link_section = ".bss.large")]
static STORE: Reserve = Reserve(UnsafeCell::new([0; RESERVE + PAGE]));

static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Source::new())));
static LOCKED: AtomicU32 = AtomicU32::new(0);

struct Heap(UnsafeCell<Dlmalloc<Source>>);

// SAFETY: used only under the lock.
unsafe impl Sync for Heap {}

/// Gives a child of fork(2) a heap that nobody was at work in: another reserve, if a thread of its parent was
/// in the middle of a change. No lock is held across the fork. What was allocated before stays as it is, and
/// is never freed.
///
/// Context: forked child, which has one thread. Async-signal-safe.
pub fn renew() {
    if LOCKED.swap(0, Ordering::Acquire) == 0 {
        return;
    }
    if let Some(reserve) = memory::map(RESERVE, libc::MAP_PRIVATE | libc::MAP_NORESERVE) {
        CURRENT.store(reserve.as_ptr() as usize, Ordering::Relaxed);
        let heap = Dlmalloc::new_with_allocator(Source::new());
        // SAFETY: this is the only thread. The old heap has nothing to drop.
        unsafe { HEAP.0.get().write(heap) };
    }
}

/// Where the reserve is that is used; 0: it is `STORE`.
static CURRENT: AtomicUsize = AtomicUsize::new(0);
fn start_of_current() -> usize {
    match CURRENT.load(Ordering::Relaxed) {
        0 => (STORE.0.get() as usize).next_multiple_of(PAGE),
        start => start,
    }
}

fn lock() {
    const WAITED_FOR: u32 = 2;
    let free = LOCKED.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
    if free.is_err() {
        while LOCKED.swap(WAITED_FOR, Ordering::Acquire) != 0 {
            futex::wait(&LOCKED, WAITED_FOR, None);
        }
    }
}

fn unlock() {
    if LOCKED.swap(0, Ordering::Release) > 1 {
        futex::wake_all(&LOCKED);
    }
}

/// Gives dlmalloc the reserve, once.
struct Source {
    taken: UnsafeCell<bool>,
}

impl Source {
    const fn new() -> Self {
        Self {
            taken: UnsafeCell::new(false),
        }
    }
}

// SAFETY: the one region is handed out once, is zeroed, and stays.
unsafe impl Allocator for Source {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        // SAFETY: under the heap's lock.
        let taken = unsafe { self.taken.get().replace(true) };
        if taken || size > RESERVE {
            return (ptr::null_mut(), 0, 0);
        }
        (start_of_current() as *mut u8, RESERVE, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

fn with<T>(work: impl FnOnce(&mut Dlmalloc<Source>) -> T) -> T {
    lock();
    // SAFETY: under the lock.
    let result = work(unsafe { &mut *HEAP.0.get() });
    unlock();
    result
}

/// Returns an allocated block, or stops the calling thread if there is none. std would end the process, which is the host's.
/// Whoever waits for the stopped thread waits with a timeout.
///
/// We allocate little in the host's threads. That happens at the start, where a child becomes a candidate, and where a
/// change of user or group makes us count threads or list groups.
fn or_stop_here(block: *mut u8) -> *mut c_void {
    while block.is_null() {
        // SAFETY: sleeps; our threads take no signals.
        unsafe { libc::pause() };
    }
    block.cast()
}

extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: dlmalloc has malloc(3)'s contract, as has our caller; so in all that follows.
    or_stop_here(with(|heap| unsafe { heap.c_malloc(size) }))
}

extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let bytes = count.saturating_mul(size);
    let block = malloc(bytes);
    // SAFETY: the block has that many bytes. It may have been in use before.
    unsafe { ptr::write_bytes(block.cast::<u8>(), 0, bytes) };
    block
}

unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: see `malloc`.
    or_stop_here(with(|heap| unsafe { heap.c_realloc(block.cast(), size) }))
}

unsafe extern "C" fn posix_memalign(block: *mut *mut c_void, align: usize, size: usize) -> c_int {
    // SAFETY: see `malloc`; the caller has room for a pointer.
    unsafe { *block = or_stop_here(with(|heap| heap.c_memalign(align, size))) };
    0
}

unsafe extern "C" fn free(block: *mut c_void) {
    let start = start_of_current();
    // What lies in an older reserve stays: its heap may be torn. Nothing else is ours to free: no function of
    // libc that we call allocates for its caller.
    if (start..start + RESERVE).contains(&(block as usize)) {
        // SAFETY: see `malloc`.
        with(|heap| unsafe { heap.c_free(block.cast()) });
    }
}

crate::isolation::wrap::wrap!(malloc, calloc, realloc, posix_memalign, free);
