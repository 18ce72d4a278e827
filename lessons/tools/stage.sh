#!/bin/sh
# Writes one stage of the course into a folder: the finished code without the functions of LESSON
# and of later ones, nor FUNCTION, if one is named. build.sh adds what an unwritten function does.
#
#     lessons/tools/stage.sh LESSON FOLDER [FUNCTION]
set -eu
CDPATH= cd "$(dirname "$0")/../.."
. lessons/tools/flags.sh
lesson=$1 folder=$2 function=${3:-}

mkdir -p "$folder"
cp ./*.h lessons/tools/todo.h "$folder"
for source in $sources; do
    awk -v lesson="$lesson" -v without="$function" -f lessons/tools/stage.awk \
        "$source" >"$folder/$source"
done
