//! clone(2) on a stack of our own, by the instruction itself: the new process has no libc and no stack of the host's.

/// Starts a process by clone(2) that shares this one's memory, and runs `entry` on the stack that ends at `stack`.
/// Returns its PID, or a negative errno.
///
/// # Safety
///
/// `flags` contain `CLONE_VM`. `stack` is the upper end, 16-byte aligned, of memory that nobody else uses until
/// that process has ended.
#[cfg(target_arch = "x86_64")]
pub unsafe fn clone_on(flags: usize, stack: *mut u8, entry: extern "C" fn() -> !) -> isize {
    let answer;
    // SAFETY: the parent goes on with its own stack and registers. The child has the new stack and only calls
    // `entry`, which does not return.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "call {entry}",
            "ud2",
            "2:",
            entry = in(reg) entry,
            inlateout("rax") libc::SYS_clone as isize => answer,
            in("rdi") flags, in("rsi") stack, in("rdx") 0, in("r10") 0, in("r8") 0,
            // Not late: the child reads `entry` after the system call.
            out("rcx") _, out("r11") _,
        );
    }
    answer
}

/// Starts a process by clone(2) that shares this one's memory, and runs `entry` on the stack that ends at `stack`.
/// Returns its PID, or a negative errno.
///
/// # Safety
///
/// `flags` contain `CLONE_VM`. `stack` is the upper end, 16-byte aligned, of memory that nobody else uses until
/// that process has ended.
#[cfg(target_arch = "aarch64")]
pub unsafe fn clone_on(flags: usize, stack: *mut u8, entry: extern "C" fn() -> !) -> isize {
    let answer;
    // SAFETY: the parent goes on with its own stack and registers. The child has the new stack and only calls
    // `entry`, which does not return.
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "blr {entry}",
            "brk #1",
            "2:",
            entry = in(reg) entry,
            in("x8") libc::SYS_clone,
            inlateout("x0") flags as isize => answer,
            in("x1") stack, in("x2") 0, in("x3") 0, in("x4") 0,
            out("x30") _,
        );
    }
    answer
}
