#!/bin/sh
# Shows that the tests catch what others have got wrong, and say what it is.
#
#     tests/mistakes.sh FOLDER [NAME]...       (make check-mistakes does)
#
# Each file of tests/mistakes/ is a mistake: one function, or two, of the finished code, as published
# servers have it. It is put in the place of the right one. Then the suite that the file names must
# fail, with the words that the file says, soon, and in order: neither by a crash of the suite nor
# because its time was up. FOLDER has the finished code's objects and suites; all is made there.
set -u
limit=60 # seconds for a suite to fail; most take a few, but that of lesson 14 waits for timeouts
wait=4   # seconds for each of its waits, fewer than usual: there is something to wait in vain for

. lessons/tools/flags.sh
# What the right version used and the wrong one does not: helpers.
flags="$language -O1 -g $warnings -Werror -Wno-unused-function -I."

not_caught() {
    {
        echo "NOT CAUGHT: $name: $1"
        [ -s "$here/log" ] && sed 's/^/    /' "$here/log"
    } >"$here/complaint"
    echo '0 1' >"$here/counts"
    exit
}

# The program, or the suite, with what the mistake has changed in the place of what it was.
build() {
    awk -v folder="$here" -f tests/mistakes/replace.awk "$file" $sources 2>"$here/log" ||
        not_caught 'its functions are not in the code'
    objects=
    for source in $sources; do
        object=$folder/${source%.c}.o
        if [ -f "$here/$source" ]; then
            object=$here/${source%.c}.o
            $CC $flags "$client" -c -o "$object" "$here/$source" 2>"$here/log" ||
                not_caught 'it does not compile without a warning'
        fi
        if [ "$source" = server.c ]; then main=$object
        else objects="$objects $object"; fi
    done
    $CC -pthread -o "$here/server" "$main" $objects $server_libraries 2>"$here/log" &&
        $CC -pthread -o "$here/suite" "$folder/tests/$suite.o" "$folder/tests/harness.a" $objects \
            $suite_libraries 2>"$here/log" || not_caught 'it does not link'
}

try_one() {
    file=$1 name=$(basename "$1" .c)
    here=$folder/$name
    mkdir -p "$here"
    rm -f "$here"/*
    suite=$(sed -n 's/^ \* Caught by: tests\/\(.*\)\.c$/\1/p' "$file")
    words=$(sed -n 's/^ \* Says: //p' "$file")
    [ -n "$words" ] && [ "${suite%%_*}" = "${name%%-*}" ] ||
        not_caught 'it must say what catches it, in a suite of its own number, and with which words'
    build
    start=$(date +%s%N)
    SERVER=$here/server FAIL_FAST=$wait timeout $limit "$here/suite" >"$here/log" 2>&1
    status=$?
    tenths=$((($(date +%s%N) - start) / 100000000))
    [ $status -ne 0 ] || not_caught "$suite passes"
    [ $status -ne 124 ] || not_caught "$suite has not failed in $limit s"
    [ $status -lt 128 ] || not_caught "$suite has crashed"
    # Names of tests that have passed are no words of a failure. A line may be broken anywhere.
    grep -v '^  \(Test: \|ok \|FAILED \)' "$here/log" | tr -s ' \r\n' '   ' | grep -qF -e "$words" ||
        not_caught "nothing says \"$words\""
    echo "caught: $name ($suite, $((tenths / 10)).$((tenths % 10)) s)"
    echo '1 0' >"$here/counts"
}

if [ "$1" = --one ]; then
    folder=$2
    try_one "$3"
    exit
fi
folder=$1
shift
rm -f "$folder"/*/counts "$folder"/*/complaint
if [ $# -gt 0 ]; then
    for name; do echo "tests/mistakes/$name.c"; done
else
    ls tests/mistakes/*.c
fi | xargs -P 2 -I '{}' sh "$0" --one "$folder" '{}'
cat "$folder"/*/complaint 2>/dev/null # at the end, so that they are seen; and their names once more
grep -h '^NOT CAUGHT' "$folder"/*/complaint 2>/dev/null
cat "$folder"/*/counts |
    awk '{p += $1; f += $2} END {print p + 0 " passed, " f + 0 " failed"; exit f > 0 || p == 0}'
