#!/bin/sh
# Makes every stage of the course, builds it with each compiler, and starts it once. A warning, an
# response that stage.c does not expect, or a stage 15 that is not the finished code: an error.
#
#     tests/stages.sh FOLDER CHECKER COMPILER...       (the Makefile says how)
set -eu
. lessons/tools/flags.sh
folder=$1 checker=$2
shift 2

sh lessons/tools/stage.sh 99 "$folder/whole"
for source in $sources; do
    grep -v '^#include "todo.h"$' "$folder/whole/$source" | cmp - "$source"
done

for stage in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
    sh lessons/tools/stage.sh "$stage" "$folder/$stage"
    for compiler; do
        server=$folder/$stage/server-$compiler
        CC=$compiler CFLAGS=-Werror sh lessons/tools/build.sh "$folder/$stage" "$server"
        STAGE=$stage SERVER=$server "$checker" >"$folder/$stage/log" 2>&1 && continue
        cat "$folder/$stage/log"
        echo "stage $stage, built with $compiler, is not right"
        exit 1
    done
done
echo "14 stages built with $*, silently, and started"
