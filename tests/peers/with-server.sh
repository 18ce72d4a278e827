#!/bin/sh
# Starts the server on a port that the system chooses, runs a command with the address of its echo as
# the last argument, and stops the server again. Fails if the command fails or takes longer than two
# minutes, if --verbose shows that the server did not reply to a client's Close with the same one, or
# if the server does not end as it should. (A Close may cross the server's own, 1001, when it is stopped.)
#
#     tests/peers/with-server.sh build/peers/libwebsockets
#
# SERVER names another server than ./server; OPTIONS are more options for it.
set -u

folder=$(mktemp -d) || exit
server=
trap 'test -z "$server" || kill -TERM "$server" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Says what is wrong, and what the server printed.
fail()
{
    echo "$*" >&2
    cat "$folder/stderr" >&2
    exit 1
}

: >"$folder/stdout"
# Whatever happens here, it ends after three minutes. "timeout" passes the signals on.
timeout --foreground -k 10 180 "${SERVER:-./server}" --port 0 --wire --verbose ${OPTIONS:-} \
    >"$folder/stdout" 2>"$folder/stderr" &
server=$!
waited=0
until url=$(sed -n 's|^listening on http://\(127\.0\.0\.1:[0-9]*\)/$|ws://\1/echo|p' "$folder/stdout") &&
    [ -n "$url" ]; do
    kill -0 "$server" 2>/dev/null || fail "${SERVER:-./server} has ended instead of listening"
    waited=$((waited + 1))
    [ "$waited" -lt 100 ] || fail "${SERVER:-./server} did not say within 10 s that it listens"
    sleep .1
done

timeout --foreground -k 5 120 "$@" "$url"
result=$?
[ "$result" != 124 ] || echo "$1 had to be ended after 120 s" >&2

kill -TERM "$server" 2>/dev/null || fail "the server has ended by itself, before $1 was done"
wait "$server"
status=$?
server=
awk '/ (in |out)  *frame: close, / {
        client = $3; dir = $4; sub(/.*frame: /, ""); sent[dir, client] = $0; clients[client]
    }
    END {
        for (c in clients)
            if (("in", c) in sent && sent["in", c] != sent["out", c] && sent["out", c] !~ /code 1001/) {
                printf "client %s sent a %s; the reply: %s\n", c, sent["in", c], sent["out", c]
                wrong = 1
            }
        exit wrong
    }' "$folder/stdout" >&2 || result=1
[ "$status" = 0 ] || fail "expected exit code 0 of the server after SIGTERM, got $status"
exit "$result"
