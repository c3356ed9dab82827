//! Maps and unmaps memory.

use super::system_calls;

system_calls! {
    madvise(start, size, advice) => SYS_madvise[start, size, advice];
    mmap(start, size, access, flags, fd, offset) => SYS_mmap[start, size, access, flags, fd, offset];
    mmap64(start, size, access, flags, fd, offset) => SYS_mmap[start, size, access, flags, fd, offset];
    mprotect(start, size, access) => SYS_mprotect[start, size, access];
    munmap(start, size) => SYS_munmap[start, size];
}
