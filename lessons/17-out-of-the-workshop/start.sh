#!/bin/sh
# Starts two echo servers, and nginx with TLS in front of them, until Ctrl-C:
#
#   lessons/17-out-of-the-workshop/start.sh [PORT [SERVER1 SERVER2 [OPTION]...]]
#
# PORT (8443) is nginx's, SERVER1 and SERVER2 (8081 and 8082) are the servers' ports, 0 lets the
# system choose them; each OPTION, such as --timeout 5, goes to both servers. All that it makes is in
# build/tls/: the certificate with its key, nginx.conf with these ports, what each program printed,
# and server-1.pid and server-2.pid, for those who want to stop one of them. It need not be root's.
# SERVER names another program than ./server.
set -u
lesson=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit
cd "$lesson/../.." || exit
PATH=$PATH:/usr/sbin # where Debian has nginx, and not everybody looks
folder=build/tls
server=${SERVER:-./server}
port=${1:-8443}
server_1=${2:-8081}
server_2=${3:-8082}
[ $# -lt 3 ] && shift $# || shift 3

fail()
{
    echo "start.sh: $1" >&2
    exit 1
}

# A certificate that is signed by its own key: nobody vouches for it, so clients must be told to trust it.
make_certificate()
{
    [ -s $folder/key.pem ] &&
        openssl x509 -in $folder/certificate.pem -noout -checkend 86400 >/dev/null 2>&1 && return
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout $folder/key.pem -out $folder/certificate.pem) 2>$folder/openssl.log ||
        fail "no certificate could be made: $(tail -n 1 $folder/openssl.log)"
}

# start NAME COMMAND...: its output goes to NAME.log, its number to $started. setsid keeps Ctrl-C from
# it, for stop to end all in order.
start()
{
    name=$1
    shift
    setsid "$@" >$folder/$name.log 2>&1 </dev/null &
    started=$!
}

# start_server NUMBER PORT OPTION...: sets $listening to the port that it has got.
start_server()
{
    number=$1 wanted=$2
    shift 2
    start "server-$number" "$server" --port "$wanted" --origin "https://localhost:$port" --wire --verbose "$@"
    servers="$servers $started"
    echo $started >"$folder/server-$number.pid"
    listening='' tries=0
    while [ -z "$listening" ] && [ $tries -lt 50 ] && kill -0 $started 2>/dev/null; do
        sleep 0.1
        tries=$((tries + 1))
        listening=$(sed -n 's|^listening on http://127.0.0.1:\([0-9]*\)/$|\1|p' "$folder/server-$number.log")
    done
    [ -n "$listening" ] && return
    fail "server $number does not start: $(tail -n 1 "$folder/server-$number.log")"
}

# nginx writes nginx.pid once it listens. Where its port is taken it tries for some seconds. The "t" of
# sed leaves a port alone that was put there just now.
start_nginx()
{
    sed -e "s/:8443/:$port/" -e t -e "s/:8081/:$server_1/" -e t -e "s/:8082/:$server_2/" \
        "$lesson/nginx.conf" >$folder/nginx.conf
    : >$folder/access.log
    rm -f $folder/nginx.pid
    start nginx nginx -e stderr -p "$PWD/$folder/" -c nginx.conf
    nginx=$started
    while [ ! -s $folder/nginx.pid ]; do
        kill -0 "$nginx" 2>/dev/null || fail "nginx does not start: $(tail -n 1 $folder/nginx.log)"
        sleep 0.1
    done
}

# The servers first, while nginx still carries their goodbye to the clients.
stop()
{
    trap '' INT TERM HUP
    [ -n "$servers" ] && kill $servers 2>/dev/null
    for process in $servers; do
        wait "$process"
    done
    [ -n "$nginx" ] && kill "$nginx" 2>/dev/null && wait "$nginx"
}

for program in nginx openssl setsid; do
    command -v $program >/dev/null || fail "$program is missing: apt-get install nginx openssl util-linux"
done
[ -x "$server" ] || fail "there is no $server yet: make"
mkdir -p $folder || exit
make_certificate
servers='' nginx=''
trap stop EXIT
trap 'exit 0' INT TERM HUP
start_server 1 "$server_1" "$@"
server_1=$listening
start_server 2 "$server_2" "$@"
server_2=$listening
start_nginx
echo "two servers: http://127.0.0.1:$server_1/ and http://127.0.0.1:$server_2/"
echo "nginx in front of them: https://localhost:$port/"
wait "$nginx"
fail "nginx has ended: $(tail -n 1 $folder/nginx.log)"
