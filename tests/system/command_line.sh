#!/bin/sh
# Shows that the program behaves as people expect it from a terminal: the man page says what --help
# says, what --verbose prints can be searched as documented, errors are one line that says where help
# is, an installed server finds its page, and colours are for terminals.
#
#     tests/system/command_line.sh [PART]...       (make check-command-line does, with the program in $SERVER)
#
# PART is a function of this script, such as manual. tests/suites/01_listen.c tests the options themselves.
set -u
CDPATH= cd "$(dirname "$0")/../.." || exit
program=${SERVER:-server}
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL LESSON SERVER FOREIGN WORKSHOP NO_COLOR BUILD DESTDIR
export SHELL=/bin/sh # which script(1) takes
scratch=$(mktemp -d) || exit
out=$scratch/out server=''
. tests/system/assert.sh

stop() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
    server=''
}
trap 'stop; rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# Asserts that the last command has printed one line.
one_line() {
    if [ "$(wc -l <"$out")" = 1 ]; then good; else wrong "one line is enough"; fi
}

# Waits for words in a file, for at most 10 seconds.
appears() {
    for _ in $(seq 100); do
        ! grep -q -e "$1" "$2" || return 0
        sleep 0.1
    done
    cp "$2" "$out"
    wrong "\"$1\" has not appeared in 10 s"
    return 1
}

# Starts a program as a server, with its output in $scratch/log. $port is then where it listens.
start() {
    : >"$scratch/log" # what another server printed before is not this one's
    "$@" --port 0 >"$scratch/log" 2>"$scratch/errors" &
    server=$!
    appears listening "$scratch/log" || cat "$scratch/errors"
    port=$(sed -n 's/^listening.*:\([0-9]*\).*/\1/p' "$scratch/log")
}

# ---- what is documented ----

# The options that a text lists, a line each: "-p --port".
options() {
    sed -n 's/^  *\(-[a-zA-Z]\), \(--[a-z-]*\).*/\1 \2/p' "$1" | sort
}

# The page is made again, and read as most terminals show it.
manual() {
    cp server.1 "$scratch/server.1"
    run 0 sh tests/system/manual.sh "./$program" "$scratch/server.1"
    diff server.1 "$scratch/server.1" >"$out"
    if [ ! -s "$out" ]; then good; else wrong 'server.1 is not what --help and server.h2m say: make man'; fi
    run 0 mandoc -Tlint server.1
    env -u MANROFFOPT -u MAN_KEEP_FORMATTING LC_ALL=C.UTF-8 MANWIDTH=80 \
        man --warnings=all -l server.1 >"$scratch/page" 2>"$out"
    if [ ! -s "$out" ]; then good; else wrong 'man has something to say'; fi
    cp "$scratch/page" "$out"
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS PATHS TIMEOUTS LIMITS SIGNALS 'EXIT STATUS' EXAMPLES \
        'SEE ALSO'; do
        says "^$section"
    done
    "./$program" --help >"$scratch/help"
    cp "$scratch/help" "$out"
    if [ "$(wc -l <"$out")" -le 24 ]; then good; else wrong '--help must fit a screen of 24 lines'; fi
    options "$scratch/help" >"$scratch/listed"
    options "$scratch/page" | diff "$scratch/listed" - >"$out"
    if [ ! -s "$out" ]; then good; else wrong 'the page and --help list different options'; fi
    [ "$(wc -l <"$scratch/listed")" -ge 10 ] || wrong 'the options of --help were not found'
}

# The commands by which the page searches the output of --verbose, and what each must show and hide.
searched() {
    cp "$scratch/page" "$out"
    if grep -q -F -e "server --verbose | $1" "$out"; then good; else wrong "not in the page: $1"; fi
    sh -c "$1" <"$scratch/log" >"$out"
    says "$2"
    never_says "$3"
}

verbose() {
    [ -f "$scratch/page" ] || manual
    start "./$program" --verbose
    lessons/tools/talk.py --port "$port" text:Hello close >/dev/null
    lessons/tools/talk.py --port "$port" text:Hello close >/dev/null
    appears 'client 2 .*disconnected' "$scratch/log"
    searched "grep 'client 1 '" 'client 1 .*text' 'client 2\|listening'
    searched "grep 'frame: '" 'client 2 .*frame: text, 5 bytes "Hello"' 'line:\|connected'
    # shellcheck disable=SC2016
    searched "awk '\$4 == \"in\"'" 'frame: text' ' out \|connected'
    # shellcheck disable=SC2016
    searched "awk '\$3 == 1 && \$5 == \"frame:\"'" 'client 1 .*out  frame: text' 'client 2\|line:'
    event='\(in   line\|out  line\|in   frame\|out  frame\|connected\|disconnected\): '
    grep '^ *[0-9.]\{8,\}  client' "$scratch/page" | cat - "$scratch/log" |
        grep -v -e '^listening' -e "^ *[0-9]*\.[0-9]\{6\}  client [12]    $event" >"$out"
    if [ ! -s "$out" ]; then good; else wrong 'these lines have another form than the page says'; fi
    stop
}

# The server keeps nothing back: grep shows a client while the server runs.
live() {
    mkfifo "$scratch/pipe"
    : >"$scratch/log"
    grep --line-buffered -e listening -e 'client 1 ' <"$scratch/pipe" >"$scratch/log" &
    "./$program" --port 0 --verbose >"$scratch/pipe" &
    server=$!
    appears listening "$scratch/log"
    curl -s "$(sed -n 's/^listening on //p' "$scratch/log")" >/dev/null
    appears 'client 1 .*disconnected' "$scratch/log" && good
    stop
}

# ---- when something is wrong ----

# Each wrong command line gets one line: whose it is, what is wrong, and where help is.
command_lines() {
    while read -r words; do
        # shellcheck disable=SC2086
        run 2 "./$program" $words
        says '^server: .* (see server --help)$'
        one_line
    done <<'END'
--frobnicate
-x
-vx
--port
-p
--verbose=yes
--port=
--port 65536
--timeout -1
--max-message 0
--max-memory much
--max-connections 1e3
--max-watchers 9999999
--origin example.com
--origin https://*.example.com
--wire more
END
    run 1 "./$program" --address nowhere.invalid
    says '^server: .* (see server --help)$'
    one_line
}

# Runs a command as another user, if we are root.
as_nobody() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

troubles() {
    cp "./$program" "$scratch/server" && chmod 755 "$scratch" # others may not be able to read our folder
    if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 1 ] && as_nobody true 2>/dev/null; then
        as_nobody timeout 10 "$scratch/server" --port 1 >"$out" 2>&1
        says '^server: cannot listen on address 127.0.0.1, port 1: Permission denied; ports from 1024 on'
        one_line
    fi
    run 1 sh -c "'./$program' --port 0 >&-"
    says '^server: cannot write to standard output: '
    one_line
    run 1 sh -c "'./$program' --help >/dev/full"
    says '^server: cannot write to standard output: No space left on device$'
    one_line
    run 1 sh -c "'./$program' --version >/dev/full"
    : >"$scratch/log"
    sh -c "exec './$program' --port 0 <&- 2>&-" >"$scratch/log" &
    server=$!
    appears listening "$scratch/log" # a closed descriptor must not become the listener's
    ls -l "/proc/$server/fd" >"$out"
    says ' 2 -> /dev/null'
    stop
}

# ---- installed ----

installed() {
    prefix="$scratch/a prefix"
    run 0 make -s install "PREFIX=$prefix"
    cp "$prefix/share/man/man1/server.1" "$out" && says OPTIONS
    start "$prefix/bin/server"
    for file in / /page.js /icon.svg; do
        run 0 curl -sS -f -o "$scratch/got" "http://127.0.0.1:$port$file"
    done
    if cmp "$scratch/got" client/icon.svg >"$out"; then good; else wrong 'that is another file'; fi
    stop
    if [ ! -s "$scratch/errors" ]; then good; else wrong 'it has complained'; fi
    mv "$prefix/share/websocket-server" "$prefix/share/elsewhere"
    start "$prefix/bin/server"
    run 0 curl -sS "http://127.0.0.1:$port/"
    says 'speaks the WebSocket protocol' # an echo needs no page
    cp "$scratch/errors" "$out"
    says "^server: no page: $prefix/share/websocket-server: No such file or directory"
    one_line
    stop
    mv "$prefix/share/elsewhere" "$prefix/share/websocket-server"
    run 0 make -s uninstall "PREFIX=$prefix"
    find "$scratch/a prefix" -type f >"$out"
    if [ ! -s "$out" ]; then good; else wrong 'this was left behind'; fi
    run 0 make -s install "DESTDIR=$scratch/package" PREFIX=/usr
    if grep -q -F /usr/share/websocket-server "$scratch/package/usr/bin/server"; then good
    else wrong 'a server in a package must look where the package will be'; fi
}

# ---- colours ----

escape=$(printf '\033')
without_escapes() {
    if grep -q -e "$escape" "$out"; then wrong 'there must be no colours here'; else good; fi
}

# A command on a terminal, and through a pipe; the words must be there both times.
coloured() {
    run "$2" env TERM=xterm script -qec "$1" /dev/null
    says "$escape.*$3"
    run "$2" env TERM=xterm NO_COLOR=1 script -qec "$1" /dev/null
    says "$3"
    without_escapes
    run "$2" env TERM=dumb script -qec "$1" /dev/null
    without_escapes
    run "$2" env TERM=xterm NO_COLOR= script -qec "$1" /dev/null
    says "$escape.*$3"
    run "$2" env TERM=xterm sh -c "$1"
    says "$3"
    without_escapes
}

colours() {
    coloured 'lessons/tools/doctor.sh; true' 0 'ok'
    coloured 'WORKSHOP= python3 lessons/tools/workshop.py check 7' 0 'ok'
    # shellcheck disable=SC2016
    coloured 'FOREIGN="python3 -m http.server \$PORT" python3 lessons/tools/workshop.py check 8' 1 'FAILED'
}

[ $# -gt 0 ] || set -- manual verbose live command_lines troubles installed colours
for part; do
    $part
done
sum_up
