/* Says that it is ready, waits for a line of input or for the end of it, and then touches more and more memory. */
#include <stdlib.h>
#include <string.h>

#include "until_eof.h"

int main(void)
{
    ready_until_eof();
    for (;;) {
        void *memory = malloc(1 << 20);

        if (memory)
            memset(memory, 1, 1 << 20);
    }
}
