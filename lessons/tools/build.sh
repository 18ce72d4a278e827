#!/bin/sh
# Builds what is in a folder that stage.sh has written: its server, or a suite of tests that
# calls its functions.
#
#     lessons/tools/build.sh FOLDER OUTPUT [SUITE]     SUITE: such as 03_stream
#
# $CC is the compiler, $CFLAGS is added (-Werror, say). What the compiler says is passed on. A suite
# wants build/release/tests/harness.a, which make makes.
set -eu
WORKSHOP=$1 output=$2 suite=${3:-}
. "$(dirname "$0")/common.sh"
# What an unwritten function leaves unused: its parameters, its helpers, their variables.
quiet='-Wno-unused-parameter -Wno-unused-function -Wno-unused-variable'

set -- lessons/tools/todo.c lessons/tools/crash.c
for source in $sources; do
    [ "$source" = server.c ] && [ -n "$suite" ] || set -- "$folder/$source" "$@"
done
if [ -n "$suite" ]; then
    set -- "tests/$suite.c" build/release/tests/harness.a "$@" $suite_libraries
else
    set -- "$@" $server_libraries
fi
# What a rejection names: the lowest lesson that has an unwritten function.
first=$(first_unwritten)

# shellcheck disable=SC2086
${CC:-cc} $language -O0 -g3 $warnings $quiet ${CFLAGS:-} -DFIRST_UNWRITTEN="$first" "$client" \
    -DWHERE="$(path_in_c lessons/tools/where.sh)" -I"$folder" -Ilessons/tools -Itests $wrapped \
    -o "$output" "$@"
