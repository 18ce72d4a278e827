#!/bin/sh
# Writes a program into a folder that has the functions of workshop/, and if one is not written
# yet, the finished code's.
#
#     lessons/tools/rest.sh WORKSHOP FOLDER
set -eu
CDPATH= cd "$(dirname "$0")/../.."
. lessons/tools/flags.sh
workshop=$1 folder=$2

mkdir -p "$folder"
cp "$workshop"/*.h "$folder"
for source in $sources; do
    awk -f lessons/tools/functions.awk "$source" "$workshop/$source" |
        awk -v name="$workshop/$source" -v finished="$source" -f lessons/tools/rest.awk \
            - "$source" "$workshop/$source" >"$folder/$source"
done
