/* CFLAGS: -fPIC */
/* LDFLAGS: -shared */
/* The least that can be preloaded. */
int an_empty_library_has_something;
