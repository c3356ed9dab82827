/* Says that it is ready and returns 0 at the end of its input. */
#include "until_eof.h"

int main(void)
{
    return ready_until_eof();
}
