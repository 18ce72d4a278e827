/*
 * The mistake: whoever joins or leaves does so without a word.
 * On the wire: nobody knows who is there.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: what a client that joins hears first
 */
static void tell_all(const char *name, const char *what)
{
    (void)name;
    (void)what;
}
