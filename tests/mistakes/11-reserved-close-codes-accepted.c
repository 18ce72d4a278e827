/*
 * The mistake: every code from 1000 to 1015 is accepted, because all of them have a name. 1005, 1006
 * and 1015 stand for what was never sent, and 1004 for nothing.
 * On the wire: the server sends such a code back.
 *
 * Caught by: tests/suites/11_control.c
 * Says: close code 1004, which must not be sent
 */
bool frame_is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1015) || (code >= 3000 && code <= 4999);
}
