/* Says to a process that stands by for a PID file what only the owner may say: sends_to_successor PID FILE. First that the
 * file is FILE, then that it was deleted; both times it is hung up on. Says "ready", and returns 0 at the end of its input. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>

#include "hostile/successors.h"
#include "until_eof.h"

/* Returns whether it was hung up on, perhaps before it could say anything. */
static int say(uint64_t kind, int fd)
{
    uint64_t text[3] = { kind, 0, 0 };
    struct iovec part = { text, sizeof text };
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof fd)];
    } control;
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    struct sockaddr_un address;
    int socket_fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    }
    return connect(socket_fd, (struct sockaddr *)&address, address_of(name, &address)) == 0 &&
           (sendmsg(socket_fd, &message, MSG_NOSIGNAL) == sizeof text || errno == EPIPE || errno == ECONNRESET) &&
           recv(socket_fd, text, sizeof text, 0) <= 0;
}

int main(int argc, char **argv)
{
    enum { FILE_OF_NOWHERE = 2, DELETED = 3 };

    if (argc != 3 || !find_successor(argv[1]))
        return 90;
    if (!say(FILE_OF_NOWHERE, open(argv[2], O_RDONLY)))
        return 91;
    if (!say(DELETED, -1))
        return 92;
    return ready_until_eof();
}
