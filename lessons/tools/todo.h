/*
 * todo.h - what an unwritten function of the course does when it is called
 *
 * TODO(7, "...") refuses the visitor of this thread, politely and by the lesson's name, and does
 * not come back. TODO_LATER stands where the server can do without: it passes.
 */
#ifndef TODO_H
#define TODO_H

#define TODO(lesson, sentence) todo((lesson), (sentence))
#define TODO_LATER(lesson, sentence) ((void)(sentence))

/* Without a visitor (in main, before the first one): prints the sentence and exits with 1. With
 * one: answers 501, or Close 1011 after the handshake, waits until the visitor leaves, and ends
 * the thread. Only lesson 2's returns: it is main's thread that it would end. */
void todo(int lesson, const char *sentence);

/* A suite that calls the functions itself is told by this, with all the words, instead of being
 * ended; it does not return. A server has none. */
void unwritten(const char *words) __attribute__((weak));

#endif
