#!/bin/sh
# Runs suites side by side and prints the result of each in a line, and of a failed one everything.
#
#     tests/run.sh FOLDER SUITE...       (make check does)
#
# $NOT_RANDOM is a command that starts each of them: see the Makefile.
set -u

if [ "$1" = --one ]; then
    suite=$2 log=$2.log
    ${NOT_RANDOM:-} "$suite" >"$log" 2>&1
    status=$?
    # CUnit's summary: total, run, passed, failed
    tests=$(awk '$1 == "tests" {print $4, $5}' "$log")
    asserted=$(awk '$1 == "asserts" {print $3}' "$log")
    if [ $status = 0 ] && [ -n "$tests" ] && ! grep -q 'Sanitizer' "$log"; then
        echo "passed: ${suite##*/} (${tests% *} tests, $asserted assertions)"
    else
        cat "$log"
        echo "FAILED: ${suite##*/} (status $status, log in $log)"
        [ "${tests#* }" = 0 ] && tests="${tests% *} 1"
    fi
    echo "${tests:-0 1}" >"$log.counts"
    exit
fi

folder=$1
shift
rm -f "$folder"/*.counts
# The last suites wait most: they begin first.
printf '%s\n' "$@" | sort -r | xargs -P 4 -I '{}' sh "$0" --one "$folder/{}"
cat "$folder"/*.counts |
    awk '{p += $1; f += $2} END {print p + 0 " passed, " f + 0 " failed"; exit f > 0 || p == 0}'
