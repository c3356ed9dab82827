//! Reads clocks. Async-signal-safe.

use std::mem::MaybeUninit;
use std::time::Duration;

/// Returns the time since boot. It never goes back, and stands still while the machine is suspended.
pub fn now() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is a valid, writable timespec; all zeroes is one too, should the call fail.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr());
        time.assume_init()
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns the clock ticks since boot, suspension included: as /proc/PID/stat tells the start of a process (proc(5)).
pub fn ticks() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is a valid, writable timespec; all zeroes is one too, should the call fail.
    unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, time.as_mut_ptr());
        let time = time.assume_init();
        let tick = 1_000_000_000 / ticks_per_second();
        time.tv_sec as u64 * ticks_per_second() + time.tv_nsec as u64 / tick
    }
}

/// Returns the number of clock ticks in a second: USER_HZ, 100 on x86-64 and arm64.
pub fn ticks_per_second() -> u64 {
    // SAFETY: sysconf(3) takes a number, and returns -1 for one that it does not know.
    let number = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(number).unwrap_or_default().max(1)
}

/// Returns the time of day in seconds, from the kernel: time(2) may be another library's, which tells the
/// host another time. The administrator can set this clock.
pub fn seconds_since_1970() -> i64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is a valid, writable timespec; all zeroes is one too, should the call fail.
    unsafe {
        libc::syscall(
            libc::SYS_clock_gettime,
            libc::CLOCK_REALTIME,
            time.as_mut_ptr(),
        );
        time.assume_init().tv_sec
    }
}

/// Returns the second since 1970 in which the kernel started, by the clock as it is set now.
pub fn boot_second() -> u64 {
    let [mut day, mut boot] = [MaybeUninit::<libc::timespec>::zeroed(); 2];
    // SAFETY: as in `now`.
    let [day, boot] = unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, day.as_mut_ptr());
        libc::clock_gettime(libc::CLOCK_BOOTTIME, boot.as_mut_ptr());
        [day.assume_init(), boot.assume_init()]
    };
    day.tv_sec.saturating_sub(boot.tv_sec).max(0) as u64
}

/// Returns the time since boot in nanoseconds, as an atomic can hold it.
pub fn nanoseconds() -> u64 {
    now().as_nanos() as u64
}

/// Returns how long ago a time was, in nanoseconds since boot; nothing if it is in the future.
pub fn age(since: u64) -> Duration {
    Duration::from_nanos(nanoseconds().saturating_sub(since))
}
