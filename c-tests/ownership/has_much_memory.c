/* Touches 512 MiB, page by page: the kernel takes its time to free that when the process has been killed. */
#include "until_eof.h"

#include <sys/mman.h>

#define SIZE (512UL << 20)

int main(void)
{
    char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t at;

    if (memory == MAP_FAILED)
        return 90;
    madvise(memory, SIZE, MADV_NOHUGEPAGE);
    for (at = 0; at < SIZE; at += 4096)
        memory[at] = 1;
    return ready_until_eof();
}
