#!/bin/sh
# Writes a program into a folder that has the functions of workshop/, and where one is not written
# yet, the finished code's.
#
#     lessons/tools/rest.sh WORKSHOP FOLDER
set -eu
cd "$(dirname "$0")/../.."
workshop=$1 folder=$2

mkdir -p "$folder"
cp "$workshop"/*.h "$workshop/todo.c" "$folder"
for name in server stream handshake frame wire; do
    awk -v name="$workshop/$name.c" -v finished="$name.c" -f lessons/tools/rest.awk \
        "$name.c" "$workshop/$name.c" >"$folder/$name.c"
done
