# assert.sh - read in by scripts that run commands and say whether these did as they should
#
# $out is a file of the script's: what the last command has printed. A failure shows it.
# shellcheck shell=sh
passed=0 failed=0 about='' out=${out:?}

# What is being shown; failures name it.
about() {
    about="$1: "
}

good() {
    passed=$((passed + 1))
}

wrong() {
    failed=$((failed + 1))
    echo "FAILED: $about$1"
    sed 's/^/    /' "$out"
}

# Runs a command, for at most five minutes, and asserts its exit status; "red" is any but 0.
run() {
    wanted=$1
    shift
    timeout 300 "$@" >"$out" 2>&1 </dev/null
    status=$?
    case $wanted,$status in
    *,124) wrong "\"$*\" has not ended in five minutes" ;;
    "$status,$status" | red,[1-9]*) good ;;
    *) wrong "\"$*\" ends with $status, not $wanted" ;;
    esac
}

# Asserts that a line of the output matches, or none does.
says() {
    if grep -q -e "$1" "$out"; then good; else wrong "nothing says \"$1\""; fi
}
never_says() {
    if grep -q -e "$1" "$out"; then wrong "\"$1\" must not be said"; else good; fi
}

# Says how many were good, and ends the script.
sum_up() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}
