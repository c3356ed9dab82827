/* Random words: numbers of all kinds, and PIDs, addresses and times that may mean something to a reader. */

static uint64_t state;
static uint32_t pids[16], addresses[64];
static unsigned pid_count, address_count;
/* The one whose place another one shall take. */
static pid_t daemon_pid;

static uint64_t number(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t bound)
{
    return number() % bound;
}

static uint64_t now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static uint32_t a_pid(void)
{
    return pids[below(pid_count)];
}

static uint32_t an_address(void)
{
    return address_count ? addresses[below(address_count)] : number();
}

static int is_address(uint32_t word)
{
    unsigned at;

    for (at = 0; at < address_count; at++)
        if (addresses[at] == word)
            return 1;
    return 0;
}

static uint64_t a_time(void)
{
    uint64_t time = now(CLOCK_MONOTONIC), shift = 1ull << below(36);

    return below(2) ? time - shift : time + (below(4) ? 0 : shift);
}

static uint64_t word(void)
{
    switch (below(9)) {
    case 0:
        return 0;
    case 1:
        return below(9);
    case 2:
        return a_pid();
    case 3:
        return a_pid() << 3 | below(8);
    case 4:
        return a_time();
    case 5:
        return now(CLOCK_BOOTTIME) / 10000000;
    case 6:
        return an_address();
    case 7:
        return ~0ull;
    default:
        return number();
    }
}
