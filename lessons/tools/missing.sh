#!/bin/sh
# Says what to install, if a C file did not compile because a library is missing, or the compiler.
# Says nothing if it was something else, because the compiler has said what. Ends with status 1.
#
#     lessons/tools/missing.sh FILE COMPILER FLAG...      (make does, when a file did not compile)
file=$1
shift
say() {
    echo "$1 is missing: Debian's package $2 has it. Please run: make $3" >&2
    exit 1
}

command -v "$1" >/dev/null || say "The compiler ($1)" gcc deps
header=$(LC_ALL=C "$@" -E "$file" 2>&1 >/dev/null |
    sed -n "s/.*fatal error: '\{0,1\}\([^':]*\)'\{0,1\}\(:\| file\).*/\1/p")
case $header in
sha1.h) say "<$header>" libmd-dev deps ;;
b64/*) say "<$header>" libb64-dev deps ;;
zlib.h) say "<$header>" zlib1g-dev deps ;;
CUnit/*) say "<$header>" libcunit1-dev workshop-deps ;;
libwebsockets.h) say "<$header>" libwebsockets-dev test-deps ;;
curl/*) say "<$header>" libcurl4-openssl-dev test-deps ;;
std*.h | errno.h | ctype.h | pthread.h) say "<$header>" libc6-dev deps ;;
esac
exit 1
