/*
 * The mistake: nobody joins the thread, and nobody detaches it. The system keeps its stack for whoever
 * may still ask for its result.
 * On the wire: nothing, for a long time. Each client costs a stack for ever, until no thread can be
 * started any more.
 *
 * Caught by: tests/suites/02_threads.c
 * Says: neither joined nor detached
 */
static int start_worker(struct client *client)
{
    pthread_t thread;

    return pthread_create(&thread, &thread_attributes, worker, client) == 0 ? 0 : -1;
}
