/* LDFLAGS: -static */
/* The same as waits_for_eof, but nothing can be preloaded into it. */
#include "waits_for_eof.c"
