#!/bin/sh
# Writes how each C file is compiled, for editors and for clang-tidy. No flag is written down here: make
# says what it would run for the targets, and build.sh what it does with lessons/tools and workshop/.
#
#     lessons/tools/compile-commands.sh FILE TARGET...      (make compile_commands.json does)
set -eu
CDPATH= cd "$(dirname "$0")/../.."
file=$1
shift
folder=${WORKSHOP:-workshop}
sh lessons/tools/folder.sh build
work=$(mktemp -d build/commands.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export PWD

json='
function quoted(text) { gsub(/[\\"]/, "\\\\&", text); return "\"" text "\"" }
function begin(file)
{
    printf "{\"directory\": %s, \"file\": %s, ", quoted(ENVIRON["PWD"]), quoted(file)
}'

# What make prints: a compiler and its arguments in a line, with the source at the end; behind that at
# most what happens when it fails. Without -Werror: clangd leaves out the bodies of functions that stand
# in included files, would take what they call for unused, and give up after twenty such errors.
made_by_make() { # TARGET...
    ${MAKE:-make} -nB --no-print-directory V=1 LESSON= "$@" >"$work/said"
    awk "$json"'
        { sub(/ \|\| .*/, ""); gsub(/ -Werror /, " ") }
        $NF ~ /\.c$/ { begin($NF); printf "\"command\": %s}\n", quoted($0) }' "$work/said"
}

# build.sh takes a folder's files, and more, in one command. Its compiler is printf here, which gives
# back what it is told, an argument a line. Those of the files that are in PLACE are wanted.
made_by_build() { # FOLDER PLACE
    CC='printf %s\n' sh lessons/tools/build.sh "$1" none 2>/dev/null | awk -v place="$2/" "$json"'
        $0 == "-o" { getline; next }
        /^-(l|Wl,)/ { next }
        !/\.c$/ { flags = flags quoted($0) ", "; next }
        index($0, place) == 1 { files[++n] = $0 }
        END {
            for (i = 1; i <= n; i++) {
                begin(files[i])
                printf "\"arguments\": [\"cc\", %s\"-c\", %s]}\n", flags, quoted(files[i])
            }
        }'
}

{
    made_by_make "$@"
    made_by_build . lessons/tools
    [ ! -e "$folder/server.c" ] || made_by_build "$folder" "$folder"
} >"$work/entries"
sed '1s/^/[/; $!s/$/,/; $s/$/]/' "$work/entries" >"$work/all"
# An editor reads the file again when it has changed, so it is left alone where nothing has.
cmp -s "$work/all" "$file" || cp "$work/all" "$file"
