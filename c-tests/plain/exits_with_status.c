/* Calls exit, from a function that main never returns to, with output still in the buffer of stdio. */
#include <stdio.h>
#include <stdlib.h>

static void at_exit(void)
{
    puts("atexit");
}

int main(int argc, char **argv)
{
    atexit(at_exit);
    printf("leaving\n");
    exit(argc > 1 ? atoi(argv[1]) : 0);
}
