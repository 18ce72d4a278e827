# common.sh - what the workshop's commands share; each of them reads it in with "."
#
# It goes to the top folder of the project. $folder is where the learner's code is: $WORKSHOP, or
# "workshop"; "" if WORKSHOP is set but empty, or there is no such folder: then the finished code
# is meant. What is made from it goes to build/workshop.
set -u
CDPATH= cd "$(dirname "$0")/../.." || exit
. lessons/tools/flags.sh
made=build/workshop
last_to_write=14 # the lessons after it have nothing to write
last_lesson=16

folder=${WORKSHOP-workshop}
if [ -n "${WORKSHOP:-}" ] && [ ! -d "$folder" ]; then
    echo "There is no folder $folder (WORKSHOP names it)." >&2
    exit 2
fi
[ -d "${folder:-none}" ] || folder=''

# Ends the command if there is no code of the learner's.
need_folder() {
    [ -z "$folder" ] || return 0
    echo "There is no workshop/ yet: make workshop begins with lesson 1,"
    echo "make workshop LESSON=7 with lesson 7."
    exit 1
} >&2

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

# A lesson's text, and its suite (03_stream); "": there is none.
lesson_text() {
    for found in "lessons/$(printf %02d "$1")"-*/README.md; do
        [ ! -f "$found" ] || echo "$found"
    done
}

lesson_suite() {
    for found in "tests/$(printf %02d "$1")"_*.c; do
        [ -f "$found" ] && [ "$1" -le $last_to_write ] && basename "$found" .c
    done
}

# "a stream, not packets": from the title of the lesson's text, or the name of its suite.
lesson_title() {
    text=$(lesson_text "$1")
    [ -z "$text" ] || sed -n '1s/^# Lesson [0-9]*: //p' "$text"
    suite=$(lesson_suite "$1")
    [ -n "$text" ] || [ -z "$suite" ] ||
        sed -n 's/.*run_suite("[0-9]* \([^"]*\)".*/\1/p' "tests/$suite.c"
}

# Whether a lesson's suite calls the learner's functions; the others only talk to a server.
calls_functions() {
    case $1 in 3 | 4 | 7 | 9) ;; *) false ;; esac
}

# Whether a suite is built with the learner's code: it includes one of its headers.
includes_code() {
    for header in *.h; do
        ! grep -q "^#include \"$header\"" "tests/$1.c" || return 0
    done
    return 1
}

# All functions that the lessons have people write, as functions.awk lists them: lesson, name, file,
# line, state, as things are in the learner's folder. If it is not there by its name any more,
# the state is "gone", and the file and line are the finished code's.
all_functions() {
    {
        # shellcheck disable=SC2086
        awk -f lessons/tools/functions.awk $sources
        [ -z "$folder" ] || for file in $sources; do # a copy that lies beside them is not asked
            [ ! -f "$folder/$file" ] || awk -f lessons/tools/functions.awk "$folder/$file"
        done
    } | awk -F '\t' -v OFS='\t' -v learner="$folder" '
        $3 !~ /\// && $1 > 0 && $5 != "provided" { name[++n] = $2; lesson[n] = $1; row[$2] = $3 OFS $4 }
        $3 !~ /\// { next }
        { found[$2] = $3 OFS $4 OFS $5 }
        END {
            for (i = 1; i <= n; i++) {
                state = learner == "" ? "written" : "gone"
                print lesson[i], name[i], (name[i] in found ? found[name[i]] : row[name[i]] OFS state)
            }
        }'
}

# The same of one lesson, in the order in which its text has them written.
lesson_functions() {
    all_functions | awk -F '\t' -v lesson="$1" -v text="$(lesson_text "$1")" '
        $1 == lesson { name[++n] = $2; row[n] = $0 }
        END {
            while (text != "" && (getline line <text) > 0) {
                if (line ~ /^## /)
                    writing = line == "## Write it"
                for (i = 1; writing && i <= n; i++)
                    if (!printed[i] && index(line, "`" name[i] "`")) {
                        print row[i]
                        printed[i] = 1
                    }
            }
            for (i = 1; i <= n; i++)
                if (!printed[i])
                    print row[i]
        }'
}

# Those of lesson_functions that are not written, for people: "workshop/stream.c:238  receive".
unwritten_functions() {
    lesson_functions "$1" | awk -F '\t' '$5 == "unwritten" { print $3 ":" $4 "  " $2 }'
}

# The first lesson that has an unwritten function; one more than the last if there is none.
first_unwritten() {
    all_functions | awk -F '\t' -v first=$((last_to_write + 1)) '
        $5 == "unwritten" && $1 < first { first = $1 }
        END { print first }'
}

# What to do in a lesson: the function, the text, the check.
tell_next() {
    step=$(unwritten_functions "$1" | head -n 1)
    text=$(lesson_text "$1")
    if [ "$1" -gt $last_to_write ]; then
        echo "All lessons that have something to write are written."
        [ -z "$(lesson_text 15)" ] || echo "    read    $(lesson_text 15)"
        return
    fi
    echo "${bold}Lesson $1: $(lesson_title "$1")$plain"
    [ -z "$text" ] || echo "    read    $text"
    [ -z "$step" ] || echo "    write   ${step##*  }, in ${step%%  *}"
    echo "    check   make check LESSON=$1"
}

# ---- building ----

# What a build of the learner's code, and of the suites, is made of. If it is the same as it was,
# what was made is still good. The project's place is part of it: the programs hold names of its files.
fingerprint() {
    echo "${CC:-cc} ${CFLAGS:-} $PWD"
    cat "$folder"/*.[ch] lessons/tools/build.sh lessons/tools/flags.sh lessons/tools/*.[ch] \
        tests/*.[ch] | cksum
}

# Checks may run at the same time, and need the same programs: one builds, and the others wait for
# it. The turn ends with the shell that has taken it.
take_turn() {
    sh lessons/tools/folder.sh $made && exec 9>"$made/lock" && flock 9
}

# Builds the server, or a suite that calls functions, into $made/NAME, from the learner's code. The
# compiler's words are in $made/NAME.said. Fails if the compiler does.
build() (
    take_turn || exit
    fingerprint >"$made/$1.now"
    cmp -s "$made/$1.now" "$made/$1.of" && [ -x "$made/$1" ] && exit
    rm -f "$made/$1.of"
    sh lessons/tools/build.sh "$folder" "$made/$1.new" ${2:+"$2"} \
        >"$made/$1.said" 2>&1 || exit
    mv "$made/$1.new" "$made/$1" && mv "$made/$1.now" "$made/$1.of"
)

# The lesson and the function that a line of a file belongs to: "9 check_rules", from the nearest
# comment and the nearest function's name above the line.
lesson_at() {
    name=$(awk -f lessons/tools/functions.awk "$1" |
        awk -F '\t' -v line="$2" '$5 != "unwritten" && $4 <= line { name = $2 } END { print name }')
    awk -v line="$2" -v name="$name" '
        /^\/\* Lesson [0-9]+[.,] / && NR <= line { lesson = $3 + 0 }
        END { if (lesson) print lesson " " name }' "$1"
}

# Says to which function the first error of the compiler belongs.
tell_error() {
    headers='sha1\|b64/[a-z]*\|CUnit/[A-Za-z]*\|stdio\|stdlib\|string\|errno'
    place=$(grep 'error:\|undefined reference\|multiple definition' "$1" |
        sed -n "s|^.*\($folder/[^/:]*\):\([0-9]*\):.*|\1 \2|p" | head -n 1)
    file=${place%% *} line=${place##* }
    at=$([ -z "$place" ] || lesson_at "$file" "$line")
    lost=$(sed -n 's/.*undefined reference to [^A-Za-z_]*\([A-Za-z_0-9]*\).*/\1/p' "$1" | head -n 1)
    echo
    if grep -q -e 'cannot find -l' -e "error: \($headers\)\.h: No such" -e ': not found$' "$1"; then
        echo "${red}Something that is needed is missing:$plain make doctor says what, and how to get it."
    elif [ -n "$lost" ]; then
        of=$(all_functions | awk -F '\t' -v name="$lost" '$2 == name { print " (lesson " $1 ")" }')
        echo "${red}It does not compile.$plain Nothing defines $lost$of, which is called."
    elif [ -n "$at" ]; then
        echo "${red}It does not compile.$plain The first error is at $file:$line," \
            "in ${at##* }: lesson ${at%% *}."
    else
        echo "${red}It does not compile:$plain the compiler says why, above."
    fi
}

tell_failed_build() {
    cat "$made/$1.said"
    tell_error "$made/$1.said"
    false
}

# Builds the learner's server and shows what the compiler says; fails if it does not compile.
build_server() {
    sh lessons/tools/folder.sh $made || exit
    build server || tell_failed_build server || return
    cat "$made/server.said"
}

# Whether the lesson's check has passed on the very code that is there now.
passed_before() {
    fingerprint | cmp -s - "$made/$1.passed"
}

# Runs a lesson's check, and keeps what it says.
check_quietly() {
    ALONE=1 sh lessons/tools/check.sh "$1" >"$made/$1.log" 2>&1
}

# Checks all lessons up to the learner's, several at a time. $at is then the first one that has an
# unwritten function or whose check fails; one more than the last if all is done. What fails is
# checked once more alone: a slow machine is no mistake. Fails if the code does not compile.
find_place() {
    build_server || return
    due=$(seq 1 $(($(first_unwritten) - 1)) |
        while read -r at; do passed_before "$at" || echo "$at"; done)
    if [ -n "$due" ]; then
        echo "Checking what is written ..."
        echo "$due" | sort -rn |
            xargs -P 4 -I '{}' sh -c 'ALONE=1 sh lessons/tools/check.sh {} >"$0/{}.log" 2>&1' $made
    fi
    at=1
    while [ $at -lt "$(first_unwritten)" ] && { passed_before $at || check_quietly $at; }; do
        at=$((at + 1))
    done
}

# make, for what has nothing to do with the learner's code: none of the variables that were given to
# the make that started us are meant for it.
make_quietly() (
    take_turn || exit
    unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL LESSON SERVER FOREIGN WORKSHOP BUILD VARIANT
    make -s --no-print-directory "$@"
)
