#!/bin/sh
# Fuzzes each target for a time, after all inputs that are kept: the corpus, which seeds.py writes, and
# what once failed.
#
#     tests/fuzz/run.sh FOLDER SECONDS TARGET...       (make fuzz and make check-fuzz do)
#
# FOLDER holds the targets' programs. New inputs that reach new code gather in FOLDER/corpus/TARGET, and
# the next run goes on from there. An input that fails stays in FOLDER/failed/TARGET.
set -u

# Seconds for one input, which takes milliseconds; so many that no busy machine is taken for a hang.
input_seconds=60

tell_failure() { # folder, target, what has failed
    sed -n '/^wrong: /p; /ERROR: /p; /runtime error/p; /^SUMMARY/p' "$2.log"
    echo "FAILED: $2: $3 (log in $1/$2.log)"
    for input in "failed/$2"/*; do
        [ -e "$input" ] || continue
        echo "    replay it:  $1/$2 $1/$input"
        echo "    keep it:    cp $1/$input tests/fuzz/crashes/$2/"
    done
}

if [ "$1" = --one ]; then
    folder=$2 seconds=$3 target=$4 tests=$PWD/tests/fuzz
    cd "$folder" || exit
    mkdir -p "corpus/$target" "failed/$target"
    rm -f "failed/$target"/*
    set -- "$tests/corpus/$target"/* "$tests/crashes/$target"/*
    if ! "./$target" -timeout=$input_seconds "$@" >"$target.log" 2>&1; then
        cp "$(sed -n 's/^Running: //p' "$target.log" | tail -n 1)" "failed/$target/"
        tell_failure "$folder" "$target" "a kept input"
        echo "0 1" >"$target.counts"
        exit
    fi
    echo "passed: $target, $# kept inputs"
    if ! "./$target" -max_total_time="$seconds" -timeout=$input_seconds -print_final_stats=1 \
        -artifact_prefix="failed/$target/" "corpus/$target" "$tests/corpus/$target" \
        "$tests/crashes/$target" >"$target.log" 2>&1; then
        tell_failure "$folder" "$target" "an input that the fuzzer has made"
        echo "$# 1" >"$target.counts"
        exit
    fi
    awk -v target="$target" '
        /^INFO: Loaded .* inline 8-bit counters/ { all = $0; sub(/.*\(/, "", all); sub(/ .*/, "", all) }
        { for (i = 1; i < NF; i++) if ($i == "cov:") covered = $(i + 1) }
        /^Done / { runs = $2; time = $5 }
        END { printf "passed: %s, %d executions in %d s, coverage: %d of %d places\n",
                     target, runs, time, covered, all }' "$target.log"
    echo "$(($# + 1)) 0" >"$target.counts"
    exit
fi

folder=$1 seconds=$2
shift 2
rm -f "$folder"/*.counts
# Two at a time: more would only share the same cores.
printf '%s\n' "$@" | xargs -P 2 -I '{}' "$0" --one "$folder" "$seconds" '{}'
cat "$folder"/*.counts |
    awk -v targets=$# '{p += $1; f += $2}
        END {print p + 0 " passed, " f + 0 " failed"; exit f > 0 || NR < targets}'
