/* The main thread leaves, the process goes on. */

/* A chain of threads: each waits for the one before, and the first for main. */
static pthread_t chain[9];
static void *output_later(void *before)
{
    pthread_join(*(pthread_t *)before, NULL);
    printf("after %d\n", (int)((pthread_t *)before - chain));
    return NULL;
}
static void *end_later(void *unused)
{
    (void)unused;
    pthread_join(main_thread, NULL);
    switch (variant) {
    case 2: exit(number);
    case 3: _exit(number);
    case 4: abort();
    case 5: raise(number); break;
    case 6: kill(getpid(), number); break;
    case 7: quick_exit(number);
    case 8: fault(); break;
    }
    return NULL;
}
static void *wait_for_input(void *unused)
{
    (void)unused;
    wait_for_eof();
    say("input has ended\n");
    return NULL;
}
static void slow_destructor(void *unused)
{
    say("ready\n");
    wait_for_input(unused);
}
static void by_main_leaving(void)
{
    pthread_t thread;
    pthread_key_t key;
    int at;

    switch (variant) {
    case 0: /* nobody else */
        break;
    case 1:
        chain[0] = main_thread;
        for (at = 0; at < 8; at++)
            pthread_create(&chain[at + 1], NULL, output_later, &chain[at]);
        break;
    case 9: /* the test closes the input */
        pthread_create(&thread, NULL, wait_for_input, NULL);
        say("ready\n");
        break;
    case 10: /* its own destructor runs for a long time */
        pthread_key_create(&key, slow_destructor);
        pthread_setspecific(key, &key);
        break;
    case 11: /* another one begins to wait for main at the first line, and main leaves at the end of the input */
        say("ready\n");
        getchar();
        pthread_create(&thread, NULL, end_later, NULL);
        wait_for_eof();
        break;
    default:
        pthread_create(&thread, NULL, end_later, NULL);
    }
    pthread_exit(NULL);
}
/* Cancelled, as a thread may be. */
static void *cancel_main(void *unused)
{
    (void)unused;
    pthread_cancel(main_thread);
    pthread_join(main_thread, NULL);
    printf("main was cancelled\n");
    return NULL;
}
static void by_main_cancelled(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, cancel_main, NULL);
    for (;;)
        pause();
}
