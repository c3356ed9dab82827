/* CFLAGS: -D_GNU_SOURCE -fno-builtin */
/* Has an allocator of its own, whose lock is held around fork, as those of jemalloc and tcmalloc are. Becomes a daemon by fork
 * and setsid, says that it is ready, and at the end of its input that it ends. Loads the modules before that which its arguments name. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char heap[1 << 22] __attribute__((aligned(16)));
static size_t used;

void *malloc(size_t size)
{
    size_t at;

    pthread_mutex_lock(&lock);
    at = used;
    size = (size + 31) & ~(size_t)15;
    used += size;
    pthread_mutex_unlock(&lock);
    if (used > sizeof heap)
        _exit(98);
    memcpy(heap + at, &size, sizeof size);
    return heap + at + 16;
}

void free(void *block)
{
    (void)block;
}

void *calloc(size_t count, size_t size)
{
    return memset(malloc(count * size), 0, count * size);
}

void *realloc(void *block, size_t size)
{
    void *moved = malloc(size);

    return block == NULL ? moved : memcpy(moved, block, size);
}

static void before(void)
{
    pthread_mutex_lock(&lock);
}

static void after(void)
{
    pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
    pthread_atfork(before, after, after);
    while (--argc > 0)
        if (dlopen(argv[argc], RTLD_NOW) == NULL)
            return 97;
    if (fork() != 0)
        return 0;
    setsid();
    puts("ready");
    fflush(stdout);
    getchar();
    puts("ends");
    return 0;
}
