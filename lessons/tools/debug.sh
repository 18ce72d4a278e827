#!/bin/sh
# Starts gdb with a lesson's tour.
#
#     LESSON=9 lessons/tools/debug.sh             you look, and connect with a browser
#     LESSON=9 CLIENT=1 lessons/tools/debug.sh    a scripted client connects instead
#     LESSON=9 TRANSCRIPT=FILE lessons/tools/debug.sh    nobody looks: the tour plays itself into FILE,
#                                                        in at most $TOUR_SECONDS (60)
#
# It looks at your own functions if workshop/ has those of the lesson, and what you have not written
# yet is the finished code's. WORKSHOP= (empty) looks at the finished code.
. "$(dirname "$0")/common.sh"
set -e
lesson=${LESSON:-} transcript=${TRANSCRIPT:-} client='' gdb=''
build=$PWD/build/tours

fail() {
    echo "debug: $*" >&2
    exit 1
}

take_lesson "$lesson"
if [ "$lesson" -gt "$last_to_write" ]; then
    echo "Lesson $lesson writes no code, so there is no tour: its README says what to do."
    exit
fi
set -- lessons/"$(printf %02d "$lesson")"-*/tour.gdb
tour=$1
[ -e "$tour" ] || fail "lesson $lesson has no tour: $tour is missing"
gdb -nx -batch -ex 'python print(6 * 7)' 2>/dev/null | grep -q 42 ||
    fail "gdb with Python in it is needed, as Debian's and Ubuntu's gdb has it: apt-get install gdb"
sh lessons/tools/folder.sh build/tours

# Answers whether the workshop has all of this lesson's functions.
written() {
    [ -n "$folder" ] && python3 lessons/tools/workshop.py written "$lesson"
}

if written; then
    echo "Your functions, from $folder/; what you have not written yet is the finished code's."
    python3 lessons/tools/functions.py rest "$folder" "$build/source"
    server=$build/server
    python3 lessons/tools/build.py "$build/source" "$server" ||
        fail "this must be mended first. The finished code: make debug LESSON=$lesson WORKSHOP="
else
    [ ! -e "$folder/server.c" ] ||
        echo "Lesson $lesson is not written in $folder/ yet: this is the finished code."
    make_quietly debug-build
    server=$PWD/build/debug/server
fi

# A debugger may be forbidden to trace: in containers, or by Linux's "yama".
forbidden() {
    echo "debug: gdb is not allowed to trace a program here." >&2
    echo "In a container: start it with --cap-add=SYS_PTRACE --security-opt seccomp=unconfined." >&2
    echo "Else, as root: sysctl kernel.yama.ptrace_scope=1. \"make doctor\" says more." >&2
}
if [ -z "$transcript" ] && ! sh lessons/tools/may-trace.sh; then
    forbidden
    exit 1
fi

unset DEBUGINFOD_URLS # gdb would ask whether it may fetch the C library's source
export SHELL=/bin/sh
if [ -n "${CLIENT:-}$transcript" ]; then
    command -v python3 >/dev/null || fail "the scripted client needs python3: apt-get install python3"
    work=$(mktemp -d "$build/client.XXXXXX")
    trap 'kill $client $gdb 2>/dev/null || true; rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    export TOUR_CLIENT="$work/port"
fi

if [ -z "$transcript" ]; then
    trap : INT # Ctrl-C is gdb's
    if [ -n "${CLIENT:-}" ]; then
        setsid python3 lessons/tools/client.py "$lesson" --file "$work/port" &
        client=$!
    fi
    gdb -q -x lessons/tools/tour.py -x "$tour" "$server"
    exit
fi

limit=${TOUR_SECONDS:-60}
rm -f "$transcript" "$transcript.whole" "$transcript.waits"
export TOUR_TRANSCRIPT="$transcript"
export PATIENCE="$limit"
python3 lessons/tools/client.py "$lesson" --file "$work/port" >"$transcript.client" 2>&1 &
client=$!
# Descriptors that make or a shell has left open would change the numbers of the server's sockets.
timeout --foreground -k 5 "$limit" gdb -nx -batch -x lessons/tools/tour.py -x "$tour" "$server" \
    >"$transcript.gdb" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
gdb=$! # not waited for by the shell itself, so that a signal to it ends all at once
wait "$gdb" || true
gdb=
[ -e "$transcript.whole" ] || {
    echo "debug: the tour of lesson $lesson was not played to its end (in at most $limit s)." >&2
    [ ! -e "$transcript" ] || { echo "It came to:" && tail -n 5 "$transcript"; } >&2
    [ ! -e "$transcript.waits" ] || echo "Stops that were not reached: $(cat "$transcript.waits")." >&2
    grep -Ei 'error|not defined|cannot' "$transcript.gdb" | tail -n 5 >&2
    cat "$transcript.client" >&2
    sh lessons/tools/may-trace.sh || forbidden
    exit 1
}
for kind in whole waits server client gdb; do
    rm -f "$transcript.$kind"
done
