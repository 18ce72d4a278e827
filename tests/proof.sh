#!/bin/sh
# Shows that the lessons' checks see what is written, and what is not.
#
#     tests/proof.sh FOLDER [FUNCTION]...       (make check-proof does)
#
# The finished code passes all of them. Stage N of the course has lessons 1 to N-1: the checks of these
# lessons pass, and that of lesson N fails. Then each function that a learner writes is left out, alone,
# of the finished code, and again of the stage in which its lesson is the last: its lesson's check must
# fail. It fails as it should if it says what it wants, or that the lesson is not written; if it crashes,
# or its time is up, or the server crashes, it does not help anybody. With names of functions:
# only these are left out, and what is said is shown. FOLDER has the suites; all is made there.
set -u
export CC="${CC:-cc}"
limit=60 # seconds for a check to fail; most take a few, but that of lesson 14 waits for timeouts
wait=4   # seconds for each of its waits then: there is something to wait in vain for

. lessons/tools/flags.sh
# What is missing leaves other things unused; make check-stages looks at the other warnings.
flags="$language -O0 -g -w -Ilessons/tools"
parts=$(echo "$sources" | sed 's/\.c//g')

# Says what is not right, and what was printed; all of it again at the end, so that it is seen.
not_right() {
    echo "NOT RIGHT: $1" >>"$here/complaint"
    [ -s "$log" ] && sed 's/^/    /' "$log" >>"$here/complaint"
    echo '0 1' >>"$here/counts"
}

right() {
    echo '1 0' >>"$here/counts"
}

# Compiles a file of the server from the folder that it was written to, or todo.c.
compile() {
    # shellcheck disable=SC2086
    $CC $flags -I"$here" "$client" -c -o "$here/$(basename "$1" .c).o" "$1" 2>"$log"
}

# Links what was compiled here, and what was not, from a stage.
link() {
    output=$1
    shift
    for part in $parts todo; do
        [ "$output" = check ] && [ "$part" = server ] && continue
        if [ -f "$here/$part.o" ]; then set -- "$@" "$here/$part.o"
        else set -- "$@" "$base/$part.o"; fi
    done
    # shellcheck disable=SC2086
    $CC -pthread $wrapped -o "$here/$output" "$@" $suite_libraries 2>"$log"
}

link_check() {
    link check "$folder/tests/$(printf %02d "$1")"_*.o "$folder/tests/harness.a"
}

# A check that must pass, with the lessons up to this one. The finished code has as little time for each
# wait as what must fail has: else it might be the time alone that makes it fail.
passes() {
    if LESSON=$2 SERVER=$server FAIL_FAST=$3 timeout 120 "$here/check" >"$log" 2>&1; then right
    else not_right "the check of lesson $1 must pass when lessons 1 to $2 are written"; fi
}

# A check that must fail, and say why.
fails() {
    LESSON=$2 SERVER=$server FAIL_FAST=$wait timeout $limit "$here/check" >"$log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then not_right "$3: the check of lesson $1 passes"
    elif [ $status -eq 124 ]; then not_right "$3: the check of lesson $1 has not failed in $limit s"
    elif [ $status -ge 128 ]; then not_right "$3: the check of lesson $1 has crashed"
    elif grep -q 'took too long\|killed by signal' "$log"; then not_right "$3: not by its own words"
    elif ! grep -q "lesson $1 is yours to write\|^In \".*\": [a-zA-Z]" "$log"; then
        not_right "$3: the check of lesson $1 does not say why"
    else right; fi
}

# ---- what runs side by side: each has a folder of its own, $here ----

build_stage() {
    sh lessons/tools/stage.sh "$1" "$here"
    [ "$1" -gt 14 ] || flags="$flags -DFIRST_UNWRITTEN=$1" # what a rejection names
    for file in "$here"/*.c lessons/tools/todo.c; do
        compile "$file" || { not_right "stage $1 does not compile"; return; }
    done
    link server || not_right "stage $1 does not link"
}

# One check, on one stage.
try_check() {
    stage=$1 lesson=$2
    base=$folder/stage-$stage server=$folder/stage-$stage/server
    if ! link_check "$lesson"; then not_right "check $lesson does not link with stage $stage"
    elif [ "$stage" -gt 14 ]; then passes "$lesson" 14 $wait
    elif [ "$lesson" -lt "$stage" ]; then passes "$lesson" $((stage - 1)) 10
    else fails "$lesson" "$lesson" "stage $stage"; fi
}

# One function left out: its file is another than that of the stage, and compiled anew.
try_without() {
    name=$1 lesson=$2 stage=$3 up_to=$4
    base=$folder/stage-$stage server=$here/server
    sh lessons/tools/stage.sh "$stage" "$here" "$name"
    for file in "$here"/*.c; do
        if cmp -s "$file" "$base/${file##*/}"; then rm "$file"
        else compile "$file" || { not_right "without $name it does not compile"; return; }; fi
    done
    cp "$folder/todo-$lesson.o" "$here/todo.o"
    if ! link server || ! link_check "$lesson"; then
        not_right "without $name it does not link"
        return
    fi
    start=$(date +%s%N)
    fails "$lesson" "$up_to" "without $name, all others written up to lesson $up_to"
    echo "$((($(date +%s%N) - start) / 1000000)) $name" >"$here/time"
    [ "$quiet" = 1 ] || { echo "without $name, lessons 1 to $up_to:"; cat "$log"; }
}

if [ "$1" = --one ]; then
    folder=$2 quiet=$3 what=$4
    shift 4
    here=$folder/${what#*_} # such as stage-7, check-7-6, without-publish-13-99-14
    for word; do here=$here-$word; done
    log=$here/log
    mkdir -p "$here"
    "$what" "$@"
    exit
fi

# The functions that a learner writes, each with its lesson: those of stage 1 that are not written.
list_functions() {
    awk '/^[a-z].*\(/ {match($0, /[a-z_0-9]+\(/); name = substr($0, RSTART, RLENGTH - 1)}
        sub(/^    TODO(_LATER)?\(/, "") {print name, $0 + 0}' "$folder"/stage-1/*.c
}

# What there is to do, in words for --one; what takes longest comes first.
list_checks() {
    for lesson in 14 13 12 11 10 9 8 7 6 5 4 3 2 1; do
        for stage in 99 14 13 12 11 10 9 8 7 6 5 4 3 2 1; do
            [ $stage -lt $lesson ] || echo try_check $stage $lesson
        done
    done
}
list_without() {
    while read -r name lesson; do
        echo try_without "$name" "$lesson" 99 14
        [ "$lesson" -gt 13 ] || echo try_without "$name" "$lesson" $((lesson + 1)) "$lesson"
    done
}

side_by_side() {
    sed "s|^|$folder $quiet |" | xargs -L 1 -P 4 sh "$0" --one # most of the time they wait
}

folder=$1
shift
rm -rf "$folder"/stage-* "$folder"/check-* "$folder"/without-*
quiet=1
for stage in 99 14 13 12 11 10 9 8 7 6 5 4 3 2 1; do echo build_stage $stage; done | side_by_side
for lesson in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
    cp "$folder/stage-$lesson/todo.o" "$folder/todo-$lesson.o"
done
if [ $# -eq 0 ]; then
    { list_checks; list_functions | list_without; } | side_by_side
else
    quiet=0
    for name; do list_functions | grep "^$name "; done | list_without | side_by_side
fi
cat "$folder"/*/complaint 2>/dev/null # at the end, so that they are seen
sort -rn "$folder"/without-*/time | awk 'NR == 1 {ms = $1; name = $2} {seen[$2]} END {
    for (name_of in seen) n++
    printf "%d functions left out, one at a time: seen in %.1f s at most (%s)\n", n, ms / 1000, name}'
cat "$folder"/*/counts |
    awk '{p += $1; f += $2} END {print p + 0 " passed, " f + 0 " failed"; exit f > 0 || p == 0}'
