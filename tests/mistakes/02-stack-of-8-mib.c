/*
 * The mistake: NULL for the attributes, as in most examples. Each thread then has the usual stack of 8 MiB.
 * On the wire: nothing, until ten thousand clients need 80 GB of addresses, which some systems refuse.
 *
 * Caught by: tests/suites/02_threads.c
 * Says: most of it for their threads' stacks
 */
static int start_worker(struct client *client)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, worker, client);

    if (error == 0)
        pthread_detach(thread);
    errno = error;
    return error == 0 ? 0 : -1;
}
