#!/bin/sh
# Checks a lesson: builds the learner's code and runs the lesson's suite against it. The exit status
# says whether it has passed.
#
#     make check LESSON=7                         the code in workshop/, or the finished one
#     make check LESSON=7 WORKSHOP=               the finished code in any case
#     SERVER="node my.js" make check LESSON=8     any other program, started by sh with $PORT set
#
#     lessons/tools/check.sh 7                    FOREIGN is the other program, WORKSHOP the folder
. "$(dirname "$0")/common.sh"

# Says what is checked, and builds it.
prepare_server() {
    if [ -n "${FOREIGN:-}" ]; then
        echo "Checking another program: $FOREIGN"
        unset SERVER
    elif [ -n "$folder" ]; then
        echo "Checking your code, in $folder/"
        SERVER=$made/server
        build_server
    else
        echo "Checking the finished code${WORKSHOP-, because there is no workshop/ yet (make workshop)}"
        SERVER=./server
        make_quietly server
    fi
}

# Builds the suite: with the learner's code if it calls some of that.
prepare_suite() {
    program=build/release/tests/$suite
    if [ -n "$folder" ] && [ -z "${FOREIGN:-}" ] && includes_code "$suite"; then
        program=$made/$suite
        make_quietly build/release/tests/harness.a || return
        build "$suite" "$suite" || tell_failed_build "$suite" # warnings were shown with the server
    else
        make_quietly "$program"
    fi
}

indented() {
    sed 's/^/    /'
}

# Says what is not written yet: a failure is no surprise then.
tell_unwritten() {
    first=$(first_unwritten)
    missing=$(unwritten_functions "$lesson")
    if [ "$first" -lt "$lesson" ]; then
        printf '\nLesson %s comes first. Not written yet:\n' "$first"
        unwritten_functions "$first" | indented
    fi
    if [ -n "$missing" ] && ! lesson_functions "$lesson" | grep -qv 'unwritten$'; then
        printf '\nNothing of lesson %s is written yet, so red is expected. Step 1 is\n' "$lesson"
        echo "$missing" | head -n 1 | indented
    elif [ -n "$missing" ]; then
        printf '\nNot written yet:\n'
        echo "$missing" | indented
    fi
}

# The lesson up to which the program is written, which decides what can be asked of it. Another program
# is taken for a finished one.
written_up_to() {
    if [ -n "${FOREIGN:-}" ] || [ -z "$folder" ]; then
        echo $last_to_write
    elif [ "$first" -le "$lesson" ]; then
        echo "$lesson"
    else
        echo $((first - 1))
    fi
}

# The suites of earlier lessons that hold tests of this one: its functions are called there.
earlier_suites() {
    for earlier in $(seq 1 $((lesson - 1))); do
        name=$(lesson_suite "$earlier")
        [ -z "$name" ] || ! tr '\n' ' ' <"tests/$name.c" |
            grep -q "{\"[^{}]*\", *[a-z_0-9]*, $lesson,[^{}]*}" || echo "$name"
    done
}

# Runs those too, now that this lesson's own has passed; only one that fails is shown. Not where all
# lessons are checked anyway (ALONE).
check_earlier() {
    [ -z "${FOREIGN:-}" ] && [ -n "$folder" ] && [ -z "${ALONE:-}" ] && [ "$first" -gt "$lesson" ] ||
        return 0
    for suite in $(earlier_suites); do
        prepare_suite || return
        PASSED_LESSON=$lesson "$program" >"$made/earlier.log" 2>&1 && continue
        printf '\nIts tests in an earlier lesson:\n\n'
        cat "$made/earlier.log"
        return 1
    done
}

# What is next: the lesson after this one, if that is what is to be written. Another one is named.
tell_what_follows() {
    if [ "$first" -eq $((lesson + 1)) ]; then
        printf '\nNext: '
        tell_next "$first"
    elif [ "$first" -gt $last_to_write ]; then
        printf '\nNothing is left to write: make lesson says which of the other lessons pass.\n'
    else
        printf '\nAll before lesson %s is written: make lesson says which lessons pass.\nTo be written: ' \
            "$first"
        tell_next "$first"
    fi
}

tell_passed() {
    printf '\n%sLesson %s passes.%s\n' "$green" "$lesson" "$plain"
    [ -z "${FOREIGN:-}" ] && [ -n "$folder" ] || return 0
    echo "$code" >"$made/$lesson.passed"
    [ "$first" -gt "$lesson" ] || return 0
    echo "    compare with the finished code: make solution LESSON=$lesson"
    tell_what_follows
}

tell_failed() {
    printf '\n%sLesson %s does not pass yet.%s' "$red" "$lesson" "$plain"
    [ "$1" -le 128 ] || printf ' The check was ended by signal %s.' $(($1 - 128))
    text=$(lesson_text "$lesson")
    printf '\n%s' "${text:+    read    $text
}"
}

take_lesson "${1:-}"
suite=$(lesson_suite "$lesson")
echo "${bold}Lesson $lesson: $(lesson_title "$lesson")$plain"
if [ -z "$suite" ]; then
    echo "There is no check: there is nothing to write in this lesson."
    exit 0
fi
if [ -n "${FOREIGN:-}" ] && calls_functions "$lesson"; then
    echo "This check cannot test another program: it calls the lesson's functions, because nothing on"
    echo "the wire shows them yet. Those of the other lessons (all but 3, 4, 7 and 9) can."
    exit 2
fi
code=$([ -z "$folder" ] || fingerprint) # as it is now: it may be changed while it is checked
prepare_server && prepare_suite || exit 1
[ -n "${FOREIGN:-}" ] || [ -z "$folder" ] || tell_unwritten
echo
LESSON=$(written_up_to)
export LESSON LEARN=1 FAIL_FAST="${FAIL_FAST:-4}" WORKSHOP="$folder" SERVER
"$program" 2>&1
status=$?
if [ $status = 0 ] && check_earlier; then
    tell_passed
    exit 0
fi
tell_failed $status
exit 1
