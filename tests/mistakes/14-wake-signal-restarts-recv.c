/*
 * The mistake: the signal that is to get a worker out of recv has SA_RESTART set, as signal sets it:
 * the kernel calls recv again by itself.
 * On the wire: nothing is said to a client that is idle: no ping, no 408, no Close frame when the
 * server stops.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: close 1001 must come at once
 */
void clients_begin(int timeout_s)
{
    pthread_condattr_t monotonic;

    clients.timeout_ms = (int64_t)timeout_s * 1000;
    signal(WAKE_SIGNAL, on_wake);
    signal(SIGALRM, on_wake);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&clients.empty, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_init(&thread_attributes);
    pthread_attr_setstacksize(&thread_attributes, THREAD_STACK_BYTES);
}
