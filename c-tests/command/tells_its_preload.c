/* Prints what it was preloaded with. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    puts(getenv("LD_PRELOAD"));
    return 0;
}
