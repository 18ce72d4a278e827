#!/bin/sh
# Says where a program is: gdb looks at all its threads, and where.py puts it into a few lines.
#
#     lessons/tools/where.sh PID crash SIGNAL [null|stack|gone|closed|left]   which line has crashed
#     lessons/tools/where.sh PID hang                                         which thread waits, or runs in circles
#
# The program must still be there. What gdb is not needed for, is said without it.
set -u
pid=$1 what=$2 signal=${3:-0} detail=${4:-}

case $signal in
4) words='illegal instruction' ;;
6) words='abort' ;;
7) words='bus error' ;;
8) words='a division by zero' ;;
11) words='segmentation fault' ;;
*) words="signal $signal" ;;
esac
case $detail in
null) words="$words (a NULL pointer was used)" ;;
stack) words="$words (the stack is full)" ;;
gone) words="$words (the memory was given back, or was never there)" ;;
closed) words='a descriptor was closed that is not open' ;;
left) words='clients_leave was called twice for one client' ;;
esac

if ! command -v gdb >/dev/null; then
    why='gdb would say it, but there is none ("make doctor" says more).'
else
    # No look-ups over the network, no file of the user's: the result is to be the same everywhere.
    # Foreground: Ctrl-C reaches gdb, too.
    said=$(env -u DEBUGINFOD_URLS WHERE="$pid $what${signal:+ $words}" timeout --foreground 30 gdb -q -nx \
        -batch -x "${0%.sh}.py" 3>&1 >/dev/null 2>&1 </dev/null)
    why='gdb would say it, but may not look ("make doctor" says more).'
fi
if [ -n "${said:-}" ]; then
    echo "$said"
else
    [ "$what" = crash ] && echo "$words" || echo 'it does not respond'
    echo "    Where? $why"
fi
