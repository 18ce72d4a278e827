#!/bin/sh
# Plays the debugger tours with nobody at the keyboard, and prints what they show, writes it into the
# lessons, or compares it with what they say.
#
#     lessons/tools/tours.sh print|update|check [LESSON...]    without LESSON: all that have a tour
#
# A lesson shows its tour in the one block that begins with ```gdb, in its README's section "Step
# through it". build/tours keeps what was played.
. "$(dirname "$0")/common.sh"
set -e
what=$1
shift
played_in=build/tours
mkdir -p "$played_in"

# Prints the block ("show"), or the README with another one in its place ("replace", from `file`).
block='
/^## / { here = /^## Step through it *$/ }
/^```gdb *$/ && here {
    count++
    inside = 1
    if (want == "replace") {
        print
        while ((getline line <file) > 0)
            print line
    }
}
want == "replace" && (!inside || /^``` *$/) { print }
want == "show" && inside && !/^```/ { print }
/^``` *$/ { inside = 0 }
END { exit count == 1 ? 0 : 3 }'

has_one_block() {
    [ -e "$1" ] || { echo "tours: $1 is missing"; return 1; }
    awk -v want=none "$block" "$1" ||
        { echo "tours: $1 must have one \`\`\`gdb block in its section \"Step through it\""; return 1; }
}

show() { # LESSON README TRANSCRIPT
    case $what in
    print)
        echo "---- lesson $1 ----"
        cat "$3"
        ;;
    update)
        has_one_block "$2" || return 1
        awk -v want=replace -v file="$3" "$block" "$2" >"$3.readme"
        cmp -s "$3.readme" "$2" || { cat "$3.readme" >"$2"; echo "$2: the tour's transcript is new"; }
        rm "$3.readme"
        ;;
    check)
        has_one_block "$2" || return 1
        awk -v want=show "$block" "$2" |
            diff -u --label "$2, what it says" --label "what the tour shows now" - "$3" && return
        echo "tours: the transcript in $2 is not what the tour shows. If the tour is right:" \
            "make tours UPDATE=1"
        return 1
        ;;
    esac
}

play() { # LESSON WORKSHOP
    readme=$(echo lessons/"$(printf %02d "$1")"-*)/README.md
    played=$((played + 1))
    LESSON=$1 TRANSCRIPT=$PWD/$played_in/$1 WORKSHOP=$2 sh lessons/tools/debug.sh &&
        show "$1" "$readme" "$played_in/$1" || failed=$((failed + 1))
}

all=
[ $# -gt 0 ] || { all=yes && set -- $(seq "$last_to_write"); }
failed=0 played=0
for lesson; do
    play "$lesson" ''
done
# One on a workshop that is written to lesson 3: the rest is the finished code's.
if [ "$what" = check ] && [ -n "$all" ]; then
    python3 lessons/tools/functions.py stage 4 "$played_in/workshop"
    play 3 "$played_in/workshop"
fi
[ "$failed" = 0 ] || { echo "tours: $failed of $played failed"; exit 1; }
[ "$what" = print ] || echo "$played tours played to their ends, and the lessons show them as they are"
