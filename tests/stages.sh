#!/bin/sh
# Makes every stage of the course, builds it with each compiler, and starts it once. A warning, an
# answer that stage.c does not expect, or a stage 15 that is not the finished code: an error.
#
#     tests/stages.sh FOLDER CHECKER COMPILER...       (the Makefile says how)
set -eu
folder=$1 checker=$2
shift 2
stages='1 2 3 4 5 6 7 8 9 10 11 12 13 14'
sources='server stream handshake frame wire'
# What an unwritten function leaves unused: its parameters, its helpers, their variables.
quiet='-Wno-unused-parameter -Wno-unused-function -Wno-unused-variable'
flags="-std=c11 -O1 -g -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror $quiet"
wrapped=''
for name in accept4 pthread_create stream_open handshake_switch; do
    wrapped="$wrapped -Wl,--wrap=$name"
done

make_stage() { # lesson, folder
    mkdir -p "$2"
    cp stream.h handshake.h frame.h wire.h lessons/todo.h lessons/todo.c "$2"
    for name in $sources; do
        awk -v lesson="$1" -f lessons/stage.awk $name.c >"$2/$name.c"
    done
}

make_stage 99 "$folder/whole"
for name in $sources; do
    grep -v '^#include "todo.h"$' "$folder/whole/$name.c" | cmp - $name.c
done

for stage in $stages; do
    make_stage "$stage" "$folder/$stage"
    for compiler; do
        # shellcheck disable=SC2086
        (cd "$folder/$stage" && "$compiler" $flags -DFIRST_UNWRITTEN="$stage" \
            -DCLIENT_DIRECTORY="\"$OLDPWD/client\"" -pthread $wrapped \
            -o "server-$compiler" server.c stream.c handshake.c frame.c wire.c todo.c -lmd -lb64)
        STAGE=$stage SERVER="$folder/$stage/server-$compiler" "$checker" >"$folder/$stage/log" 2>&1 ||
            { cat "$folder/$stage/log"; echo "stage $stage, built with $compiler, is not right"; exit 1; }
    done
done
echo "14 stages built with $*, silently, and started"
