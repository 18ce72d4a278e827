/*
 * The mistake: the thread ends the process when its client has left, because the tutorial's server for
 * one client ended with exit.
 * On the wire: all other clients lose their connections, and nobody can connect any more.
 *
 * Caught by: tests/suites/02_threads.c
 * Says: The server has ended
 */
static void end_client(struct client *client)
{
    clients_leave(client);
    clients_free(client);
    printf("client disconnected\n");
    exit(EXIT_SUCCESS);
}
