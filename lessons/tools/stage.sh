#!/bin/sh
# Writes one stage of the course into a folder: the finished code without the functions of LESSON
# and of later ones, and what an unwritten function needs (todo.c).
#
#     lessons/tools/stage.sh LESSON FOLDER
#     lessons/tools/stage.sh FUNCTION FOLDER       all is written but this one function
set -eu
cd "$(dirname "$0")/../.."
lesson=$1 only='' folder=$2
case $lesson in
*[!0-9]*) only=$lesson ;;
esac

mkdir -p "$folder"
cp stream.h handshake.h frame.h wire.h lessons/tools/todo.h lessons/tools/todo.c "$folder"
for name in server stream handshake frame wire; do
    awk -v lesson="$lesson" -v only="$only" -f lessons/tools/stage.awk "$name.c" >"$folder/$name.c"
done
