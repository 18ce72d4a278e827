#!/bin/sh
# Runs the wire checks against a server that was not written for them, and compares what it fails
# with the list of tests/interop/foreign.txt, which has a reason for each failure.
#
#     tests/foreign.sh FOLDER SUITE...       (make check-foreign does)
set -u

if [ "$1" = --one ]; then
    log=$2/$3.foreign
    FOREIGN='node tests/interop/foreign-ws.mjs' LEARN=list FAIL_FAST=3 timeout 100 "$2/$3" >"$log" 2>&1
    # The list's form: suite | test
    sed -n "s/^  FAILED  /$3 | /p" "$log" >"$log.failed"
    sed -n 's/^  ok      /ok /p; s/^  skipped: /skipped /p' "$log" >"$log.others"
    grep -q '^[0-9]* passed, [0-9]* failed$' "$log" ||
        echo "$3 has not come to its end: see $log" >>"$log.failed"
    exit
fi

folder=$1
shift
rm -f "$folder"/*.foreign*
printf '%s\n' "$@" | xargs -P 3 -I '{}' sh "$0" --one "$folder" '{}'
cat "$folder"/*.foreign.failed | sort >"$folder/failed.foreign"
for suite; do
    sed -n "/^$suite |/s/ | [^|]*\$//p" tests/interop/foreign.txt
done | sort >"$folder/listed.foreign"

unlisted=$(comm -23 "$folder/failed.foreign" "$folder/listed.foreign")
passing=$(comm -13 "$folder/failed.foreign" "$folder/listed.foreign")
if [ -n "$unlisted" ]; then
    echo 'A good server fails these, and tests/interop/foreign.txt has no reason:'
    echo "$unlisted" | while IFS='|' read -r suite test; do
        echo "    $suite|$test"
        grep -A 1 -F -x "  FAILED $test" "$folder/${suite% }.foreign" | sed -n '2p'
    done
fi
if [ -n "$passing" ]; then
    echo 'These are listed in tests/interop/foreign.txt, but pass now, or are gone:'
    echo "$passing" | sed 's/^/    /'
fi
passed=$(cat "$folder"/*.foreign.others | grep -c '^ok')
skipped=$(cat "$folder"/*.foreign.others | grep -c '^skipped')
wrong=$(printf '%s\n%s\n' "$unlisted" "$passing" | grep -c .)
failed=$(wc -l <"$folder/failed.foreign")
echo "ws passes $passed tests, fails $failed, each with a reason in the list; $skipped need this server"
echo "$passed passed, $wrong failed"
[ "$wrong" = 0 ] && [ "$passed" -gt 0 ]
