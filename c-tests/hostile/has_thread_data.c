/* CFLAGS: -fPIC */
/* LDFLAGS: -shared */
/* A module with data of its own for each thread: the loader has to allocate before a thread uses it. */
__thread int of_a_thread = 1;

int *address_of_it(void)
{
    return &of_a_thread;
}
