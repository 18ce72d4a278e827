/*
 * The mistake: nobody looks at Origin. Cookies and the local network are open to every page that runs
 * in the user's browser.
 * On the wire: 101 for a script of any site that the user happens to visit.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: Origin: null but got: HTTP/1.1 101
 */
static int check_origin(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    (void)r;
    (void)allowed;
    (void)allowed_count;
    return 0;
}
