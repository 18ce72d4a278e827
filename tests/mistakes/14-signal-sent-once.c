/*
 * The mistake: the signal alone is the message: it is sent once, and the cause is looked at only if
 * recv was interrupted. A worker that was doing something else at that moment has missed it.
 * On the wire: a client that was busy when the server stopped gets no Close frame, and the server waits
 * for it to the end.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: close 1001 among messages that do not stop
 */
static int wait_and_receive(struct stream *s, void *to, size_t room, size_t *got)
{
    int result = flush_before_waiting(s);

    *got = 0;
    if (result != 0)
        return result;
    do
        result = receive(s, to, room, got);
    while (result != 0 && s->cause == STREAM_INTERRUPTED && check_wake(s) == 0);
    if (*got > 0)
        atomic_store_explicit(&s->received, s->received + *got, memory_order_relaxed);
    return result;
}

static void wait_for_workers_locked(void)
{
    int64_t begun_ms = clock_ms();

    for (struct client *c = clients.first; c != NULL; c = c->next)
        wake_locked(c);
    while (clients.first != NULL && clock_ms() - begun_ms < STOP_S * 1000)
        pause_locked();
}
