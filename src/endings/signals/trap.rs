//! Whether a signal that says it was a fault was one: the one thing here that each processor tells in its own way.
//!
//! A process may send itself a signal that says so (rt_tgsigqueueinfo(2)). A real one agrees with what the processor
//! has told the kernel, which is in the frame. To take a forged one for real would be to return to an instruction that
//! does not fault, and to live on.

use std::ffi::c_int;

use libc::{siginfo_t, ucontext_t};

/// arch/x86/kernel/traps.c, arch/x86/mm/fault.c.
#[cfg(target_arch = "x86_64")]
pub fn has_trapped(signal: c_int, info: &siginfo_t, context: &ucontext_t) -> bool {
    const PAGE_FAULT: i64 = 14;
    let register = |which: c_int| context.uc_mcontext.gregs.get(which as usize).copied();
    // SAFETY: what a fault brings; of another signal it is a number like any other.
    let address = Some(unsafe { info.si_addr() } as i64);
    match (signal, register(libc::REG_TRAPNO)) {
        (libc::SIGILL | libc::SIGFPE, _) => address == register(libc::REG_RIP),
        (_, Some(0)) => false,
        (_, Some(PAGE_FAULT)) => address == register(libc::REG_CR2),
        _ => true,
    }
}

/// arch/arm64/kernel/signal.c, setup_sigframe: a fault leaves its syndrome in a record of its own, and the address.
#[cfg(target_arch = "aarch64")]
pub fn has_trapped(signal: c_int, info: &siginfo_t, context: &ucontext_t) -> bool {
    // SAFETY: what a fault brings; of another signal it is a number like any other.
    let address = unsafe { info.si_addr() } as u64;
    match signal {
        libc::SIGILL | libc::SIGFPE => address == context.uc_mcontext.pc,
        _ => has_syndrome(context) && address == context.uc_mcontext.fault_address,
    }
}

/// Walks the records behind the registers (arch/arm64/include/uapi/asm/sigcontext.h): magic number and size first.
#[cfg(target_arch = "aarch64")]
fn has_syndrome(context: &ucontext_t) -> bool {
    const ESR_MAGIC: u32 = 0x4553_5201;
    const ROOM: usize = 4096;
    // The records are the last field of the structure, which libc keeps private.
    let machine = &raw const context.uc_mcontext;
    let before = size_of_val(&context.uc_mcontext) - ROOM;
    let records = machine.cast::<u8>().wrapping_add(before);
    let mut at = 0;
    while at + 8 <= ROOM {
        // SAFETY: within the 4096 bytes that the frame has for records, which are aligned to 16.
        let (magic, size) = unsafe {
            let record = records.add(at).cast::<u32>();
            (record.read(), record.add(1).read() as usize)
        };
        if magic == ESR_MAGIC {
            return true;
        }
        // The last one is empty; another than a multiple of 16 is none of the kernel's.
        if magic == 0 || size == 0 || !size.is_multiple_of(16) {
            return false;
        }
        at += size;
    }
    false
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn has_trapped(_: c_int, _: &siginfo_t, _: &ucontext_t) -> bool {
    true
}
