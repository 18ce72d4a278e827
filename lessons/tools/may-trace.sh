#!/bin/sh
# Ends with status 0 if gdb may start a program and stop it: at its first instruction, and it says so.
# Some containers forbid that.
timeout 30 gdb -nx -batch -ex 'set startup-with-shell off' -ex starti -ex 'info inferiors' \
    "$(command -v true)" </dev/null 2>&1 | grep -q 'process [0-9]'
