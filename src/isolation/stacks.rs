//! Starts our threads on stacks of our own.
//!
//! glibc keeps the stacks of threads that have ended, and in a forked child those of all threads but one. The next thread
//! that asks for as much or for less gets such a stack, and it may be one of the host's. So a thread of ours asks for the
//! smallest stack there is, and leaves it at once for memory of the library's own. A thread of the host's that gets the
//! stack that is left behind has asked for no larger one.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::sys::{Errno, arch, c_library, function::LibcFunction, memory};

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// A stack of our own. Each has at most one thread in the life of a process: it is not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    Keeper,
    Watcher,
}

const PAGE: usize = 4096;

/// Each stack grows down to a page that can be read but not written: leak checkers and garbage collectors look for
/// pointers in all data of a library. The deepest call that was seen takes 16 KiB of the keeper's and 6 KiB of the
/// watcher's; a handler of the host's for SIGSYS may come on top.
#[repr(C)]
struct Memory {
    below_watcher: [u8; PAGE],
    watcher: [u8; 48 * 1024],
    below_keeper: [u8; PAGE],
    keeper: [u8; 64 * 1024],
}

/// Has a page more, so that the memory can begin at a page: see the reserve of `heap`.
struct Room(UnsafeCell<[u8; size_of::<Memory>() + PAGE]>);

// SAFETY: only addresses are taken of it; each stack is used by the one thread that it is for.
unsafe impl Sync for Room {}

// Apart from what is small: see `sys::memory`.
#[unsafe(link_section = ".bss.large")]
static ROOM: Room = Room(UnsafeCell::new([0; size_of::<Memory>() + PAGE]));

impl Stack {
    /// Returns the first address above the stack. Makes the page below it read-only, where pages are that small.
    fn prepare(self) -> *mut c_void {
        let room = ROOM.0.get().cast::<u8>();
        // SAFETY: addresses within the static, which is mapped for good: at most a page is left out at its beginning. The
        // page below is used by nobody.
        unsafe {
            let room = room.add(room.align_offset(PAGE)).cast::<Memory>();
            let (below, stack, size) = match self {
                Self::Keeper => {
                    let keeper = &raw mut (*room).keeper;
                    (
                        &raw mut (*room).below_keeper,
                        keeper.cast::<u8>(),
                        size_of_val(&*keeper),
                    )
                }
                Self::Watcher => {
                    let watcher = &raw mut (*room).watcher;
                    (
                        &raw mut (*room).below_watcher,
                        watcher.cast::<u8>(),
                        size_of_val(&*watcher),
                    )
                }
            };
            libc::mprotect(below.cast(), PAGE, libc::PROT_READ);
            let top = stack.add(size);
            arch::tell_valgrind(stack as usize, top as usize);
            top.cast()
        }
    }
}

/// Calls libc's own pthread_create(3), whoever else has one.
///
/// # Safety
///
/// As for pthread_create(3).
unsafe fn create_by_libc(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    entry: Start,
    value: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        Start,
        *mut c_void,
    ) -> c_int;
    static CREATE: LibcFunction = LibcFunction::new();
    let create = CREATE.address(c"pthread_create");
    if create.is_null() {
        return libc::EAGAIN;
    }
    // SAFETY: libc's function of that name and type; the caller's promise.
    unsafe { std::mem::transmute::<*mut c_void, Create>(create)(thread, attributes, entry, value) }
}

/// Bytes of stack that a thread gets from libc.
const SMALLEST: usize = if arch::SMALLEST_STACK > c_library::SMALLEST_STACK {
    arch::SMALLEST_STACK
} else {
    c_library::SMALLEST_STACK
};

/// Starts a thread on the smallest stack. `kind` says whether somebody is to wait for its end (pthread_detach(3)).
/// Returns an errno, or 0.
///
/// # Safety
///
/// `thread` is writable.
unsafe fn create(
    thread: *mut libc::pthread_t,
    kind: c_int,
    entry: Start,
    value: *mut c_void,
) -> c_int {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: the attributes are made first and destroyed last; the caller's promise.
    unsafe {
        match libc::pthread_attr_init(attributes.as_mut_ptr()) {
            0 => {}
            error => return error,
        }
        let attributes = attributes.assume_init_mut();
        libc::pthread_attr_setdetachstate(attributes, kind);
        libc::pthread_attr_setstacksize(attributes, SMALLEST);
        let mut error = create_by_libc(thread, attributes, entry, value);
        if error == libc::EINVAL {
            let enough = c_library::enough_stack(attributes).next_multiple_of(PAGE);
            libc::pthread_attr_setstacksize(attributes, enough);
            error = create_by_libc(thread, attributes, entry, value);
        }
        libc::pthread_attr_destroy(attributes);
        error
    }
}

fn create_detached(entry: Start, value: *mut c_void) -> Result<(), Errno> {
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the thread's name is writable, and nobody reads it: the thread may have ended by then.
    match unsafe {
        create(
            thread.as_mut_ptr(),
            libc::PTHREAD_CREATE_DETACHED,
            entry,
            value,
        )
    } {
        0 => Ok(()),
        error => Err(Errno(error)),
    }
}

/// Returns whether the process may have as much more memory as a thread takes: its stack, and what glibc allocates for it.
/// Where memory is locked and all but used up, glibc ends the process if the one is to be had and the other is not
/// (nptl/allocatestack.c).
fn is_there_room() -> bool {
    const ROOM: usize = 256 * 1024;
    let room = memory::map(ROOM, libc::MAP_PRIVATE);
    // SAFETY: the mapping was just made, and nobody else has seen it.
    room.is_some_and(|room| unsafe { libc::munmap(room.as_ptr(), ROOM) == 0 })
}

/// What a thread does, in a box that a thin pointer leads to.
type Life = Box<dyn FnOnce() + Send>;

/// Starts the keeper. Its life must not panic.
///
/// # Errors
///
/// Why there is no thread.
pub fn spawn_keeper(life: impl FnOnce() + Send + 'static) -> Result<(), Errno> {
    extern "C" fn enter(life: *mut c_void) -> *mut c_void {
        // SAFETY: the keeper is the one thread on its stack.
        unsafe { arch::call_on(Stack::Keeper.prepare(), live, life) };
        ptr::null_mut()
    }
    extern "C" fn live(life: *mut c_void) {
        // SAFETY: made by `Box::into_raw` below, and handed to this one thread.
        let life = unsafe { Box::from_raw(life.cast::<Life>()) };
        life();
    }
    if !is_there_room() {
        return Err(Errno(libc::EAGAIN));
    }
    let life: *mut Life = Box::into_raw(Box::new(Box::new(life)));
    create_detached(enter, life.cast()).inspect_err(|_| {
        // SAFETY: there is no thread that could have taken it.
        drop(unsafe { Box::from_raw(life) });
    })
}

/// Runs a function on the keeper's stack, where there is no keeper: the host's may be small.
///
/// # Safety
///
/// No other thread is here, and there never is a keeper. The function does not panic.
pub unsafe fn run_on_keepers_stack(function: impl FnOnce()) {
    extern "C" fn call<F: FnOnce()>(function: *mut c_void) {
        // SAFETY: the one below, which is waited for. It is taken once.
        if let Some(function) = unsafe { &mut *function.cast::<Option<F>>() }.take() {
            function();
        }
    }
    fn entry<F: FnOnce()>(_: &Option<F>) -> extern "C" fn(*mut c_void) {
        call::<F>
    }
    let mut function = Some(function);
    let entry = entry(&function);
    // SAFETY: the caller's promise; `function` outlives the call.
    unsafe { arch::call_on(Stack::Keeper.prepare(), entry, (&raw mut function).cast()) };
}

/// Starts a thread that does no more than to say its number, and leaves its stack to the next one.
///
/// # Errors
///
/// Why there is no thread.
pub fn spawn_donor(says: Start) -> Result<(), Errno> {
    create_detached(says, ptr::null_mut())
}

/// Whether the next thread that std starts is the one of `notify`.
static WATCHER_IS_NEXT: AtomicBool = AtomicBool::new(false);
static WATCHER_START: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static WATCHER_VALUE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Records whether the next thread is that of `notify`.
///
/// Context: keeper, around the call that makes `notify` start its thread.
pub fn expect_watcher(it_is_next: bool) {
    WATCHER_IS_NEXT.store(it_is_next, Ordering::SeqCst);
}

/// Replaces pthread_create(3) for all that is linked into this library.
#[cfg_attr(test, expect(dead_code))]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    value: *mut c_void,
) -> c_int {
    extern "C" fn enter(_: *mut c_void) -> *mut c_void {
        // SAFETY: the watcher is the one thread on its stack.
        unsafe { arch::call_on(Stack::Watcher.prepare(), live, ptr::null_mut()) };
        ptr::null_mut()
    }
    extern "C" fn live(_: *mut c_void) {
        let start = WATCHER_START.load(Ordering::SeqCst);
        // SAFETY: stored below from a function of this type.
        let start: Start = unsafe { std::mem::transmute(start) };
        start(WATCHER_VALUE.load(Ordering::SeqCst));
    }
    // SAFETY: the caller's arguments, or an entry of ours in the place of its.
    unsafe {
        if !WATCHER_IS_NEXT.swap(false, Ordering::SeqCst) {
            return create_by_libc(thread, attributes, start, value);
        }
        WATCHER_START.store(start as *mut c_void, Ordering::SeqCst);
        WATCHER_VALUE.store(value, Ordering::SeqCst);
        create(
            thread,
            libc::PTHREAD_CREATE_JOINABLE,
            enter,
            ptr::null_mut(),
        )
    }
}

#[cfg(not(test))]
super::wrap::wrap!(pthread_create);
