#!/bin/sh
# Checks tests/CONFORMANCE.md: each test that it names is there, once, and has passed.
#
#     tests/conformance.sh [FOLDER]       (make check-conformance does)
#
# FOLDER holds the logs of the last "make check"; build/release/tests unless told otherwise. A test of a
# C suite must be in the suite's list of tests, and its log must say that it passed. Other tests need
# only be in their file. Each row of the table counts once: passed, or failed with the reason.
set -u
CDPATH= cd "$(dirname "$0")/.." || exit 1

exec awk -v folder="${1:-build/release/tests}" '
function wrong(words) {
    printf "tests/CONFORMANCE.md:%d: %s\n", FNR, words
    bad = 1
}

# Reads a file; "" if there is none.
function contents(path,    text, line) {
    while ((getline line <path) > 0)
        text = text line "\n"
    close(path)
    return text
}

# How often a text is in another. Nothing is a pattern here.
function times(text, part,    n, at) {
    while ((at = index(text, part)) > 0) {
        n++
        text = substr(text, at + length(part))
    }
    return n + 0
}

# The list of tests of a C suite, each in a line: "    {"its name", ".
function list_of_tests(source,    at) {
    at = index(source, "struct test tests[] = {")
    if (at == 0)
        return ""
    source = substr(source, at)
    return substr(source, 1, index(source, "{0},"))
}

# How often a file defines a test of that name.
function defined(file, name,    source) {
    if (!(file in sources))
        sources[file] = contents("tests/" file)
    source = sources[file]
    if (file ~ /\.c$/)
        return times(list_of_tests(source), "{\"" name "\",")
    if (file ~ /\.py$/)
        return times(source, "def " name "(")
    return times(source, "test(" quote name quote ",") + times(source, "scenario(" quote name quote ",")
}

# How often the log of a C suite says that a test passed.
function passed_in_log(file, name,    log_file) {
    log_file = file
    sub(/\.c$/, ".log", log_file)
    if (!(log_file in logs)) {
        logs[log_file] = "\n" contents(folder "/" log_file)
        if (logs[log_file] == "\n")
            wrong("no log " folder "/" log_file ": run make check")
    }
    return times(logs[log_file], "\n  Test: " name " ...passed\n")
}

function check_test(file, name,    n) {
    n = defined(file, name)
    if (n != 1) {
        wrong("tests/" file " has " n " tests named \"" name "\", not one")
    } else if (file ~ /\.c$/ && (n = passed_in_log(file, name)) != 1) {
        wrong("the log says " n " times, not once, that \"" name "\" of tests/" file " passed")
    }
    named++
}

# Checks the tests named in a cell: file: "name"; file: "name". A reason may stand before them.
function check_cell(cell,    reason, found, words, before, odd) {
    reason = match(cell, /^(does not apply|not kept): ./) > 0
    while (match(cell, /[a-z0-9_\/]+(\.test)?\.(c|mjs|py): "[^"]+"/) > 0) {
        before = substr(cell, 1, RSTART - 1)
        odd += found > 0 || (reason && before !~ /: "/) ? before !~ /; $/ : before != ""
        words = substr(cell, RSTART, RLENGTH)
        cell = substr(cell, RSTART + RLENGTH)
        check_test(substr(words, 1, index(words, ":") - 1),
                   substr(words, index(words, "\"") + 1, length(words) - index(words, "\"") - 1))
        found++
    }
    if (odd || cell ~ /: "/ || (!reason && (found == 0 || cell != "")))
        wrong("the last cell must name tests, or say why there is none: " $4)
    if (reason)
        reasons++
}

BEGIN {
    FS = " *[|] *"
    quote = sprintf("%c", 39)
}

/^[|]/ && $2 != "section" && $2 != "---" {
    bad = 0
    if (NF != 5 || $2 == "" || $3 == "" || $4 == "")
        wrong("a row has three cells: section, what it asks, shown by")
    else
        check_cell($4)
    if (seen[$2 "|" $3]++)
        wrong("the same row stands above")
    failed += bad
    passed += !bad
}

END {
    printf "%d rows name a test %d times; %d say why a rule does not apply or is not kept\n",
        passed + failed, named, reasons
    printf "%d passed, %d failed\n", passed, failed
    exit failed > 0 || passed == 0
}' tests/CONFORMANCE.md
