/*
 * The mistake: the thread ends the process when its client has left, with the exit that the tutorial
 * of one client ended with.
 * On the wire: all other clients are cut off in the middle, and newcomers are refused.
 *
 * Caught by: tests/02_threads.c
 * Says: The server has ended
 */
static void end_client(struct client *client)
{
    leave_table(client);
    stream_close(&client->stream);
    free(client);
    printf("client disconnected\n");
    exit(EXIT_SUCCESS);
}
