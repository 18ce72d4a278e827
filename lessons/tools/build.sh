#!/bin/sh
# Builds what stands in a folder that stage.sh has written: its server, or a suite of tests that
# calls its functions.
#
#     lessons/tools/build.sh FOLDER OUTPUT [SUITE]     SUITE: such as 03_stream
#
# $CC is the compiler, $CFLAGS is added (-Werror, say). What the compiler says is passed on.
set -eu
cd "$(dirname "$0")/../.."
folder=$1 output=$2 suite=${3:-}
# What an unwritten function leaves unused: its parameters, its helpers, their variables.
quiet='-Wno-missing-field-initializers -Wno-unused-parameter -Wno-unused-function -Wno-unused-variable'
flags="-std=c11 -O0 -g3 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion $quiet"
set -- "$folder/stream.c" "$folder/handshake.c" "$folder/frame.c" "$folder/wire.c" "$folder/todo.c" \
    lessons/tools/crash.c
wrapped=''
for name in accept4 pthread_create stream_open handshake_switch; do
    wrapped="$wrapped -Wl,--wrap=$name"
done
# What a refusal names: the lowest lesson that has an unwritten function.
first=$(sed -n 's/^    TODO\(_LATER\)\{0,1\}(\([0-9]*\),.*/\2/p' "$folder/server.c" "$@" |
    sort -n | head -n 1)

if [ -n "$suite" ]; then
    set -- "tests/$suite.c" tests/harness.c tests/learn.c tests/show.c tests/foreign.c "$@"
    libraries='-lcunit -lmd -lb64'
else
    set -- "$folder/server.c" "$@"
    libraries='-lmd -lb64'
fi
# shellcheck disable=SC2086
${CC:-cc} $flags ${CFLAGS:-} -DFIRST_UNWRITTEN="${first:-99}" -DCLIENT_DIRECTORY="\"$PWD/client\"" \
    -DWHERE="\"$PWD/lessons/tools/where.sh\"" -I"$folder" -Ilessons/tools -Itests -pthread $wrapped \
    -o "$output" "$@" $libraries
