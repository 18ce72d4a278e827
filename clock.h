/* clock.h - the time, on a clock that nobody can set back */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Microseconds since some moment in the past. Does not block, and may be called in a signal handler. */
int64_t clock_us(void);

/* The same in milliseconds. */
int64_t clock_ms(void);

#endif
