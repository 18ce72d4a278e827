#!/bin/sh
# curl's tool, if WebSockets are built into it: it prints what it receives, and sends nothing.
#
#     tests/peers/with-server.sh tests/peers/curl.sh       (make check-peers does)
set -u

version=$(curl --version | sed -n '1s/^curl \([^ ]*\).*/\1/p')
if ! curl --version | grep -q '^Protocols:.* ws\( \|$\)'; then
    echo "0 passed: left out, curl ${version:-(there is none)} was built without WebSockets"
    exit 0
fi

echo=$1
wire=${echo%/echo}/wire
page=http${echo#ws}
page=${page%/echo}/
watcher=
folder=$(mktemp -d) || exit
trap 'test -z "$watcher" || kill "$watcher" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0

# What is tested, what came, and what was expected.
compare()
{
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1: expected $3, got $2"
    fi
}

# The status of the response, and curl's own: 22 for a rejection, 28 when its time is over.
status_of()
{
    status=$(curl --noproxy '*' -s -N -m 1 -o "$folder/out" -w '%{http_code}' "$@")
    echo "$status $?"
}

compare 'an echo is there, and says nothing by itself' "$(status_of "$echo")" '101 28'
compare 'another path' "$(status_of "${echo}s")" '404 22'
compare 'the page of another site' "$(status_of -H 'Origin: http://other.example' "$echo")" '403 22'

# On /wire, the server sends its trace, a message for each event.
: >"$folder/wire"
curl --noproxy '*' -s -N -m 30 "$wire" >"$folder/wire" &
watcher=$!
waited=0
until grep -q '"text":"GET /?curl HTTP/1.1"' "$folder/wire" || [ "$waited" -ge 100 ]; do
    curl --noproxy '*' -s -m 10 -o "$folder/out" "$page?curl"
    sleep .1
    waited=$((waited + 1))
done
compare 'the trace on /wire holds the request of another client' \
    "$(grep -o '"text":"GET /?curl HTTP/1.1"' "$folder/wire" | sed -n 1p)" '"text":"GET /?curl HTTP/1.1"'

echo "curl's tool, $version: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
