#!/bin/sh
# Shows that a learner is shown what is wrong: makes wrong functions, runs the suite that notices them
# in the learner's mode (tests/harness/learn.h), and looks for the words, and for the caret.
#
#     tests/system/learn.sh FOLDER [CASE]...       (make check-learn does)
set -u
CDPATH= cd "$(dirname "$0")/../.."

cases='wrong_byte wrong_line wrong_answer crash crash_in_call crash_without_gdb recursion circles lock
silence circles_in_call ended unwritten_in_call unwritten_501 unwritten_1011 later_501 later_1011
needs_a_later_lesson not_left_out passed_before wrong_answer_waits no_event foreign green
overflow freed_twice leak undefined race'

# Makes what is wrong in a copy of the finished code, or of a stage, and builds it:
#     wrong SUITE STAGE FILE SED      without $left_out, a function, if that is set
wrong() {
    suite=$folder/$1
    python3 lessons/tools/functions.py stage "$2" "$here/code" ${left_out:+"$left_out"}
    if [ $# -gt 2 ]; then
        cp "$here/code/$3" "$here/before"
        sed -i "$4" "$here/code/$3"
        ! cmp -s "$here/before" "$here/code/$3" || fail "the change of $3 finds nothing to change"
    fi
    if [ -x "$suite" ]; then
        python3 lessons/tools/build.py "$here/code" "$here/server" >"$here/log" 2>&1 ||
            fail 'the server is not built'
    else # it calls the function itself, and needs no server
        suite=$here/suite
        python3 lessons/tools/build.py "$here/code" "$suite" "$1" >"$here/log" 2>&1 ||
            fail 'the suite is not built'
    fi
}

run() {
    LEARN=1 FAIL_FAST=${FAIL_FAST:-3} SERVER=$here/server timeout 60 "$suite" >"$here/log" 2>&1
    status=$?
    [ $status -ne 124 ] || fail 'it has not come to an end'
    grep -q '^[0-9]* passed, [0-9]* failed$' "$here/log" || fail 'there is no summary'
    long=$(sed 's/…/./g' "$here/log" | awk 'length($0) > 80') # some awks count bytes
    [ -z "$long" ] || fail "a line is longer than a terminal is wide: $long"
}

fail() {
    {
        echo "NOT SHOWN: $name: $1"
        sed 's/^/    /' "$here/log"
    } >"$here/complaint"
    echo '0 1' >"$here/counts"
    exit
}

# None of the words may be there.
never_shows() {
    for words; do
        ! tr -s ' \n' '  ' <"$here/log" | grep -qF -e "$words" || fail "this must not be said: $words"
    done
}

# Each of the words must be there, wherever the lines are broken; and the suite must have failed.
shows() {
    [ $status -ne 0 ] || fail 'it passes'
    for words; do
        tr -s ' \n' '  ' <"$here/log" | grep -qF -e "$words" || fail "nothing says: $words"
    done
}

# A line that is exactly so, and below it one that is exactly so. (awk wants a backslash doubled.)
shows_lines() {
    awk -v first="$1" -v second="$2" 'before == first && $0 == second {found = 1} {before = $0}
        END {exit !found}' "$here/log" || fail "there is no line \"$1\" with \"$2\" below"
}

wrong_byte() {
    wrong 10_echo 99 frame.c 's/bytes\[i\] ^= turned\[i % 4\]/bytes[i] ^= turned[(i + (i == 3)) % 4]/'
    run
    shows "the RFC's masked Hello" 'After the handshake was sent (19 bytes: text "Hello", close 1000)' \
        'Came back (11 bytes: text "Helfo", close 1000)' \
        'Expected (11 bytes: text "Hello", close 1000)' '1 passed, 1 failed' \
        'Read: lessons/10-payload-and-echo/README.md'
    shows_lines '    0000  81 05 48 65 6c 66 6f 88  02 03 e8                 ..Helfo....' \
        '                         ^^'
}

wrong_line() {
    wrong 08_switch 99 handshake.c 's/"Connection: Upgrade\\r\\n/"Connection: Upgrade\\n/'
    run
    shows 'Sec-WebSocket-Version: 13\r\n'
    shows_lines '    Connection: Upgrade\\n' '                       ^'
}

wrong_answer() {
    wrong 09_frame_header 99 frame.c \
        's/big_endian(stream_next(ws->stream) + 2, more)/big_endian(stream_next(ws->stream) + 3, 1)/'
    run
    shows 'a length of 65535, in 16 bits' 'Your function was fed' 'That gave' 'It should be'
}

null_words='segmentation fault (a NULL pointer was used)'
null='s/^    ws->message.length = 0;/    *(volatile int *)0 = 1;/'
crash() {
    wrong 11_control 99 frame.c "$null"
    run
    shows "your server crashed: $null_words in frame_read_message, frame.c:" \
        'called from echo, server.c:' '*(volatile int *)0 = 1;' \
        'After the handshake was sent (8 bytes: close 1000)'
}

crash_in_call() {
    wrong 03_stream 99 stream.c 's/^    for (\*length = 0;;) {/    line = NULL; &/'
    run
    shows "your function crashed: $null_words in stream_read_line, stream.c:" \
        'line=0x0' 'Your function was fed' 'GET / HTTP/1.1\r\n'
}

# The same where there is no gdb: only what where.sh needs besides is found.
crash_without_gdb() {
    wrong 11_control 99 frame.c "$null"
    mkdir -p "$here/bin"
    for tool in sh awk sed cat rm mktemp sleep env timeout tr tail grep cmp; do
        ln -sf "$(command -v $tool)" "$here/bin/$tool"
    done
    PATH=$here/bin run
    shows "your server crashed: $null_words" '"make doctor" says more'
}

recursion() {
    wrong 10_echo 99 frame.c \
        's/^    ws->message.length = 0;/    if (ws != NULL) return frame_read_message(ws);/'
    run
    shows 'your server crashed: segmentation fault (the stack is full) in frame_read_message' \
        'frame_read_message calls itself, again and again'
}

circles() {
    wrong 10_echo 99 frame.c 's/^    ws->message.length = 0;/    for (volatile int i = 0;;) i++;/'
    run
    shows 'your server hangs: the thread "client 1" runs in circles in frame_read_message, frame.c:' \
        'called from echo, server.c:'
}

lock() {
    wrong 10_echo 99 stream.c '/^int stream_write/,/^}/s/pthread_mutex_lock(&s->write_lock);/& &/'
    run
    shows 'your server hangs: the thread "client 1" waits for a lock (pthread_mutex_lock) in stream_write' \
        'called from write_head, handshake.c:'
}

silence() {
    wrong 11_control 99 frame.c \
        's/return result == 0 && control ? handle_control(ws, frame) : result;/return result;/'
    run
    shows 'your server sends nothing more: the thread "client 1" waits in recv, called from receive' \
        'then nothing more, as long as the check waited'
}

# A response came, if a wrong one: then that is what the check shows, and no hang.
wrong_answer_waits() {
    wrong 06_upgrade 99 handshake.c 's/ && origin_is_local_or_address(&origin)//'
    run
    shows 'expected 403' 'HTTP/1.1 101 Switching Protocols' 'then nothing more, as long as the check waited'
    never_shows hangs accept4
}

# A view that waits for events is no hang either.
no_event() {
    wrong 00_trace 99 trace.c 's/^    broadcast_publish(&events.*/    (void)event;/'
    run
    shows 'your server sends nothing more: the thread "sender" waits in pthread_cond_wait' '(nothing came)'
    never_shows hangs
}

circles_in_call() {
    wrong 03_stream 99 stream.c 's/^    for (\*length = 0;;) {/    for (volatile int i = 0;;) i++;\n&/'
    run
    shows 'your function hangs: it runs in circles in stream_read_line, stream.c:' \
        'Your function was fed'
}

ended() {
    wrong 11_control 99 frame.c 's/^    ws->message.length = 0;/    perror("enough"); exit(3);/
        s/^#include <string.h>/&\n#include <stdio.h>/'
    run
    shows 'The server has ended: with status 3' 'Its last words: enough'
}

unwritten_in_call() {
    wrong 07_accept_key 7
    run
    shows 'not written yet: lesson 7 is yours to write (Makes the accept key' '0 passed, 1 failed'
}

# Lesson 2's last test has each client get its own echo, once lesson 10 is written.
needs_a_later_lesson() {
    wrong 02_threads 11 frame.c 's/bytes\[i\] ^= turned\[i % 4\]/bytes[i] ^= 1/'
    LESSON=10 run
    shows 'This needs lesson 10 as well: if its check fails too, begin there.'
}

# The same, when that lesson's own tests have passed.
passed_before() {
    wrong 02_threads 11 frame.c 's/bytes\[i\] ^= turned\[i % 4\]/bytes[i] ^= 1/'
    PASSED_LESSON=10 LESSON=10 run
    shows 'This needs lesson 10 as well, whose own tests have passed.'
    never_shows 'begin there'
}

unwritten_501() {
    wrong 08_switch 8
    run
    shows 'your server says: lesson 8 is yours to write (' 'So red is what you should see here'
}

unwritten_1011() {
    wrong 10_echo 10
    run
    shows 'your server says: lesson 10 is yours to write ('
}

# What is called only in or after an unwritten function is not said to be left out.
not_left_out() {
    for left_out in worker handshake_switch on_upgrade; do
        wrong 08_switch 9
        run
        shows 'is yours to write ('
        never_shows 'must call'
    done
    left_out=''
}

# A later lesson's rejection does not hide what is wrong with this one's.
later_501() {
    wrong 06_upgrade 7 handshake.c 's/ && origin_is_local_or_address(&origin)//'
    LESSON=6 run
    shows 'Origin: http://evil.example' 'Expected, to begin with' '"lesson 7 is yours to write" only says how far'
}

later_1011() {
    wrong 08_switch 9 handshake.c 's/Accept: %s.r.n%s.r.n/Accept: %s\\r\\n%s/'
    run
    shows 'Expected, to begin with' '"lesson 9 is yours to write" only says how far'
}

# The finished server, as if it were another program.
foreign() {
    wrong 01_listen 99
    FOREIGN="$here/server --port \$PORT" run
    [ $status -eq 0 ] || fail 'it must pass'
    FOREIGN="sleep 99$$ & cd . && $here/server --port \$PORT" run
    [ $status -eq 0 ] || fail 'it must pass as a compound command'
    ! pgrep -f "sleep 99$$" >/dev/null || fail 'a process of the other program stays'
    grep -q "^  skipped: --help and --version (needs this server's own command line)$" "$here/log" &&
        grep -q '^[1-9][0-9]* passed, 0 failed$' "$here/log" || fail 'what needs this server is not skipped'
}

green() {
    wrong 07_accept_key 99
    run
    [ $status -eq 0 ] || fail 'it must pass'
    grep -q '^Your accept key for .*: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=$' "$here/log" ||
        fail 'the own result is not told'
}

# ---- what sanitizers report, in report.py's words ----

# Runs the suite, and shows what the sanitizer has reported of the server.
reported() {
    fixed='' # thread sanitizer's memory must be where it expects it
    ! setarch -R true 2>/dev/null || fixed='setarch -R'
    ASAN_OPTIONS="log_path=$here/report" TSAN_OPTIONS="log_path=$here/report" \
        UBSAN_OPTIONS=print_stacktrace=1 SANITIZED=tsan SERVER=$here/server FAIL_FAST=5 \
        timeout 60 $fixed "$suite" >"$here/said" 2>&1
    cat "$here"/report.* >>"$here/said" 2>/dev/null
    python3 lessons/tools/report.py "$here/said" >"$here/log"
    status=1
    shows "$@"
}
memory='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
first='s/^    ws->message.length = 0;/&\n    char *volatile p = malloc(3);'

overflow() {
    CFLAGS=$memory wrong 10_echo 99 frame.c "$first memcpy(p, \"Hello\", 6); free(p);/"
    reported 'writes outside of its memory in memcpy, called from frame_read_message, frame.c:' \
        'called from echo, server.c:' 'offset 3 in a block of 3 bytes, allocated in malloc, called from frame_read'
}

freed_twice() {
    CFLAGS=$memory wrong 10_echo 99 frame.c "$first free(p); free(p);/"
    reported 'frees the same memory twice in free, called from frame_read_message, frame.c:' \
        'freed in free, called from frame_read_message'
}

leak() {
    CFLAGS=$memory wrong 10_echo 99 frame.c "$first/"
    reported 'never frees' 'bytes that it got in malloc, called from frame_read_message, frame.c:'
}

undefined() {
    CFLAGS=$memory wrong 10_echo 99 frame.c \
        's/^    ws->message.length = 0;/&\n    free(malloc(1u << *(volatile int *)\&(int){40}));/'
    reported 'does what C does not define (shift exponent 40 is too large' 'in frame_read_message, frame.c:'
}

race() {
    CFLAGS='-O1 -fsanitize=thread' wrong 02_threads 99 frame.c \
        's/^    ws->message.length = 0;/&\n    static volatile int count; count++;/'
    reported 'has a data race: two threads use the same memory, and one of them writes it, in frame_read_message' \
        'the other thread: write in frame_read_message, frame.c:'
}

if [ "$1" = --one ]; then
    folder=$2 name=$3 here=$2/$3
    rm -rf "$here"
    mkdir -p "$here"
    $name
    echo "shown: $name"
    echo '1 0' >"$here/counts"
    exit
fi
folder=$1
shift
rm -rf "$folder"
mkdir -p "$folder"
# The suites that talk to a server, once: only the server is another each time.
python3 lessons/tools/functions.py stage 99 "$folder/code"
for suite in 01_listen 02_threads 06_upgrade 08_switch 10_echo 11_control 00_trace; do echo $suite; done |
    xargs -P 2 -I '{}' python3 lessons/tools/build.py "$folder/code" "$folder/{}" '{}' || exit
# shellcheck disable=SC2086
if [ $# -gt 0 ]; then printf '%s\n' "$@"; else printf '%s\n' $cases; fi |
    xargs -P 3 -I '{}' sh tests/system/learn.sh --one "$folder" '{}'
cat "$folder"/*/complaint 2>/dev/null
cat "$folder"/*/counts |
    awk '{p += $1; f += $2} END {print p + 0 " passed, " f + 0 " failed"; exit f > 0 || p == 0}'
