#!/bin/sh
# Says where a program is: gdb looks at all its threads, and this puts it into a few lines.
#
#     lessons/tools/where.sh PID crash SIGNAL [null|stack]     which line has crashed
#     lessons/tools/where.sh PID hang                          which thread waits, or runs in circles
#
# The program must still be there. What gdb is not needed for, is said without it.
set -u
pid=$1 what=$2 signal=${3:-0} detail=${4:-}
tasks=/proc/$pid/task

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
esac

# Hundredths of a second that each thread has had a processor: "LWP hundredths" a line.
used() {
    for task in "$tasks"/*; do
        sed -n 's/^.*) //p' "$task/stat" 2>/dev/null | awk -v lwp="${task##*/}" '{print lwp, $12 + $13}'
    done
}

work=$(mktemp -d 2>/dev/null || mktemp -d build/where.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
if [ "$what" = hang ]; then
    used >"$work/before"
    sleep 0.5
    used >"$work/after"
else
    : >"$work/before" >"$work/after"
fi

why=
if ! command -v gdb >/dev/null; then
    why='Where? gdb would say it, but there is none ("make doctor" says more).'
else
    # No look-ups over the network, no file of the user's: the result is to be the same everywhere.
    # Foreground: Ctrl-C reaches gdb, too.
    env -u DEBUGINFOD_URLS timeout --foreground 30 gdb -q -nx -batch -ex 'set width 0' \
        -ex 'set print elements 40' \
        -ex 'set print frame-arguments scalars' -ex 'thread apply all bt 40' -p "$pid" \
        >"$work/gdb" 2>&1 </dev/null
    grep -q '^#0' "$work/gdb" ||
        why='Where? gdb would say it, but may not look ("make doctor" says more).'
fi
if [ -n "$why" ]; then
    [ "$what" = crash ] && echo "$words" || echo 'it does not respond'
    echo "    $why"
    exit
fi

awk -v what="$what" -v words="$words" '
# A frame: #1  0x00005555 in stream_fill (s=0x7fff) at workshop/stream.c:330
function take_frame(line,    rest) {
    n = ++depth[thread]
    rest = line
    sub(/^#[0-9]+ +/, "", rest)
    sub(/^0x[0-9a-f]+ in /, "", rest)
    place[thread, n] = ""
    if (match(rest, / at [^ ]+:[0-9]+$/)) {
        place[thread, n] = substr(rest, RSTART + 4)
        rest = substr(rest, 1, RSTART - 1)
    }
    sub(/ from [^ ]*$/, "", rest)
    call[thread, n] = rest
    sub(/ \(.*/, "", call[thread, n])
    given[thread, n] = rest
    sub(/^[^(]*\(/, "", given[thread, n])
    sub(/\)$/, "", given[thread, n])
    gsub(/0x0+/, "0x", given[thread, n])
    gsub(/0x($|[^0-9a-f])/, "0x0&", given[thread, n])
    gsub(/0x00x/, "0x0", given[thread, n])
    if (/<signal handler called>/)
        first[thread] = n + 1
}

# Whether a frame is of the program: one with a line, in a file that is not of the system, of the
# tools that are linked with it, or of the suite.
function own(t, n) {
    return place[t, n] != "" && place[t, n] !~ /^(\.|\/usr|\/build)/ &&
        place[t, n] !~ /(todo|crash|harness|learn|show)\.c:/ && place[t, n] !~ /(^|\/)tests\// &&
        call[t, n] !~ /^__wrap_/
}
function of_suite(t, n) {
    return place[t, n] ~ /(^|\/)tests\//
}

function shortened(text, length_) {
    return length(text) > length_ ? substr(text, 1, length_ - 3) "..." : text
}

function short(name) {
    sub(/^.*\//, "", name)
    return name
}

# The name of a function of the C library, without what it adds inside.
function known(name) {
    sub(/^_+/, "", name)
    sub(/^GI_+/, "", name)
    sub(/^(libc|wrap)_+/, "", name)
    sub(/@.*/, "", name)
    sub(/_(avx|sse|evex|erms|unaligned|ssse|generic).*/, "", name)
    return name
}

# The frame of the program that is nearest to what happens; and what it has called there.
function nearest(t,    n) {
    for (n = first[t] ? first[t] : 1; n <= depth[t]; n++)
        if (own(t, n))
            return n
    return 0
}
function called(t, n) {
    return n > (first[t] ? first[t] : 1) ? known(call[t, n - 1]) : ""
}

# The line of the source, if it can be read.
function source(where,    file, number, line, i) {
    file = where
    number = where
    sub(/:[0-9]+$/, "", file)
    sub(/^.*:/, "", number)
    number += 0
    for (i = 0; i < number && (getline line <file) > 0; i++)
        ;
    close(file)
    sub(/^[ \t]+/, "", line)
    return i == number ? shortened(line, 68) : ""
}

# The frames of the program, innermost first, with what they were given.
function show_frames(t, at, most,    n, shown, line, same, last) {
    line = source(place[t, at])
    if (line != "")
        printf "\n    %s\n        %s\n", short(place[t, at]), line
    printf "\n"
    for (n = at; n <= depth[t] && shown < most; n++) {
        if (!own(t, n))
            continue
        last = call[t, n] ":" place[t, n]
        if (++same[last] > 2)
            continue
        printf "    %s %s, %s\n", shown++ ? "called from" : "in", call[t, n], short(place[t, n])
        if (given[t, n] != "")
            printf "        %s\n", shortened(given[t, n], 68)
    }
}

function recursion(t, at,    n, count, most) {
    for (n = at; n <= depth[t]; n++)
        if (++count[call[t, n]] > count[most])
            most = call[t, n]
    return count[most] >= 10 ? most : ""
}

function crashed(    t, at, in_call, again) {
    for (t = 1; t <= thread && !first[t]; t++)
        ;
    at = t <= thread ? nearest(t) : 0
    if (at == 0) {
        if (t <= thread && of_suite(t, first[t]))
            words = words " in the check itself, " short(place[t, first[t]])
        print words
        return
    }
    in_call = called(t, at)
    again = recursion(t, at)
    if (in_call != "")
        in_call = in_call ", called from "
    printf "%s in %s%s, %s\n", words, in_call, call[t, at], short(place[t, at])
    if (again != "")
        printf "    %s calls itself, again and again.\n", again
    show_frames(t, at, again != "" ? 3 : 4)
}

# What a thread does, in words; and how much that tells of a hang: more is worse.
function doing(t, at,    name) {
    name = called(t, at)
    if (busy[lwp[t]] >= 5 || name == "") { # it has had a processor, or waits for nothing
        weight[t] = 4
        return "runs in circles in"
    }
    if (name ~ /lock/) {
        weight[t] = 3
        return "waits for a lock (" name ") in"
    }
    # It waits for somebody new, for bytes of a client, or for another thread.
    weight[t] = name ~ /^accept/ ? 0 : name == "recv" ? 1 : 2
    return "waits in " name ", called from"
}

function whose(t,    n) {
    for (n = 1; n <= depth[t]; n++)
        if (of_suite(t, n))
            return "it"
    if (lwp[t] == pid)
        return "the main thread"
    return name[t] != "" ? "the thread \"" name[t] "\"" : "a thread"
}

function hangs(    t, at, worst, said, i, line) {
    weight[0] = -1
    for (t = 1; t <= thread; t++) {
        at = near[t] = nearest(t)
        if (at == 0)
            continue
        said[t] = doing(t, at) " " call[t, at] ", " short(place[t, at])
        if (weight[t] > weight[worst + 0])
            worst = t
    }
    if (!worst) {
        print "no thread of it is in the program'"'"'s own code"
        return
    }
    print whose(worst) " " said[worst]
    show_frames(worst, near[worst], 4)
    for (t = 1; t <= thread; t++)
        if (t != worst && said[t] != "" && weight[t] > 0 && i++ < 3) {
            line = "    " whose(t) " " said[t]
            if (length(line) > 78)
                sub(/, called from/, ",\n        called from", line)
            print (i == 1 ? "\n" : "") line
        }
}

FILENAME ~ /before$/ { start[$1] = $2; next }
FILENAME ~ /after$/ { busy[$1] = $2 - start[$1]; next }
/^Thread [0-9]+ / {
    thread++
    lwp[thread] = $0
    sub(/^.*LWP /, "", lwp[thread])
    sub(/\).*/, "", lwp[thread])
    if (match($0, /"[^"]*"/))
        name[thread] = substr($0, RSTART + 1, RLENGTH - 2)
}
/^#[0-9]+ / && thread { take_frame($0) }
END { if (what == "crash") crashed(); else hangs() }
' pid="$pid" "$work/before" "$work/after" "$work/gdb"
