/* Stops itself before any library has been initialised, so that a tracer can be attached that sees nothing of the
 * loader's work. Then says hello and returns 7 at the end of its input. Its main makes no system call that a test would
 * let fail. */
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

static void stop(void)
{
    raise(SIGSTOP);
}

/* The loader runs this before the constructors of all shared libraries, preloaded ones included. */
__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = stop;

int main(void)
{
    char byte;
    struct iovec hello = { .iov_base = "hello\n", .iov_len = 6 };
    struct iovec input = { .iov_base = &byte, .iov_len = 1 };

    if (writev(STDOUT_FILENO, &hello, 1) != 6)
        return 1;
    while (readv(STDIN_FILENO, &input, 1) > 0)
        continue;
    return 7;
}
