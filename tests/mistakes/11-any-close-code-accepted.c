/*
 * The mistake: the code is sent back, whatever it is. Below 1000, there are none.
 * On the wire: Close 999, or Close 0, but Close 1002 must come.
 *
 * Caught by: tests/suites/11_control.c
 * Says: close code 0, which must not be sent
 */
bool frame_is_close_code(unsigned code)
{
    (void)code;
    return true;
}
