/*
 * The mistake: every new thread gets the address of the same variable, as in tutorials that pass &fd
 * from their accept loop. By the time the thread looks there, it may already hold the next client.
 * On the wire: when clients connect at the same moment, some get no response at all, and one client is
 * served, and freed, by two threads.
 *
 * Caught by: tests/suites/02_threads.c
 * Says: a client of a crowd gets no response
 */
static void *worker(void *argument)
{
    struct client *client = *(struct client **)argument;
    char name[16];

    snprintf(name, sizeof name, "client %lu", client->number % 100000000);
    pthread_setname_np(pthread_self(), name);
    clients_running(client);
    serve(client);
    end_client(client);
    return NULL;
}

static int start_worker(struct client *client)
{
    static struct client *newest;
    pthread_t thread;

    newest = client;
    if (pthread_create(&thread, &thread_attributes, worker, &newest) != 0)
        return -1;
    pthread_detach(thread);
    return 0;
}
