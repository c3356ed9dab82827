/* Serves an empty directory of a few small files by FUSE: serves_files DIRECTORY NUMBER. Returns when it is there. Answers
 * that many requests and takes no more then: a file system that hangs. Writes "asked" when the next one waits, and ends with
 * its input; a byte there before has it write how many it has answered. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef FOPEN_NOFLUSH
#define FOPEN_NOFLUSH (1 << 5)
#endif

#define ROOT FUSE_ROOT_ID
#define FIRST 2
#define FILES 200
#define MOST 64

static struct file {
    char name[NAME_MAX], content[MOST];
    unsigned links, mode;
    size_t size;
    struct timespec changed;
} files[FILES];
static int used, device;

static struct file *file(uint64_t node)
{
    return node >= FIRST && node < (uint64_t)(FIRST + used) ? &files[node - FIRST] : NULL;
}

static struct file *named(const char *name)
{
    int at;

    for (at = 0; at < used; at++)
        if (files[at].links > 0 && strcmp(files[at].name, name) == 0)
            return &files[at];
    return NULL;
}

static struct fuse_attr attributes(struct file *one)
{
    struct fuse_attr it = { .ino = ROOT, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096 };

    if (one) {
        it.ino = FIRST + (one - files);
        it.mode = S_IFREG | one->mode;
        it.nlink = one->links;
        it.size = one->size;
        it.ctime = it.mtime = one->changed.tv_sec;
        it.ctimensec = it.mtimensec = one->changed.tv_nsec;
    }
    return it;
}

static void answer(uint64_t unique, int error, const void *what, size_t size)
{
    struct {
        struct fuse_out_header header;
        char what[4096];
    } out = { .header = { .len = sizeof out.header + size, .error = -error, .unique = unique } };

    memcpy(out.what, what, size);
    if (write(device, &out, out.header.len) < 0 && errno != ENOENT)
        perror("answer");
}

static struct file *make(const char *name, unsigned mode)
{
    struct file *one = used < FILES ? &files[used++] : NULL;

    if (one) {
        strncpy(one->name, name, sizeof one->name - 1);
        one->mode = mode & 07777;
        one->links = 1;
        clock_gettime(CLOCK_REALTIME, &one->changed);
    }
    return one;
}

/* An entry of the directory, as it is told; and after it, how it was opened. */
struct entry {
    struct fuse_entry_out entry;
    struct fuse_open_out open;
};

static struct entry entry(struct file *one)
{
    struct entry it = { .entry = { .nodeid = FIRST + (one - files), .attr = attributes(one) } };

    /* Before Linux 6.3 the end of a process would wait for the answer to a flush, whatever ends it. */
    it.open.open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH;
    return it;
}

static void change(struct file *one, const struct fuse_setattr_in *in)
{
    if (in->valid & FATTR_MODE)
        one->mode = in->mode & 07777;
    if ((in->valid & FATTR_SIZE) && in->size <= MOST)
        one->size = in->size;
    clock_gettime(CLOCK_REALTIME, &one->changed);
}

static size_t list(char *into, uint64_t from)
{
    size_t size = 0;
    int at;

    for (at = (int)from; at < used; at++) {
        struct fuse_dirent *one = (struct fuse_dirent *)(into + size);
        size_t length = strlen(files[at].name);

        if (files[at].links == 0)
            continue;
        if (size + FUSE_NAME_OFFSET + length + 8 > 2048)
            break;
        one->ino = FIRST + at;
        one->off = at + 1;
        one->namelen = length;
        one->type = DT_REG;
        memcpy(one->name, files[at].name, length);
        size += FUSE_DIRENT_SIZE(one);
    }
    return size;
}

/* Renames over what is there, unless that is not wanted. */
static int rename_it(const char *from, const char *to, unsigned flags)
{
    struct file *one = named(from), *other = named(to);

    if (!one)
        return ENOENT;
    if (other && (flags & 1))
        return EEXIST;
    if (other)
        other->links--;
    strncpy(one->name, to, sizeof one->name - 1);
    return 0;
}

static void serve(const struct fuse_in_header *in, char *rest)
{
    struct file *one = file(in->nodeid);
    struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
    struct fuse_attr_out attr = { .attr = attributes(one) };
    struct fuse_write_out written = { .size = ((struct fuse_write_in *)rest)->size };
    struct fuse_open_out opened = { .open_flags = one ? FOPEN_DIRECT_IO | FOPEN_NOFLUSH : 0 };
    struct fuse_statfs_out space = { .st = { .blocks = 1, .bsize = 4096, .namelen = NAME_MAX } };
    struct entry found;
    char names[2048] = { 0 };
    int error;

    switch (in->opcode) {
    case FUSE_INIT:
        answer(in->unique, 0, &init, sizeof init);
        return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    case FUSE_LOOKUP:
        if (!(one = named(rest)))
            break;
        found = entry(one);
        answer(in->unique, 0, &found.entry, sizeof found.entry);
        return;
    case FUSE_CREATE:
        rest += sizeof(struct fuse_create_in);
        one = named(rest);
        if (!one && !(one = make(rest, ((struct fuse_create_in *)(rest - sizeof(struct fuse_create_in)))->mode)))
            break;
        found = entry(one);
        answer(in->unique, 0, &found, sizeof found);
        return;
    case FUSE_GETATTR:
        answer(in->unique, 0, &attr, sizeof attr);
        return;
    case FUSE_SETATTR:
        if (one)
            change(one, (struct fuse_setattr_in *)rest);
        attr.attr = attributes(one);
        answer(in->unique, 0, &attr, sizeof attr);
        return;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        answer(in->unique, 0, &opened, sizeof opened);
        return;
    case FUSE_READ:
        if (!one || ((struct fuse_read_in *)rest)->offset > one->size)
            break;
        answer(in->unique, 0, one->content + ((struct fuse_read_in *)rest)->offset,
               one->size - ((struct fuse_read_in *)rest)->offset);
        return;
    case FUSE_WRITE:
        if (!one || ((struct fuse_write_in *)rest)->offset + written.size > MOST)
            break;
        one->size = ((struct fuse_write_in *)rest)->offset + written.size;
        memcpy(one->content + one->size - written.size, rest + sizeof(struct fuse_write_in), written.size);
        answer(in->unique, 0, &written, sizeof written);
        return;
    case FUSE_READDIR:
        answer(in->unique, 0, names, list(names, ((struct fuse_read_in *)rest)->offset));
        return;
    case FUSE_UNLINK:
        if (!(one = named(rest)))
            break;
        one->links--;
        clock_gettime(CLOCK_REALTIME, &one->changed);
        answer(in->unique, 0, NULL, 0);
        return;
    case FUSE_RENAME2:
        rest += sizeof(struct fuse_rename2_in);
        error = rename_it(rest, rest + strlen(rest) + 1, ((struct fuse_rename2_in *)(rest - sizeof(struct fuse_rename2_in)))->flags);
        answer(in->unique, error, NULL, 0);
        return;
    case FUSE_STATFS:
        answer(in->unique, 0, &space, sizeof space);
        return;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        answer(in->unique, 0, NULL, 0);
        return;
    default:
        answer(in->unique, ENOSYS, NULL, 0);
        return;
    }
    answer(in->unique, ENOENT, NULL, 0);
}

static void serve_all(long most)
{
    static char request[FUSE_MIN_READ_BUFFER * 2];
    struct pollfd both[2] = { { STDIN_FILENO, POLLIN, 0 }, { device, POLLIN, 0 } };
    long answered = 0;
    char byte;

    while (poll(both, 2, -1) > 0) {
        if (both[0].revents != 0) {
            if (read(STDIN_FILENO, &byte, 1) != 1)
                return;
            printf("answered %ld\n", answered);
        } else if (answered == most) {
            puts("asked");
            both[1].fd = -1;
        } else if (read(device, request, sizeof request) > 0) {
            serve((struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
            answered++;
        } else if (errno != EINTR && errno != ENOENT) {
            return;
        }
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    char options[100];

    if (argc != 3)
        return 90;
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0,default_permissions", device);
    if (device < 0 || mount("serves_files", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) != 0) {
        perror("mount");
        return 91;
    }
    switch (fork()) {
    case -1:
        return 92;
    case 0:
        serve_all(atol(argv[2]));
        _exit(0);
    }
    return 0;
}
