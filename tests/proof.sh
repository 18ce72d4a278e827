#!/bin/sh
# Shows that the lessons' checks see what is written, and what is not.
#
#     tests/proof.sh FOLDER [FUNCTION]...       (make check-proof does)
#
# The finished code passes all of them. Stage N of the course has lessons 1 to N-1: the checks of these
# lessons pass, and that of lesson N fails. Then each function that a learner writes is left out of the
# finished code, alone: its lesson's check must fail. A check fails as it should where it says what it wants, or that
# the lesson is not written; where it crashes, or its time is up, or the server crashes, it does not
# help anybody. With names of functions: only these are left out, and what is said is shown.
# FOLDER has the finished code's objects and suites; all is made there.
set -u
limit=15 # seconds for a check to fail; it takes a few
wait=4   # seconds for each of its waits then: there is something to wait in vain for

# What is missing leaves other things unused; make check-stages looks at the other warnings.
flags="-std=c11 -O0 -g -D_GNU_SOURCE -w -pthread"
wrapped='-Wl,--wrap=accept4,--wrap=pthread_create,--wrap=stream_open,--wrap=handshake_switch'

# Tells what is not right, and what was said; all of it again at the end, where it is seen.
not_right() {
    echo "NOT RIGHT: $1" >>"$here/complaint"
    [ -s "$log" ] && sed 's/^/    /' "$log" >>"$here/complaint"
    echo '0 1' >>"$here/counts"
}

right() {
    echo '1 0' >>"$here/counts"
}

compile() {
    # shellcheck disable=SC2086
    $CC $flags -I"$here" -DCLIENT_DIRECTORY="\"$PWD/client\"" -c -o "$here/$1.o" "$here/$1.c" 2>"$log"
}

# Links the server, or a suite, with what was compiled here, and else with the finished code.
link() {
    objects=
    for part in stream handshake frame wire todo; do
        if [ -f "$here/$part.o" ]; then objects="$objects $here/$part.o"
        else objects="$objects $folder/$part.o"; fi
    done
    # shellcheck disable=SC2086
    $CC -pthread $wrapped -o "$here/$1" $2 $objects $3 -lmd -lb64 2>"$log"
}

link_server() {
    if [ -f "$here/server.o" ]; then link server "$here/server.o" ''
    else link server "$folder/server.o" ''; fi
}

# A check that must pass, with the lessons up to this one. The finished code has as little time for each
# wait as what must fail has: else it might be the time alone that makes it fail.
passes() {
    LESSON=$2 SERVER=$here/server FAIL_FAST=$3 timeout 120 "$here/check" >"$log" 2>&1 && right ||
        not_right "the check of lesson $1 must pass when lessons 1 to $2 are written"
}

# A check that must fail, and say why.
fails() {
    LESSON=$2 SERVER=$here/server FAIL_FAST=$wait timeout $limit "$here/check" >"$log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then not_right "$3: the check of lesson $1 passes"
    elif [ $status -eq 124 ]; then not_right "$3: the check of lesson $1 has not failed in $limit s"
    elif [ $status -ge 128 ]; then not_right "$3: the check of lesson $1 has crashed"
    elif grep -q 'took too long\|killed by signal' "$log"; then not_right "$3: not by its own words"
    elif ! grep -q "lesson $1 is yours to write\|^In \".*\": tests/" "$log"; then
        not_right "$3: the check of lesson $1 does not say why"
    else right; fi
}

link_check() {
    suite=$(ls "$folder/tests/$(printf %02d "$1")"_*.o)
    link check "$suite $folder/tests/harness.o" -lcunit
}

try_stage() {
    stage=$1
    lessons/tools/stage.sh "$stage" "$here"
    flags="$flags -DFIRST_UNWRITTEN=$stage"
    for part in server stream handshake frame wire todo; do
        compile $part || { not_right "stage $stage does not compile"; return; }
    done
    link_server || { not_right "stage $stage does not link"; return; }
    lesson=1
    while [ $lesson -le "$stage" ]; do
        link_check $lesson || { not_right "check $lesson does not link"; return; }
        if [ $lesson -lt "$stage" ]; then passes $lesson $((stage - 1)) 10
        else fails "$stage" "$stage" "stage $stage"; fi
        lesson=$((lesson + 1))
    done
}

try_finished() {
    link_server && link_check "$1" || { not_right 'the finished code does not link'; return; }
    passes "$1" 14 $wait
}

# One function left out: its file, and no other, is not that of the finished code.
try_function() {
    lesson=$1 name=$2
    lessons/tools/stage.sh "$name" "$here"
    for part in server stream handshake frame wire; do
        if grep -v '^#include "todo.h"$' "$here/$part.c" | cmp -s - $part.c; then
            rm "$here/$part.c"
        else
            compile $part || { not_right "without $name it does not compile"; return; }
        fi
    done
    link_server && link_check "$lesson" || { not_right "without $name it does not link"; return; }
    start=$(date +%s%N)
    fails "$lesson" 14 "without $name"
    echo "$((($(date +%s%N) - start) / 1000000)) $name" >"$here/time"
    [ "$quiet" = 1 ] || { echo "without $name, lesson $lesson:"; cat "$log"; }
}

# The functions that a learner writes, each with its lesson: those of stage 1 that are not written.
list_functions() {
    awk '/^[a-z].*\(/ {match($0, /[a-z_0-9]+\(/); name = substr($0, RSTART, RLENGTH - 1)}
        sub(/^    TODO(_LATER)?\(/, "") {print $0 + 0, name}' "$folder"/stage-1/*.c | sort -n
}

if [ "$1" = --one ]; then
    folder=$2 quiet=$3 kind=$4
    shift 4
    here=$folder/$kind-${2:-$1} log=$folder/$kind-${2:-$1}/log
    mkdir -p "$here"
    try_"$kind" "$@"
    exit
fi

folder=$1
shift
rm -rf "$folder"/stage-* "$folder"/finished-* "$folder"/function-*
here=$folder log=$folder/log
lessons/tools/stage.sh 1 "$folder/stage-1"
cp lessons/tools/todo.c "$folder"
here="$folder/stage-1" && compile todo && mv "$here/todo.o" "$folder/todo.o" || { cat "$log"; exit 1; }
{
    if [ $# -eq 0 ]; then # the longest first
        for lesson in 14 13 12 11 10 9 8 7 6 5 4 3 2 1; do
            echo "$folder 1 finished $lesson"
            echo "$folder 1 stage $lesson"
        done
        list_functions | sed "s|^|$folder 1 function |"
    else
        for name; do list_functions | sed -n "s|^\(.* $name\)$|$folder 0 function \1|p"; done
    fi
} | xargs -L 1 -P 4 "$0" --one # more than there are processors: most of the time they wait
cat "$folder"/*/complaint 2>/dev/null # at the end, where they are seen
sort -rn "$folder"/function-*/time | awk 'NR == 1 {ms = $1; name = $2} END {
    printf "%d functions left out, one at a time: seen in %.1f s at most (%s)\n", NR, ms / 1000, name}'
cat "$folder"/*/counts |
    awk '{p += $1; f += $2} END {print p + 0 " passed, " f + 0 " failed"; exit f > 0 || p == 0}'
