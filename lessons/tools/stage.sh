#!/bin/sh
# Writes one stage of the course into a folder: the finished code without the functions of LESSON
# and of later ones, nor FUNCTION, where one is named, and what an unwritten function needs (todo.c).
#
#     lessons/tools/stage.sh LESSON FOLDER [FUNCTION]
set -eu
cd "$(dirname "$0")/../.."
lesson=$1 folder=$2 function=${3:-}

mkdir -p "$folder"
cp stream.h handshake.h frame.h wire.h lessons/tools/todo.h lessons/tools/todo.c "$folder"
for name in server stream handshake frame wire; do
    awk -v lesson="$lesson" -v without="$function" -f lessons/tools/stage.awk "$name.c" >"$folder/$name.c"
done
