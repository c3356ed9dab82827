/* What the steps do, but for being a service. */

static void *have_work(void *unused)
{
    for (;;)
        free(malloc((size_t)rand() % 4096 + 1));
    return unused;
}

static void start_thread(void)
{
    pthread_t thread;

    must(pthread_create(&thread, NULL, have_work, NULL) == 0, "pthread_create");
}

/* A child that is not the daemon. */
static void start_worker(int in_a_session_of_its_own, char **command)
{
    pid_t worker = fork();

    must(worker >= 0, "fork");
    if (worker == 0) {
        if (in_a_session_of_its_own)
            setsid();
        if (command[0])
            execvp(command[0], command);
        prctl(PR_SET_NAME, "worker");
        for (;;)
            pause();
    }
    say("worker", worker);
}

static void wait_until_ready(int end, pid_t child)
{
    sigset_t signals;
    int signal;
    char byte;

    if (end >= 0)
        must(read(end, &byte, 1) >= 0, "read");
    else if (is(waiting, "waitpid"))
        must(waitpid(child, NULL, 0) == child, "waitpid");
    else if (is(waiting, "SIGUSR1")) {
        sigemptyset(&signals);
        sigaddset(&signals, SIGUSR1);
        sigwait(&signals, &signal);
    }
}

/* musl has no such flag: there a module's calls go through the preload. */
#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0
#endif

static int begin_session_by(const char *module)
{
    void *handle = dlopen(module, RTLD_NOW | RTLD_DEEPBIND);
    int (*begin)(void);

    must(handle != NULL, module);
    *(void **)&begin = dlsym(handle, "begin_session");
    must(begin != NULL, "begin_session");
    return begin();
}

/* 0 in the child. */
static int be_two(void)
{
    int ends[2] = { -1, -1 };
    pid_t child;

    if (is(waiting, "pipe"))
        must(pipe(ends) == 0, "pipe");
    if (is(waiting, "socketpair"))
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    if (is(waiting, "SIGUSR1"))
        launcher = getpid();
    parent = getpid();
    child = fork();
    must(child >= 0, "fork");
    if (child > 0) {
        close(ends[1]);
        wait_until_ready(ends[0], child);
        return 1;
    }
    say("process", getpid());
    if (waiting[0]) {
        close(ends[0]);
        ready = ends[1];
        waiting = "";
    }
    return 0;
}

static void be_ready(void)
{
    /* A launcher that was killed meanwhile reads no more. */
    if (ready >= 0 && write(ready, "", 1) != 1)
        say("unheard", getpid());
    if (launcher > 0)
        kill(launcher, SIGUSR1);
    close(ready);
    ready = -1;
    launcher = 0;
}

static void run(char **command)
{
    char state[32];

    snprintf(state, sizeof state, "%d %d %d", out, ready, (int)launcher);
    setenv("DAEMONIZES", state, 1);
    execv(command[0], command);
    must(0, command[0]);
}

static void run_itself(char **steps)
{
    *--steps = program;
    run(steps);
}

static void drop_root(void)
{
    must(setgroups(0, NULL) == 0, "setgroups");
    must(setgid(65534) == 0, "setgid");
    must(setuid(65534) == 0, "setuid");
}

/* Not so its children. Whoever has so much to give back takes a while to end. */
static void be_large(void)
{
    const size_t size = (size_t)256 << 20;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    must(memory != MAP_FAILED && madvise(memory, size, MADV_DONTFORK) == 0, "mmap");
}

/* The kernel takes long for a fork then: some 100 ms. */
static void be_in_many_pieces(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), pieces = 60000;
    const int rights = PROT_READ | PROT_WRITE;
    char *memory = mmap(NULL, pieces * page, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    size_t piece;

    must(memory != MAP_FAILED, "mmap");
    for (piece = 0; piece < pieces; piece += 2)
        must(mprotect(memory + piece * page, page, PROT_READ) == 0, "mprotect");
}

/* As those do who overwrite it with a title for ps(1). */
static void move_environment(void)
{
    char **copy;
    size_t count = 0;

    while (environ[count])
        count++;
    copy = calloc(count + 1, sizeof *copy);
    must(copy != NULL, "calloc");
    while (count--)
        must((copy[count] = strdup(environ[count])) != NULL, "strdup");
    environ = copy;
}

/* A PID file of its own, as others keep theirs. */
static void write_pidfile(const char *how, const char *path)
{
    char other[4096];
    int fd;

    if (is(how, "unlink and create"))
        must(unlink(path) == 0, how);
    snprintf(other, sizeof other, "%s%s", path, is(how, "rename") ? ".new" : "");
    fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC | (is(how, "lock") ? 0 : O_EXCL), 0644);
    must(fd >= 0, how);
    if (is(how, "lock"))
        must(flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0, how);
    must(dprintf(fd, "%d\n", (int)getpid()) > 1, how);
    if (is(how, "rename"))
        must(rename(other, path) == 0, how);
    /* The lock goes with the descriptor. */
    if (!is(how, "lock"))
        close(fd);
    say("written by", getpid());
}
