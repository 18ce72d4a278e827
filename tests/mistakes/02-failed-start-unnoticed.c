/*
 * The mistake: that no thread could be started is told to nobody; it seldom happens.
 * On the wire: when threads run out, a client is connected and gets nothing, for ever.
 *
 * Caught by: tests/suites/02_threads.c
 * Says: the client must be closed at once
 */
static int start_worker(struct client *client)
{
    pthread_t thread;

    if (pthread_create(&thread, &thread_attributes, worker, client) == 0)
        pthread_detach(thread);
    return 0;
}
