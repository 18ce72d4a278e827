/*
 * The mistake: every new thread gets the address of the same variable, as tutorials do that pass &fd
 * from their accept loop. By the time the thread looks there, the next visitor may stand in it.
 * On the wire: when visitors come at once, some get no answer at all, and one client is served, and
 * freed, by two threads.
 *
 * Caught by: tests/02_threads.c
 * Says: a visitor of a crowd gets no answer
 */
static void *worker(void *argument)
{
    struct client *client = *(struct client **)argument;
    char name[16];

    snprintf(name, sizeof name, "client %lu", client->number % 10000000);
    pthread_setname_np(pthread_self(), name);
    serve(client);
    end_client(client);
    return NULL;
}

static int start_worker(struct client *client)
{
    static struct client *newest;
    pthread_t thread;
    int error;

    newest = client;
    error = pthread_create(&thread, &thread_attributes, worker, &newest);
    if (error == 0)
        pthread_detach(thread);
    return error;
}
