#!/bin/sh
# Looks whether this machine has what the lessons need: a line for each thing, with what to do if it
# is missing. Ends with status 1 if something that is needed is missing.
#
#     make doctor
#     lessons/tools/doctor.sh [PORT]     also if there is no make; PORT is the one to look at: 8080
#
# It is written for the shell, because it must also run where there is no python3.
set -u
CDPATH= cd "$(dirname "$0")/../.." || exit
export LC_ALL=C.UTF-8
unset PYTHONHOME PYTHONPATH LANGUAGE
# Colours, for people only, and not for those who have set NO_COLOR (no-color.org).
red='' green='' plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
    escape=$(printf '\033')
    red="$escape[31m" green="$escape[32m" plain="$escape[0m"
fi
port=${1:-8080}
cc=${CC:-cc} # it may be two words: ccache gcc
missing=0
sh lessons/tools/folder.sh build && scratch=$(mktemp -d build/doctor.XXXXXX) || exit
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

# A thing is there; is not, and there is a remedy; is not, but one can do without.
good() {
    printf '%-10s %sok%s       %s\n' "$1" "$green" "$plain" "$2"
}
bad() {
    missing=$((missing + 1))
    printf '%-10s %smissing%s  %s\n' "$1" "$red" "$plain" "$2"
}
note() {
    printf '%-10s note     %s\n' "$1" "$2"
}
more() {
    printf '%-10s          %s\n' '' "$1"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# How to install packages: by one command of ours, if apt-get and make are there.
install() {
    if have apt-get && have make; then
        echo "make workshop-deps"
    elif have apt-get; then
        echo "apt-get install $1 (as root)"
    else
        echo "please install it; in Debian it is called $1"
    fi
}

# Whether a program with such an include, and such a call, compiles and links.
compiles() {
    printf '#include <%s>\n' sys/types.h stdint.h "$1" >"$scratch/try.c"
    printf 'int main(void) { %s; return 0; }\n' "$2" >>"$scratch/try.c"
    shift 2
    $cc -o "$scratch/try" "$scratch/try.c" "$@" 2>/dev/null
}

compiler() {
    if ! have "${cc%% *}"; then
        bad compiler "there is no $cc: $(install 'gcc libc6-dev')"
    elif ! compiles pthread.h 'pthread_self()' -pthread; then
        bad compiler "$cc cannot make a program: $(install 'gcc libc6-dev')"
    elif ! "$scratch/try" 2>/dev/null; then
        bad compiler "$cc makes a program, but it may not run in this folder:"
        more "put the project where programs may run (mount says noexec where not)"
    else
        good compiler "$($cc --version | head -n 1)"
    fi
}

makes() {
    if make --version 2>/dev/null | grep -q '^GNU Make'; then
        good make "$(make --version | head -n 1)"
    else
        bad make "GNU make: $(install make)"
    fi
}

# Without a compiler there is nothing to say of a library.
library() {
    have "${cc%% *}" || return
    name=$1 package=$2
    shift 2
    if compiles "$@"; then
        good "$name" "$cc finds it"
    else
        bad "$name" "$cc does not find it: $(install "$package")"
    fi
}

# The tours are written in Python, which gdb may have been built without.
gdb_there() {
    if ! have gdb; then
        bad gdb "$(install gdb)"
    elif ! gdb -nx -batch -ex 'python print(6 * 7)' 2>/dev/null | grep -q 42; then
        bad gdb "it was built without Python, which the tours need: $(install gdb)"
    else
        good gdb "$(gdb --version | head -n 1)"
    fi
}

# What the commands are written in, and what plays the client in the tours.
python_there() {
    if have python3 && ! python3 -c 'import tomllib' 2>/dev/null; then
        bad python3 "$(python3 --version) is too old: 3.11 or newer is needed"
    elif have python3; then
        good python3 "$(python3 --version)"
    else
        bad python3 "$(install python3)"
    fi
}

tracing() {
    have gdb || return
    if sh lessons/tools/may-trace.sh; then
        good tracing "gdb can stop a program and look into it"
        return
    fi
    bad tracing "gdb may not stop a program that it has started"
    scope=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null)
    if [ "${scope:-0}" -ge 2 ]; then
        more "as root: sysctl kernel.yama.ptrace_scope=1"
    else
        more "in a container: start that with --cap-add=SYS_PTRACE; see also man ptrace"
    fi
}

# What the lessons type into a terminal.
tools_there() {
    absent=
    for pair in curl:curl nc:netcat-openbsd xxd:xxd openssl:openssl pgrep:procps; do
        have "${pair%%:*}" || absent="$absent ${pair#*:}"
    done
    if [ -z "$absent" ]; then
        good tools "curl, nc, xxd, openssl, pgrep"
    else
        bad tools "$(install "${absent# }")"
    fi
}

# The process that listens on the port: the socket's number is in the kernel's table, and in the
# folder of the process.
owner() {
    for entry in $(find /proc/[0-9]*/fd -lname "socket:\[$1\]" 2>/dev/null); do
        entry=${entry#/proc/}
        echo "$(cat "/proc/${entry%%/*}/comm"), process ${entry%%/*}"
        return
    done
    echo "another program"
}

port_free() {
    if [ ! -r /proc/net/tcp ]; then
        note "port $port" "nobody can say whether it is free: /proc is not there"
        return
    fi
    hex=$(printf :%04X "$port")
    socket=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$hex" '$2 ~ port "$" && $4 == "0A" { print $10; exit }')
    if [ -z "$socket" ]; then
        good "port $port" "is free"
    else
        note "port $port" "is taken by $(owner "$socket")."
        more "Stop that, or use another port: make run ARGS=\"--port 9000\""
    fi
}

browser() {
    if [ -n "${CODESPACES:-}${REMOTE_CONTAINERS:-}" ]; then # set by an editor that works in a container
        good browser "yours: the editor leads port 8080 to it"
        return
    fi
    for name in chromium chromium-browser google-chrome firefox microsoft-edge brave-browser \
        epiphany-browser konqueror; do
        if have "$name"; then
            good browser "$name"
            return
        fi
    done
    note browser "none was found here. One on another machine will do:"
    more "make run ARGS=\"--address 0.0.0.0\", and open this machine's address there"
}

node_there() {
    if have node; then
        good node "$(node --version)"
    else
        note node "none; only the tests of the project itself need it (make test-deps)"
    fi
}

[ -x lessons/tools/talk.py ] || note scripts "they have lost a mark: chmod +x lessons/tools/* lessons/17*/*.sh"
compiler
makes
library libmd libmd-dev sha1.h 'SHA1_CTX context; SHA1Init(&context)' -lmd
library libb64 libb64-dev b64/cencode.h 'base64_encodestate state; base64_init_encodestate(&state)' -lb64
library zlib zlib1g-dev zlib.h 'zlibVersion()' -lz
library CUnit libcunit1-dev CUnit/Basic.h 'CU_initialize_registry()' -lcunit
gdb_there
tracing
python_there
tools_there
port_free
browser
node_there
echo
if [ $missing -gt 0 ]; then
    echo "${red}Something that the lessons need is missing:$plain see above, and run make doctor again."
    exit 1
fi
echo "${green}All that the lessons need is there.$plain"
