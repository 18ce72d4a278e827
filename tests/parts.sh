#!/bin/sh
# Runs parts of the tests side by side: two at a time, because most of them wait more than they work. Says
# of each what it has said last, and of one that fails, everything; after that, no other begins.
#
#     tests/parts.sh check-clang check-proof ...       (make test does)
set -u

if [ "$1" = --one ]; then
    part=$2 log=build/parts/$2.log
    start=$(date +%s)
    if make --no-print-directory "$part" >"$log" 2>&1; then
        # the figures are in the last lines that have some
        figures=$(grep -E '[0-9]+ passed|^[0-9]+ ' "$log" | grep -v 'warnings generated' | tail -n 1)
        echo "passed: $part, $(($(date +%s) - start)) s${figures:+: $figures}"
        exit 0
    fi
    cat "$log"
    echo "FAILED: $part (log in $log)"
    exit 255 # ends xargs
fi

mkdir -p build/parts
printf '%s\n' "$@" | xargs -P 2 -I '{}' sh "$0" --one '{}'
