#!/bin/sh
# Writes the learner's folder, workshop/, at the beginning of a lesson: the functions of the lessons
# before it are there, those of this one and of later ones are to be written.
#
#     make workshop LESSON=7
#     make workshop               lesson 1 if there is no workshop/; else says where it is
#
# No change of the learner's is lost. What was written there is kept in workshop/.written, so that a
# changed file is known; before it is written again, all files are copied into a dated folder in
# workshop/kept. Further files of the learner's stay where they are.
. "$(dirname "$0")/common.sh"
set -e
folder=${WORKSHOP:-workshop}

# The learner's files that would be overwritten and that nobody has written there before.
changed_files() {
    for new in "$folder"/.new/*; do
        name=${new##*/}
        [ ! -e "$folder/$name" ] || cmp -s "$folder/$name" "$new" ||
            cmp -s "$folder/$name" "$folder/.written/$name" || echo "$name"
    done
}

# A folder that was not there before, named by the time.
new_kept_folder() {
    base=$folder/kept/$(date +%Y-%m-%d-%H.%M.%S) count=2
    kept=$base
    mkdir -p "$folder/kept"
    until mkdir "$kept" 2>/dev/null; do
        [ -d "$kept" ] || { echo "The folder $kept cannot be made." >&2; return 1; }
        kept=$base-$count count=$((count + 1))
    done
}

keep() {
    new_kept_folder
    for file in "$folder"/*; do
        [ ! -f "$file" ] || cp -p "$file" "$kept/"
    done
    echo "You have changed $(echo $1 | sed 's/ /, /g; s/\(.*\), /\1 and /')."
    echo "All files as they were are kept in $kept/."
    echo "To have them back:  cp $kept/* $folder/"
    echo
}

write_stage() {
    sh lessons/tools/folder.sh "$folder"
    rm -rf "$folder/.new"
    sh lessons/tools/stage.sh "$lesson" "$folder/.new"
    changed=$(changed_files)
    [ -z "$changed" ] || keep "$changed"
    for new in "$folder"/.new/*; do
        cmp -s "$new" "$folder/${new##*/}" || cp "$new" "$folder/"
    done
    rm -rf "$folder/.written"
    mv "$folder/.new" "$folder/.written"
}

if [ -n "${1:-}" ]; then
    take_lesson "$1"
    write_stage
    echo "$folder/ is at the beginning of lesson $lesson now."
elif [ ! -f "$folder/server.c" ]; then
    lesson=1
    write_stage
    echo "$folder/ is made, at the beginning of lesson 1."
else
    lesson=$(first_unwritten)
    echo "$folder/ is there already; nothing in it was changed. make lesson shows the whole path."
fi
echo
tell_next "$lesson"
