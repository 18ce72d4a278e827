#!/bin/sh
# Shows that the benchmark measures what it says: load.c gets an answer from every kind of server, and
# ends with a sentence where an echo is not the same.
#
#     tests/bench/check.sh SERVER FOLDER       (with load and raw in it; make check-bench does)
set -u
program=$1 folder=$2
passed=0 failed=0

check() { # what, what it must print, server with its arguments -- arguments of load
    what=$1 wanted=$2
    shift 2
    server=
    while [ "$1" != -- ]; do server="$server $1"; shift; done
    shift
    mkfifo "$folder/ready"
    timeout 60 $server >"$folder/ready" 2>"$folder/errors" &
    pid=$!
    read -r line <"$folder/ready"
    rm "$folder/ready"
    port=${line##*:}
    said=$(timeout 60 "$folder/load" --port "${port%/}" --server-pid $pid --seconds .2 "$@" 2>&1)
    kill $pid
    wait $pid 2>/dev/null
    case $said in
        *"$wanted"*) passed=$((passed + 1)) ;;
        *) failed=$((failed + 1)); echo "FAILED: $what: expected \"$wanted\" in: $said" ;;
    esac
}

check 'frames' '"messages": ' "$program" --port 0 -- --connections 20
check 'many in flight' '"messages": ' "$program" --port 0 -- --connections 3 --in-flight 200
check 'text' '"messages": ' "$program" --port 0 -- --bytes 65536 --text
check 'a large message' '"messages": ' "$program" --port 0 -- --bytes 1000000
check 'a chat' '"wire_bytes": 69.0' "$program" --port 0 -- --chat --connections 20 --in-flight 16
check 'compressed messages' '"messages": ' "$program" --port 0 --compress -- \
    --json --compress --bytes 65536 --connections 3
check 'plain bytes' '"messages": ' "$folder/raw" 16384 -- --raw --connections 20 --in-flight 16
check 'a message over the limit' '0x88 0x21 came back' "$program" --port 0 --max-message 100 -- --bytes 200
check 'no WebSocket server' 'does not upgrade' "$folder/raw" 16384 -- --connections 1
check 'plain bytes from a WebSocket server' 'came back changed' "$program" --port 0 --timeout 1 -- --raw
check 'a wrong byte' 'came back changed' /usr/bin/python3 "${0%/*}/wrong.py" bytes -- --raw --bytes 5000
check 'a wrong byte, once inflated' 'came back changed' /usr/bin/python3 "${0%/*}/wrong.py" compressed -- \
    --json --compress --bytes 1024
check 'a server that does not compress' 'does not agree to permessage-deflate' "$program" --port 0 -- \
    --json --compress --bytes 1024
check 'a message that a chat drops' 'has dropped messages of the chat: "* 1 ' \
    /usr/bin/python3 "${0%/*}/wrong.py" dropped -- --chat
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
