#!/bin/sh
# Tests of pages in Debian's Firefox, of our own page's unless told otherwise, where there is one that playwright-core can steer: Firefox 140 lacks
# some of WebDriver BiDi, 153 has what is needed.
#
#     tests/browser/firefox.sh [TEST...]       (make check-firefox and make check-book do)
#
# FIREFOX names another Firefox than firefox-esr; SERVER, another server than ./server.
set -u

needed=153
program=$(command -v "${FIREFOX:-firefox-esr}" || echo "${FIREFOX:-firefox-esr}")
version=$("$program" --version 2>/dev/null | sed -n 's/^Mozilla Firefox \([0-9]*\).*/\1/p')
if [ -z "$version" ]; then
    echo "0 passed: left out, there is no $program (FIREFOX can name another)"
    exit 0
fi
if [ "$version" -lt "$needed" ]; then
    echo "0 passed: left out, this is Firefox $version, and $needed is needed (Debian's security updates have it)"
    exit 0
fi
here=$(dirname "$0")
[ $# -gt 0 ] || set -- "$here/firefox.test.mjs" "$here/page.test.mjs" "$here/compression.test.mjs"
BROWSER=firefox FIREFOX=$program exec node --test --test-concurrency=1 "$@"
