/* CFLAGS: -fPIC */
/* LDFLAGS: -shared -ldl */
/* A preload with a root of its own, as fakechroot has: a file "real" is that of the directory JAIL. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *inside(const char *path, char *room, size_t size)
{
    const char *name = path ? strrchr(path, '/') : NULL;

    if (!name || strcmp(name, "/real") != 0)
        return path;
    snprintf(room, size, "%s%s", getenv("JAIL"), name);
    return room;
}

int unlink(const char *path)
{
    int (*next)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    char room[4096];

    return next(inside(path, room, sizeof room));
}

int unlinkat(int from, const char *path, int flags)
{
    int (*next)(int, const char *, int) = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
    char room[4096];

    return next(from, inside(path, room, sizeof room), flags);
}

int remove(const char *path)
{
    int (*next)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "remove");
    char room[4096];

    return next(inside(path, room, sizeof room));
}

int rename(const char *path, const char *to)
{
    int (*next)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    char room[4096];

    return next(inside(path, room, sizeof room), to);
}
