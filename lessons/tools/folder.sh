#!/bin/sh
# Makes a folder, for several builds at the same time. If it cannot be made, or nothing can be written to it, says why, and ends with status 1.
#
#     lessons/tools/folder.sh build/release      (make does, before it builds something there)
[ -w "$1" ] || reason=$( (mkdir -p "$1" && touch "$1/.try$$" && rm "$1/.try$$") 2>&1) || {
    echo "$1 cannot be written to: ${reason##*: }."
    top=${1%%/*}
    [ -e "${top:-/}" ] || top=.
    case $reason in
    *denied) echo "Was it \"sudo make\" that made it? This gives it to you: sudo chown -R $(id -un) ${top:-$1}" ;;
    esac
    exit 1
} >&2
