/* Listens at every address at which a process would listen after exec: takes_addresses PID. The process stands by for a PID
 * file. Says "ready", and returns 0 at the end of its input. */
#include "hostile/successors.h"
#include "until_eof.h"

int main(int argc, char **argv)
{
    struct sockaddr_un address;
    char taken[120];
    int number, socket_fd;

    if (argc != 2 || !find_successor(argv[1]))
        return 90;
    for (number = 0; number < 4; number++) {
        snprintf(taken, sizeof taken, "%s-%x", beginning, number);
        socket_fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        if (bind(socket_fd, (struct sockaddr *)&address, address_of(taken, &address)) != 0 || listen(socket_fd, 8) != 0)
            return 91;
    }
    return ready_until_eof();
}
