/* CFLAGS: -shared -fPIC */
/* A module of a program. Loaded with RTLD_DEEPBIND, as PHP loads its own, it calls libc past every preload. */
#include <unistd.h>

int begin_session(void);

int begin_session(void)
{
    return (int)setsid();
}
