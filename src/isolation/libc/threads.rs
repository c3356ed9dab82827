//! Starts threads, which have to be libc's own: so libc's functions are called, and nobody else's.
//!
//! A program may have threads of its own by these names (GNU Pth), or wrap libc's functions to know of each thread. A
//! garbage collector would stop our threads by a signal that they block. ThreadSanitizer ends a forked child that starts a
//! thread. `pthread_create` is in [`crate::isolation::stacks`].

use std::ffi::{c_char, c_int, c_void};

use super::of_libc;
use crate::sys::c_library;

of_libc! {
    pthread_attr_destroy(attributes: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_attr_init(attributes: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_attr_setdetachstate(attributes: *mut c_void, state: c_int) -> c_int, or libc::ENOSYS;
    pthread_attr_setstacksize(attributes: *mut c_void, size: usize) -> c_int, or libc::ENOSYS;
    pthread_cond_broadcast(condition: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_cond_wait(condition: *mut c_void, mutex: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_detach(thread: usize) -> c_int, or libc::ENOSYS;
    pthread_key_delete(key: libc::pthread_key_t) -> c_int, or libc::ENOSYS;
    pthread_mutex_lock(mutex: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_mutex_unlock(mutex: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_once(control: *mut c_void, routine: *const c_void) -> c_int, or libc::ENOSYS;
    pthread_rwlock_rdlock(lock: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_rwlock_unlock(lock: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_rwlock_wrlock(lock: *mut c_void) -> c_int, or libc::ENOSYS;
    pthread_self() -> usize, or 0;
    pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int, or libc::ENOSYS;
    pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int, or libc::ENOSYS;
    pthread_setname_np(thread: usize, name: *const c_char) -> c_int, or libc::ENOSYS;
    pthread_setspecific(key: libc::pthread_key_t, value: *const c_void) -> c_int, or libc::ENOSYS;
}

unsafe extern "C" fn pthread_key_create(key: *mut c_void, destructor: *const c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { c_library::create_thread_key(key, destructor) }
}

crate::isolation::wrap::wrap!(
    pthread_attr_destroy,
    pthread_attr_init,
    pthread_attr_setdetachstate,
    pthread_attr_setstacksize,
    pthread_cond_broadcast,
    pthread_cond_wait,
    pthread_detach,
    pthread_key_create,
    pthread_key_delete,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    pthread_once,
    pthread_rwlock_rdlock,
    pthread_rwlock_unlock,
    pthread_rwlock_wrlock,
    pthread_self,
    pthread_setcancelstate,
    pthread_setcanceltype,
    pthread_setname_np,
    pthread_setspecific
);
