#!/bin/sh
# Prints the way through the lessons, a line each: done, next (with its functions), or not yet. The
# checks of all lessons up to the learner's are run for that.
#
#     make lesson
. "$(dirname "$0")/common.sh"
need_folder

# "    receive           not written yet  workshop/stream.c:238"
tell_functions() {
    lesson_functions "$1" | awk -F '\t' -v green="$green" -v red="$red" -v plain="$plain" '
        $5 == "written" { printf "      %-22s %swritten%s          %s:%s\n", $2, green, plain, $3, $4 }
        $5 == "unwritten" { printf "      %-22s %snot written yet%s  %s:%s\n", $2, red, plain, $3, $4 }
        $5 == "gone" { printf "      %-22s not there any more\n", $2 }'
}

tell_line() {
    printf '%2s  %s%-45s%s %s\n' "$1" "$2" "$(lesson_title "$1")" "$plain" "$3"
}

find_place || exit 1
for number in $(seq 1 $last_lesson); do
    if [ "$number" -lt "$at" ]; then
        tell_line "$number" "$green" done
    elif [ "$number" -gt $last_to_write ]; then
        tell_line "$number" '' 'nothing to write'
    elif [ "$number" -gt "$at" ]; then
        tell_line "$number" '' 'not yet'
    else
        tell_line "$number" "$bold" next
        tell_functions "$number"
    fi
done
echo
if [ -z "$(unwritten_functions "$at")" ] && [ "$at" -le $last_to_write ]; then
    echo "All functions of lesson $at are written, but its check does not pass yet."
fi
tell_next "$at"
