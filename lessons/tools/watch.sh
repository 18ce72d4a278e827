#!/bin/sh
# Runs the check of the learner's lesson whenever a file in workshop/ has changed, and goes on to the
# next lesson when it passes. Ctrl-C ends it.
#
#     make watch
#
# It looks at the files' contents twice a second: that works in folders that are shared with another
# machine too, where nobody reports a change and clocks differ.
. "$(dirname "$0")/common.sh"
need_folder
trap 'printf "\nNo longer watching.\n"; exit 0' INT TERM

contents() {
    cksum "$folder"/*.[ch] 2>&1
}

# Waits until the contents are others than those that were checked, and stay so for a moment: an
# editor may write a file in several steps.
wait_for_change() {
    until [ "$(contents)" != "$checked" ]; do
        sleep 0.5
    done
    settled=''
    until [ "$(contents)" = "$settled" ]; do
        settled=$(contents)
        sleep 0.1
    done
    begin
}

# A clean screen, if there is one, and the contents that will be checked.
begin() {
    checked=$(contents)
    ! on_terminal || printf '\033[H\033[2J\033[3J'
    echo "$(date +%H:%M:%S)"
}

tell_waiting() {
    printf '\nWatching %s/: the next check runs when a file changes. Ctrl-C ends this.\n' "$folder"
}

# Checks lessons as long as they pass and the next one has no unwritten function.
check_on() {
    while sh lessons/tools/check.sh "$lesson"; do
        lesson=$((lesson + 1))
        [ "$lesson" -le $last_to_write ] || exit 0
        [ -z "$(unwritten_functions "$lesson")" ] || break
        echo
    done
}

begin
until find_place; do
    tell_waiting
    wait_for_change
done
lesson=$at
if [ "$lesson" -gt $last_to_write ]; then
    tell_next "$lesson"
    exit 0
fi
while :; do
    check_on
    tell_waiting
    wait_for_change
    first=$(first_unwritten)
    [ "$first" -ge "$lesson" ] || lesson=$first # the folder was written anew, say
done
