# common.sh - what debug.sh, tours.sh and doctor.sh share; each of them reads it in with "."
#
# It goes to the top folder of the project. $folder is where the learner's code is: $WORKSHOP, or
# "workshop"; "" if WORKSHOP is set but empty, or there is no such folder: then the finished code
# is meant. (learner.py says the same to the other commands.)
set -u
CDPATH= cd "$(dirname "$0")/../.." || exit
# Programs speak one language, and Python, also the one inside gdb, finds what it always finds.
export LC_ALL=C.UTF-8
unset PYTHONHOME PYTHONPATH LANGUAGE
made=build/workshop
# $last_lesson; and $last_to_write, after which lessons have nothing to write.
if command -v python3 >/dev/null || [ "${0##*/}" != doctor.sh ]; then
    lessons=$(python3 lessons/tools/course.py shell) || {
        echo 'This needs python3, 3.11 or newer: "make doctor" says more.' >&2
        [ "${0##*/}" = doctor.sh ] || exit 1
    }
    eval "$lessons"
fi

folder=${WORKSHOP-workshop}
if [ -n "${WORKSHOP:-}" ] && [ ! -d "$folder" ]; then
    echo "There is no folder $folder (WORKSHOP names it)." >&2
    exit 2
fi
[ -d "${folder:-none}" ] || folder=''

# Whether somebody looks at a terminal that can do more than show lines.
on_terminal() {
    [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]
}

# Colours, for people only, and not for those who have set NO_COLOR (no-color.org).
red='' green='' bold='' plain=''
if on_terminal && [ -z "${NO_COLOR:-}" ]; then
    escape=$(printf '\033')
    red="$escape[31m" green="$escape[32m" bold="$escape[1m" plain="$escape[0m"
fi

# The lesson that a word names, as a plain number, in $lesson; ends the command if there is no such lesson.
take_lesson() {
    lesson=${1#0}
    case $lesson in
    [1-9] | 1[0-9]) [ "$lesson" -le $last_lesson ] && return ;;
    esac
    if [ -z "$1" ]; then
        echo "Which lesson? Add its number: LESSON=3" >&2
    else
        echo "There is no lesson \"$1\": LESSON is a number from 1 to $last_lesson." >&2
    fi
    exit 2
}

# make, for what has nothing to do with the learner's code: none of the variables that were given to
# the make that started us are meant for it.
make_quietly() (
    sh lessons/tools/folder.sh $made && exec 9>"$made/lock" && flock 9 || exit
    unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL LESSON SERVER FOREIGN WORKSHOP BUILD VARIANT
    make -s --no-print-directory "$@"
)
