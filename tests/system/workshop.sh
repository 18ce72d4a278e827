#!/bin/sh
# Shows that the workshop's commands do what they say, in a copy of this folder that is thrown away:
# make workshop, check, lesson, solution, watch, debug and doctor, for somebody who writes lesson 3.
#
#     tests/system/workshop.sh [PART]...       (make check-workshop does)
#
# PART is a function of this script, such as keeping.
#
# The copy's path holds a space, as a learner's may.
set -u
CDPATH= cd "$(dirname "$0")/../.." || exit
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL LESSON SERVER FOREIGN WORKSHOP FORCE NO_COLOR BUILD CFLAGS
scratch=$(mktemp -d) || exit
copy="$scratch/a project" out=$scratch/out watch=''
. tests/system/assert.sh

end() {
    [ -z "$watch" ] || kill -KILL "-$watch" 2>/dev/null
    rm -rf "$scratch"
}
trap end EXIT
trap 'exit 1' INT TERM
mkdir "$copy"
tar -cf - --exclude=./.git --exclude=./workshop --exclude=./build/[!r]* --exclude=node_modules . |
    tar -xf - -C "$copy"
cd "$copy" || exit

# Asserts that a command succeeds.
holds() {
    if "$@" >/dev/null 2>&1; then good; else wrong "$*"; fi
}

# Waits for words in a file, at most as many seconds as a slow machine needs.
appears() {
    tenths=0
    until grep -q -e "$1" "$out"; do
        tenths=$((tenths + 1))
        [ $tenths -lt 600 ] || { wrong "\"$1\" has not appeared in a minute"; return; }
        sleep 0.1
    done
    good
}

# Waits for the end of a process group that was told to end.
gone() {
    tenths=0
    while kill -0 "$1" 2>/dev/null; do
        tenths=$((tenths + 1))
        [ $tenths -lt 100 ] || { wrong "make watch has not ended"; return 1; }
        sleep 0.1
    done
    good
}

# The learner's files, and those kept of them, as a sum.
sum() {
    find workshop -type f | sort | xargs cksum
}

kept_folders() {
    find workshop/kept -mindepth 1 -type d 2>/dev/null | wc -l
}

# Writes a lesson's functions into one of the learner's files, as the finished code has them.
write_lesson() {
    python3 lessons/tools/functions.py stage $(($1 + 1)) "$scratch/stage"
    cp "$scratch/stage/$2" "workshop/$2"
}

# Puts a line in the place of a function's TODO.
replace_todo() {
    awk -v name="$2" -v line="$3" '
        index($0, " " name "(") { inside = 1 }
        /^}/ { inside = 0 }
        inside && /^    TODO/ { print line; next }
        { print }' "workshop/$1" >"$scratch/replaced"
    cp "$scratch/replaced" "workshop/$1"
}

line_of_todo() {
    awk -v name="$2" 'index($0, " " name "(") { inside = 1 } inside && /^    TODO/ { print FNR; exit }' \
        "workshop/$1"
}

making() {
    about 'without workshop/'
    run red make lesson
    says 'make workshop begins with lesson 1'
    run red make watch
    run red make solution LESSON=3
    says 'no workshop/'

    about 'make workshop'
    run 0 make workshop
    says 'workshop/ is made, at the beginning of lesson 1'
    says 'write  *[a-z_]*, in workshop/server.c:[0-9]'
    says 'make check LESSON=1'
    echo '/* mine */' >>workshop/frame.c
    sum >"$scratch/before"
    run 0 make workshop
    says 'nothing in it was changed'
    says '^Lesson 1: listen'
    sum >"$scratch/after"
    holds cmp "$scratch/before" "$scratch/after"

    about 'make workshop with a lesson that does not exist'
    for none in 99 abc 0 -1 '3 4' 3.5 ''; do
        run red python3 lessons/tools/workshop.py check "$none"
        says '^There is no lesson\|^Which lesson'
    done
    run red make workshop LESSON=18
    says 'There is no lesson "18": LESSON is a number from 1 to 17'
}

keeping() {
    about 'a learner'\''s changes are kept'
    echo '/* mine */' >>workshop/frame.c
    echo mine >workshop/notes.txt
    cp -r workshop "$scratch/mine"
    run 0 make workshop LESSON=5
    says 'You have changed frame.c\.$'
    says 'kept in workshop/kept/20[0-9-]*-[0-9.]*/\.$'
    never_says 'changed.*server.c'
    holds grep -q mine workshop/notes.txt
    holds [ "$(kept_folders)" = 1 ]
    restore=$(sed -n 's/^To have them back:  //p' "$out")
    holds sh -c "$restore"
    holds diff -r --exclude=kept --exclude=.written workshop "$scratch/mine"

    about 'two changes within a second are both kept'
    run 0 make workshop LESSON=4
    echo '/* again */' >>workshop/stream.c
    echo '/* again */' >>workshop/wire.c
    run 0 make workshop LESSON=5
    says 'You have changed stream.c and wire.c\.'
    holds [ "$(kept_folders)" = 3 ]

    about 'what was not changed is not kept'
    run 0 make workshop LESSON=3
    never_says kept
    run 0 make workshop LESSON=3
    never_says kept
    holds [ "$(kept_folders)" = 3 ]

    about 'if nothing can be kept, nothing is overwritten'
    mv workshop/kept "$scratch/kept"
    : >workshop/kept
    echo '/* mine */' >>workshop/stream.c
    run red make workshop LESSON=5
    holds grep -q '^/\* mine \*/' workshop/stream.c
    rm workshop/kept

    about 'a folder that somebody else has made is kept as well'
    rm -rf workshop/.written
    run 0 make workshop LESSON=3
    says 'You have changed stream.c\.'
}

checking() {
    step="workshop/stream.c:$(line_of_todo stream.c receive)  receive"
    about 'nothing is written yet'
    run red make check LESSON=3
    says '^Lesson 3: a stream, not packets'
    says 'Checking your code, in workshop/'
    says 'Nothing of lesson 3 is written yet, so red is expected'
    says "^    $step"
    says 'Lesson 3 does not pass yet'
    run red make check LESSON=4
    says '^Lesson 3 comes first'
    says "^    $step"

    about 'a compile error is the lesson'\''s whose function it is in'
    replace_todo stream.c stream_fill '    return nonsense;'
    run red make check LESSON=3
    says '^workshop/stream.c:[0-9]*:12: error: .nonsense. undeclared'
    says 'The first error is at workshop/stream.c:[0-9]*, in stream_fill: lesson 3'
    sed -i 's/^int stream_fill(/int stream_full(/' workshop/stream.c
    sed -i 's/nonsense/0/' workshop/stream.c
    run red make check LESSON=3
    says "undefined reference to .stream_fill'"
    says 'It does not compile.* Nothing defines stream_fill (lesson 3)'
    sed -i 's/^int stream_full(/int stream_fill(/' workshop/stream.c

    about 'a warning is shown, and does not stop'
    run 0 make workshop LESSON=3
    replace_todo stream.c receive '    int large = 1L << 40; (void)large;'
    run red make check LESSON=3
    says '^workshop/stream.c:.*warning: overflow'
    says '^Not written yet:'
    says 'Lesson 3 does not pass yet'
    holds [ "$(grep -c 'warning: overflow' "$out")" = 1 ]
    run 0 make workshop LESSON=3
}

choosing() {
    about 'a copy that lies beside is not asked'
    cp workshop/stream.c workshop/unwritten.c
    write_lesson 3 stream.c
    run 0 make check LESSON=3
    rm workshop/unwritten.c

    about 'two folders at the same time'
    run 0 make workshop LESSON=3 WORKSHOP=ann
    says '^ann/ is at the beginning of lesson 3'
    make check LESSON=3 WORKSHOP=ann >"$scratch/ann" 2>&1 </dev/null &
    run 0 make check LESSON=3
    wait
    cp "$scratch/ann" "$out"
    says 'Nothing of lesson 3 is written yet'
    says 'Lesson 3 does not pass yet'
    run 0 make -n mine WORKSHOP=ann
    says "build.py 'ann' 'build/mine-ann'"

    about 'checks at the same time'
    for at_once in 1 2 3; do
        make check LESSON=$at_once >"$scratch/$at_once" 2>&1 </dev/null &
    done
    wait
    for at_once in 1 2 3; do
        cp "$scratch/$at_once" "$out"
        says "Lesson $at_once passes"
    done
    run 0 make workshop LESSON=3

    about 'an earlier lesson that was changed and not checked again'
    run 0 make workshop LESSON=8
    sed -i '/parse_header(/,/^{/s/^{/{ \/* mine *\//' workshop/handshake.c
    SANITIZE=0 run 0 make check LESSON=7
    says '^    lesson 4 has not passed with its functions as they are: make check LESSON=4$'
    run 0 make workshop LESSON=3

    about 'a function of the C library that all threads share'
    run 0 make workshop LESSON=7
    sed -i '/^bool request_lists(/,/^{/s/^{/{ char text[] = "a"; strtok(text, ",");/' workshop/handshake.c
    run red make check LESSON=6
    says 'request_lists calls strtok, in handshake.c:[0-9]*\. '
    run 0 make workshop LESSON=3

    about 'what is checked'
    run 0 make check LESSON=7 WORKSHOP=
    says 'Checking the finished code'
    says 'Lesson 7 passes'
    run red make check LESSON=7 WORKSHOP=nowhere
    says 'There is no folder nowhere'
    run 0 make check LESSON=16
    says 'There is no check'
    run 0 make check LESSON=17
    says 'There is no check'

    about 'another program'
    SERVER='node my.js' run red make check LESSON=3
    says 'cannot test another program'
    run red make check LESSON=9 SERVER='node my.js'
    says 'cannot test another program'
    SERVER='./server --port $PORT --origin http://a:8000' run 0 make check LESSON=8
    says 'Checking another program: ./server --port $PORT --origin http://a:8000'
    says 'Lesson 8 passes'
}

showing() {
    about 'a solution is shown when the check passes'
    run red make solution LESSON=3
    says 'Lesson 3 does not pass yet'
    never_says 'static int receive'
    run 0 make solution LESSON=3 FORCE=1
    says '^static int receive('
    run 0 make solution LESSON=16
    says 'nothing to write'

    about 'the path'
    run 0 make lesson
    says '^ 1  listen  *done$'
    says '^ 2  a thread per client  *done$'
    says '^ 3  a stream, not packets  *next$'
    says '^      receive  *not written yet  workshop/stream.c:[0-9]'
    says '^ 4  the request  *not yet$'
    says '^16  how fast, how many  *nothing to write$'
    says '^17  '
    never_says "$(printf '\033')"
    holds [ "$(awk 'length > 80' "$out" | wc -l)" = 0 ]

    about 'colours, on a terminal'
    run 0 script -qec 'TERM=xterm make lesson' /dev/null
    says "$(printf '\033')"
    run 0 script -qec 'TERM=xterm NO_COLOR=1 make lesson' /dev/null
    never_says "$(printf '\033')"
}

# A command in a process group of its own, as a terminal has it: Ctrl-C is a signal to that.
in_a_group() {
    exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setpgid(0, 0)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

# Somebody who writes lesson 3, in two steps, with make watch beside.
watching() {
    about 'make watch'
    : >"$out"
    in_a_group make watch >>"$out" 2>&1 </dev/null &
    watch=$!
    appears 'Nothing of lesson 3 is written yet'
    appears '^Watching workshop/'
    : >"$out"
    replace_todo stream.c receive '    return nonsense;'
    appears 'in receive: lesson 3'
    appears '^Watching workshop/'
    : >"$out"
    write_lesson 3 stream.c
    appears 'Lesson 3 passes'
    appears '^Next: Lesson 4: the request'
    appears 'write  *[a-z_]*, in workshop/handshake.c:[0-9]'
    appears '^Watching workshop/'
    : >"$out"
    echo '/* a change */' >>workshop/handshake.c
    appears 'Nothing of lesson 4 is written yet'
    appears '^Watching workshop/'
    kill -INT "-$watch"
    appears '^No longer watching'
    gone "-$watch" || kill -KILL "-$watch"
    watch=''

    about 'the lesson that was written'
    run 0 make solution LESSON=3
    says '^/\* Lesson 3. Receives once'
    sed '/^\/\* ---- .* ---- \*\/$/d' "$out" >"$scratch/solution"
    holds awk 'NR == FNR { known[$0] = 1; next } !known[$0] { exit 1 }' stream.c "$scratch/solution"
    run 0 make lesson
    says '^ 3  a stream, not packets  *done$'
    says '^ 4  the request  *next$'

    about 'a lesson that was written, and is broken again'
    sed -i 's/^    s->in_end += got;/    s->in_end += got + 1;/' workshop/stream.c
    holds grep -q 'got + 1' workshop/stream.c
    run 0 make lesson
    says '^ 3  a stream, not packets  *next$'
    says 'All functions of lesson 3 are written, but its check does not pass yet'
}

touring() {
    about 'make debug brings a client only if it is asked to'
    run 0 make -n debug LESSON=3
    says 'CLIENT="" python3 lessons/tools/debug.py'

    about 'make debug, before the lesson is written'
    run 0 make debug LESSON=3 CLIENT=1
    says 'Lesson 3 is not written in workshop/ yet'
    says 'Reading symbols from .*/build/debug/server'
    says 'type: run'

    about 'make debug, on functions of the learner'
    write_lesson 3 stream.c
    run 0 make debug LESSON=3 CLIENT=1
    says 'Your functions, from workshop/'
    says 'file workshop/stream.c, line'
    echo 'no C' >>workshop/stream.c
    run red make debug LESSON=3
    says 'workshop/stream.c:[0-9]*:[0-9]*: error'
    says 'this must be mended first'

    about 'make debug, of no lesson that has a tour'
    run red make debug
    says 'Which lesson'
    run 0 make debug LESSON=16
    says 'there is no tour'
    holds [ -z "$(find build/tours -name 'client.*')" ]
}

# A PATH with all programs but one; a folder of programs that come before the others.
without() {
    mkdir -p "$scratch/programs"
    (IFS=:; for place in $PATH; do ln -s "$place"/* "$scratch/programs/"; done) 2>/dev/null
    rm -f "$scratch/programs/$1"
    echo "$scratch/programs"
}
instead() {
    mkdir -p "$scratch/instead"
    printf '#!/bin/sh\n%s\n' "$2" >"$scratch/instead/$1"
    chmod +x "$scratch/instead/$1"
    echo "$scratch/instead:$PATH"
}

examining() {
    doctor=lessons/tools/doctor.sh
    about 'make doctor'
    run 0 make doctor
    for thing in compiler make libmd libb64 zlib CUnit gdb tracing python3; do
        says "^$thing  *ok"
    done
    holds [ "$(awk 'length > 80' "$out" | wc -l)" = 0 ]

    about 'make doctor, if something is missing'
    for tool in gdb python3; do
        PATH=$(without $tool) run red $doctor
        says "^$tool  *missing .*make workshop-deps"
        never_says '^compiler *missing'
    done
    PATH=$(without make) run red $doctor
    says '^make  *missing'
    CC=no-compiler run red $doctor
    says '^compiler  *missing .*no-compiler'
    for library in md b64 cunit; do
        instead "cc-$library" "case \$* in *-l$library*) exit 1 ;; esac; exec cc \"\$@\"" >"$out"
        CC="$scratch/instead/cc-$library" run red $doctor
        says "^[A-Za-z]*$library.*missing\|^CUnit  *missing"
    done
    PATH=$(instead gdb 'case $* in *python*) echo 42 ;; *) echo "Operation not permitted." ;; esac') \
        run red $doctor
    says '^tracing  *missing'
    says 'SYS_PTRACE\|ptrace_scope'
    PATH=$(instead gdb 'exit 1') run red $doctor
    says '^gdb  *missing .*Python'
    rm -rf "$scratch/instead"

    about 'make doctor, if the port is taken'
    run 0 make server
    ./server --port 0 >"$out" &
    server=$!
    appears 'listening on'
    port=$(sed 's/.*:\([0-9]*\).*/\1/' "$out")
    run 0 $doctor "$port"
    says "^port $port  *note .*taken by server, process $server"
    says 'make run ARGS="--port'
    kill "$server"
    wait "$server"
    run 0 $doctor "$port"
    says "^port $port *ok"
}

for part in ${*:-making keeping checking choosing showing watching touring examining}; do
    case $part in
    touring | examining)
        sh lessons/tools/may-trace.sh || { echo "left out: $part, because gdb may not trace here"; continue; }
        ;;
    esac
    rm -rf workshop
    [ "$part" = making ] || make -s workshop LESSON=3 >"$out"
    $part
done
sum_up
