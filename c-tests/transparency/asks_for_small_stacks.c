/* CFLAGS: -D_GNU_SOURCE */
/* Which stacks do threads get that ask for little? In a forked child, and in the program itself, once it is watched. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *tell(void *who)
{
    pthread_attr_t attributes;
    void *stack;
    size_t size;

    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &stack, &size);
    pthread_attr_destroy(&attributes);
    printf("%s %zu\n", (const char *)who, size);
    fflush(stdout);
    return NULL;
}

static void ask(const char *who)
{
    size_t more;

    for (more = 0; more <= 128 * 1024; more += 16 * 1024) {
        pthread_attr_t attributes;
        pthread_t thread;

        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + more);
        pthread_create(&thread, &attributes, tell, (void *)who);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
    pid_t child;

    puts("ready");
    fflush(stdout);
    getchar();
    child = fork();
    if (child == 0) {
        ask("child");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    ask("program");
    return 0;
}
