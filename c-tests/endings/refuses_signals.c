/* CFLAGS: -D_GNU_SOURCE */
/* In a seccomp filter that refuses what sends signals: refuses_signals ERROR [timers]. With an error of 0 the filter says
 * that the call has succeeded. Then waits for the one that its caller sends. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const int refused[] = { SYS_tgkill, SYS_tkill, SYS_rt_tgsigqueueinfo, SYS_rt_sigqueueinfo, SYS_kill, SYS_timer_create };
    int count = argc > 2 ? 6 : 5, at, error = atoi(argv[1]);
    struct sock_filter filter[16] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
    struct sock_fprog program = { (unsigned short)(2 * count + 2), filter };

    for (at = 0; at < count; at++) {
        filter[2 * at + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[at], 0, 1);
        filter[2 * at + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
    }
    filter[2 * count + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 99;
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
