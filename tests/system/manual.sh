#!/bin/sh
# Writes the man page, server.1: what --help prints, and between that, server.h2m.
#
#     tests/system/manual.sh ./server PAGE      (make man does)
#
# A page that differs only by its date, or by the version of help2man, is left as it is.
set -eu
server=$1 page=$2

# The page without what says when, and with what, it was made.
lasting() {
    sed -e '1d' -e '/^\.TH/s/"[0-9-]*" *"server/"" "server/' "$1"
}

# mandoc wants dates as the standards write them.
help2man --no-info --include=server.h2m "$server" |
    sed '/^\.TH/s/"[A-Z][a-z]* [0-9]*"/"'"$(date +%Y-%m-%d)"'"/' >"$page.new"
if [ -f "$page" ] && [ "$(lasting "$page")" = "$(lasting "$page.new")" ]; then
    rm "$page.new"
else
    mv "$page.new" "$page"
fi
