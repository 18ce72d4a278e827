#!/bin/sh
# Prints the functions of a lesson as the finished code has them, once the lesson's check passes on
# the learner's code.
#
#     make solution LESSON=7
#     make solution LESSON=7 FORCE=1     even if it does not pass
. "$(dirname "$0")/common.sh"
take_lesson "${1:-}"
if [ "$lesson" -gt $last_to_write ]; then
    echo "There is nothing to write in lesson $lesson."
    exit 0
fi
if [ -z "${FORCE:-}" ]; then
    need_folder
    passed_before "$lesson" || check_quietly "$lesson" || {
        echo "Lesson $lesson does not pass yet: make check LESSON=$lesson says why."
        echo "Its solution is shown when it does, or with FORCE=1:  make solution LESSON=$lesson FORCE=1"
        exit 1
    }
fi
folder='' # the finished code
tab=$(printf '\t')
shown=''
lesson_functions "$lesson" | while IFS=$tab read -r _ name file _; do
    [ "$file" = "$shown" ] || printf '%s/* ---- %s ---- */%s\n\n' "$bold" "$file" "$plain"
    shown=$file
    awk -v wanted="$name" -f lessons/tools/show.awk "$file"
    echo
done
