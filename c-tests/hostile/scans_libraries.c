/* CFLAGS: -D_GNU_SOURCE */
/* Reads all writable data of every library, as leak checkers and conservative garbage collectors do, which look for pointers
 * there. Does so when it begins, as a daemon if it has an argument, and when it ends. Says that it is ready, and returns 0 at
 * the end of its input. */
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static int scan(struct dl_phdr_info *info, size_t size, void *sum)
{
    int segment;
    size_t at;

    (void)size;
    for (segment = 0; segment < info->dlpi_phnum; segment++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[segment];
        const volatile unsigned char *start = (const unsigned char *)(info->dlpi_addr + header->p_vaddr);

        if (header->p_type == PT_LOAD && (header->p_flags & PF_W) != 0)
            for (at = 0; at < header->p_memsz; at += 64)
                *(uintptr_t *)sum += start[at];
    }
    return 0;
}

int main(int argc, char **argv)
{
    uintptr_t sum = 0;

    (void)argv;
    if (argc > 1 && daemon(1, 1) != 0)
        return 1;
    dl_iterate_phdr(scan, &sum);
    puts("ready");
    fflush(stdout);
    getchar();
    dl_iterate_phdr(scan, &sum);
    return 0;
}
