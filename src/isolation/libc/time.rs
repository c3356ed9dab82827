//! Reads the time as the kernel has it: through its vDSO (vdso(7)), or by the system call.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::answer;
use crate::sys::arch;
use crate::sys::objects::Object;

type Clock = unsafe extern "C" fn(c_int, *mut libc::timespec) -> c_int;

/// The vDSO's function; null as long as nobody has asked, [`NONE`] where there is none.
static CLOCK: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
const NONE: *mut c_void = ptr::without_provenance_mut(1);

unsafe extern "C" fn clock_gettime(clock: c_int, to: *mut libc::timespec) -> c_int {
    let mut function = CLOCK.load(Ordering::Relaxed);
    if function.is_null() {
        function = in_vdso().unwrap_or(NONE);
        CLOCK.store(function, Ordering::Relaxed);
    }
    if function == NONE {
        // SAFETY: the caller's promise.
        return unsafe { super::call(libc::SYS_clock_gettime, [clock as usize, to as usize]) }
            as c_int;
    }
    // SAFETY: the vDSO's function of that type, and the caller's promise.
    let result = unsafe { std::mem::transmute::<*mut c_void, Clock>(function)(clock, to) };
    answer(result as isize) as c_int
}

fn in_vdso() -> Option<*mut c_void> {
    // SAFETY: getauxval(3) takes any number; the kernel maps its vDSO for good, beginning with an ELF header.
    unsafe {
        let start = libc::getauxval(libc::AT_SYSINFO_EHDR) as usize;
        let header = (start as *const libc::Elf64_Ehdr).as_ref()?;
        let segments = (start + header.e_phoff as usize) as *const libc::Elf64_Phdr;
        let segments = std::slice::from_raw_parts(segments, usize::from(header.e_phnum));
        let of = |kind| segments.iter().find(|segment| segment.p_type == kind);
        let base = start.wrapping_sub(of(libc::PT_LOAD)?.p_vaddr as usize);
        let dynamic = base.wrapping_add(of(libc::PT_DYNAMIC)?.p_vaddr as usize);
        let address = Object::of(base, dynamic as *const c_void)?.find(arch::VDSO_CLOCK)?;
        Some(address as *mut c_void)
    }
}

unsafe extern "C" fn time(to: *mut i64) -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: room for the answer; null or the caller's room.
    unsafe {
        clock_gettime(libc::CLOCK_REALTIME, &mut now);
        if let Some(to) = to.as_mut() {
            *to = now.tv_sec;
        }
    }
    now.tv_sec
}

crate::isolation::wrap::wrap!(clock_gettime, time);
