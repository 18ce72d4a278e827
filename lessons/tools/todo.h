/*
 * todo.h - what an unwritten function of the course does when it is called
 *
 * TODO(7, "...") rejects the client of this thread, and names the lesson; it does not return.
 * TODO_LATER is for functions that the server can do without: it does nothing.
 */
#ifndef TODO_H
#define TODO_H

#define TODO(lesson, sentence) todo((lesson), __func__, (sentence))
#define TODO_LATER(lesson, sentence) ((void)(sentence))

/* Without a client (in main, before the first one): prints the sentence and exits with 1. With one:
 * sends a 501, or Close 1011 after the handshake, waits until the client leaves, and ends the thread.
 * Only lesson 2's returns, because it would end main's thread; and those of echo and frame_close, because
 * on_upgrade does something after them. */
void todo(int lesson, const char *function, const char *sentence);

/* If a suite calls the functions itself, this is called with all the words instead of ending the
 * process; it does not return. A server has none. */
void unwritten(const char *words) __attribute__((weak));

#endif
